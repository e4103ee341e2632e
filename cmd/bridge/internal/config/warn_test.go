package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWarnOfTriggers(t *testing.T) {
	const warning = "bridge.yaml:2: dm_servers[0].account.server: a has no secret, so all its triggers will be refused; give scheme, user and secret"
	for _, c := range []struct {
		name, account, triggers string
		want                    []string
	}{
		{"no channel", "", "", nil},
		{"a channel out", "", "triggers: {out: {channel: udp}}\n", nil},
		{"udp", "", "triggers: {in: {udp: [{listen: ':2948'}]}}\n", []string{warning}},
		{"pap", "", "triggers: {in: {pap: {listen: ':1', peers: [127.0.0.1]}}}\n", []string{warning}},
		{"kannel", "", "triggers: {in: {kannel: {listen: ':1', peers: [127.0.0.1]}}}\n", []string{warning}},
		{"a secret of the device only", "    account: {client: {scheme: md5, user: u, secret: s}}\n",
			"triggers: {in: {udp: [{listen: ':2948'}]}}\n", []string{strings.Replace(warning, ":2:", ":6:", 1)}},
		{"a secret", "    account: {server: {scheme: md5, user: u, secret: s}}\n", "triggers: {in: {udp: [{listen: ':2948'}]}}\n", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := load(t, minimal+c.account+c.triggers).Warnings; !cmp.Equal(got, c.want) {
				t.Errorf("got %q; want %q", got, c.want)
			}
		})
	}
}

// TestWarnOfServerIDs: an id that no list can name is warned of, where it
// stands.
func TestWarnOfServerIDs(t *testing.T) {
	for id, good := range map[string]bool{
		"dm.example.org": true, "a-dm_1/~:;!": true, "a+b": false, "a&b": false, "a=b": false, "*": false, "a b": false, "ü": false,
	} {
		got := load(t, strings.Replace(minimal, "srv", `"`+id+`"`, 1)).Warnings
		if good && len(got) > 0 || !good && (len(got) != 1 || !strings.HasPrefix(got[0], `bridge.yaml:4: dm_servers[0].server_id: "`+id+`" cannot stand`)) {
			t.Errorf("%q: warnings %q", id, got)
		}
	}
}
