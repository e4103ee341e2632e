package config

import (
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"
)

// FuzzParse: whatever the file holds, it is read or refused with problems that
// name the file, and never shows what stands where secrets stand.
func FuzzParse(f *testing.F) {
	full, err := os.ReadFile("testdata/full.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(regexp.MustCompile("(?m)^.*file.*$").ReplaceAllString(string(full), "")))
	f.Add([]byte(minimal))
	legacy, err := os.ReadFile("testdata/legacy.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(regexp.MustCompile("(?m)^.*(file|csv|pem).*$").ReplaceAllString(string(legacy), "")))
	f.Add([]byte("a: &a [*a, *a]\n"))
	f.Add([]byte("dm_servers: [{account: {client: {secret: [a]}}}]"))
	f.Add([]byte("devices: [{match: [a], activate: true}]\n---\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if strings.Contains(string(data), "file") { // it could name one of this machine
			return
		}
		c, err := parse("f.yaml", data)
		if err == nil {
			c.Account("urn:imei:1")
			c.LegacyDevice("IMEI:1")
			return
		}
		problems, ok := errors.AsType[Problems](err)
		if !ok || c != nil || len(problems) == 0 {
			t.Fatalf("got %v, %v; want problems alone", c, err)
		}
		for _, p := range problems {
			if p.File != "f.yaml" || p.Text == "" || p.Line < 0 {
				t.Errorf("problem without file or text: %+v", p)
			}
		}
	})
}
