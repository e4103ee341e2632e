package session

import (
	"fmt"
	"strings"
	"testing"

	"github.com/fwbridge/fwbridge/syncml"
)

// TestMoreThanAnnounced: what is announced is a wish. A message may be longer,
// up to what the decoder takes, or longer still if more was announced.
func TestMoreThanAnnounced(t *testing.T) {
	for _, tt := range []struct {
		told int64
		size int
		end  End
	}{
		{0, syncml.DefaultMaxMessage, EndNot},
		{16 << 10, 17 << 10, EndNot},
		{16 << 10, syncml.DefaultMaxMessage, EndNot},
		{16 << 10, syncml.DefaultMaxMessage + 1, EndProtocol},
		{1 << 20, 1 << 20, EndNot},
		{1 << 20, 1<<20 + 1, EndProtocol},
	} {
		t.Run(fmt.Sprint(tt.told, tt.size), func(t *testing.T) {
			p := fresh(t, func(a *Account) { a.MaxMsgSize = tt.told })
			body := p.body(getName + "<Get>")
			pad := tt.size - len(body) + len("<Get>")
			body = []byte(strings.Replace(string(body), "<Get><Final", strings.Repeat(" ", pad)+"<Final", 1))
			if len(body) != tt.size {
				t.Fatalf("%d bytes", len(body))
			}
			if out := p.c.Receive(body, p.tree, p.nonce); out.End != tt.end {
				t.Errorf("end %q (%v)", out.End, out.Err)
			}
		})
	}
}

// TestServerObjectLongerThanAnnounced: Results in parts may be longer than our
// MaxObjSize, up to DefaultMaxObject.
func TestServerObjectLongerThanAnnounced(t *testing.T) {
	for size, want := range map[int64]syncml.Code{1001: syncml.StatusChunkAccepted, DefaultMaxObject: syncml.StatusChunkAccepted, DefaultMaxObject + 1: syncml.StatusTooLarge} {
		cfg := serverAccount()
		cfg.Account.MaxObjSize = 1000
		d := newDevice(t, cfg)
		d.say(d.first(), get("./a"))
		part := results("1", "4", "./a", "ab")
		part.Items[0].Meta.Size, part.Items[0].MoreData = size, true
		m := d.answer(nil, part)
		m.Final = false
		d.say(m)
		if got := outline(d.last); !strings.Contains(got, fmt.Sprintf("Status Results  %d\n", want)) {
			t.Errorf("%d bytes: %s", size, got)
		}
	}
}
