package config

import (
	"strings"
	"testing"

	"github.com/fwbridge/fwbridge/mapping"
)

// waysServer is the rest of a configuration that has packages of its own.
const waysServer = `
dm_servers:
  - {name: a, url: "http://dm.example.com/oma", server_id: a, devices: ["*"]}
`

func TestWaysOfDevices(t *testing.T) {
	c, err := parse("x.yaml", []byte(`
packages: {way: auto, coap_url: "coap://bridge.example.com:5683", listen: 127.0.0.1:8081, url: "http://bridge.example.com:8081"}
devices:
  - {match: ["old-*"], way: push, push_rate: 2KiB}
  - {match: ["http-*"], way: proxy-http}
  - {match: ["plain-*"], dialect: draft}
`+waysServer))
	if err != nil {
		t.Fatal(err)
	}
	for endpoint, want := range map[string]mapping.Way{"old-1": mapping.WayPush, "http-1": mapping.WayProxyHTTP, "plain-1": 0, "other": 0} {
		if got := c.Way(endpoint); got != want {
			t.Errorf("%s: %v, want %v", endpoint, got, want)
		}
	}
	for endpoint, want := range map[string]int64{"old-1": 2 << 10, "http-1": 1 << 20, "other": 1 << 20} {
		if got := c.PushRate(endpoint); got != want {
			t.Errorf("%s: pushed at %d bytes a second, want %d", endpoint, got, want)
		}
	}
	if !c.KeepsPackages() || c.PackagesURL() != "http://bridge.example.com:8081" {
		t.Errorf("keeps packages %v at %q", c.KeepsPackages(), c.PackagesURL())
	}
	if d := Default(); d.KeepsPackages() || d.Way("x") != mapping.WayDirect || d.PackagesURL() != "" {
		t.Error("the default has packages of its own")
	}
}

func TestWaysThatLackSomething(t *testing.T) {
	for text, want := range map[string]string{
		`packages: {way: proxy-coap}`:                               "needs packages.coap_url",
		`packages: {way: proxy-http}`:                               "needs packages.url, and packages.listen or legacy.listen",
		`packages: {way: proxy-http, url: "http://x"}`:              "needs packages.url, and packages.listen or legacy.listen",
		`packages: {coap_url: "http://x"}`:                          "want coap://host:port",
		`packages: {coap_url: "coap://x/deep"}`:                     "want coap://host:port",
		`devices: [{match: ["*"], way: proxy-coap}]`:                "devices[0].way",
		`packages: {way: sideways}`:                                 "auto, direct, proxy-coap, proxy-http or push",
		"packages: {way: push, max_package: 2MiB, max_bytes: 1MiB}": "packages.max_package: 2MiB is more",
		`packages: {way: auto, listen: "nowhere"}`:                  "packages.listen",
	} {
		_, err := parse("x.yaml", []byte(text+waysServer))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		} else if n := strings.Count(err.Error(), want); n != 1 {
			t.Errorf("%s: %s is reported %d times", text, want, n)
		}
	}
}

func TestPackagesForNobody(t *testing.T) {
	for text, want := range map[string]int{
		`packages: {listen: ":8089"}`: 1,
		`packages: {listen: ":8089", coap_url: "coap://x", pass_through: true, bucket: {endpoint: s3.example.com, name: firmware}}`: 4,
		`packages: {listen: ":8089", way: push}`:                                        0,
		`packages: {listen: ":8089"}` + "\ndevices: [{match: [x], way: push}]":          0,
		`packages: {listen: ":8089"}` + "\nlegacy: {listen: :80, url: \"http://x/dm\"}": 0,
		`packages: {max_bytes: 8GiB}`:                                                   0,
	} {
		c, err := parse("x.yaml", []byte(text+waysServer))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		n := 0
		for _, w := range c.Warnings {
			if strings.HasPrefix(w, "x.yaml:1: packages.") && strings.Contains(w, "no device gets packages from the bridge") {
				n++
			}
		}
		if n != want {
			t.Errorf("%s: %d of %d warnings: %q", text, n, want, c.Warnings)
		}
	}
}
