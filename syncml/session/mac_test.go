package session

import (
	"encoding/base64"
	"strings"
	"testing"
)

// TestMACVector is that of oma-dm.md 6.2.
func TestMACVector(t *testing.T) {
	nonce, err := base64.StdEncoding.DecodeString("ICEiIyQlJicoKSorLC0uLw==")
	if err != nil {
		t.Fatal(err)
	}
	c := Credentials{Scheme: SchemeMAC, User: "dev-0001", Secret: "dev-pw"}
	want := `algorithm=MD5, username="dev-0001", mac=p2awsgE0nsoESCGU31ueLg==`
	if got := c.hmacHeader(nonce, []byte("<SyncML/>")); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for _, tt := range []struct {
		name, hmac, body string
		want             bool
	}{
		{"as sent", want, "<SyncML/>", true},
		{"any order, case and space", `MAC = p2awsgE0nsoESCGU31ueLg== ,USERNAME=dev-0001`, "<SyncML/>", true},
		{"a quoted mac", `username="dev-0001",mac="p2awsgE0nsoESCGU31ueLg==",algorithm=md5`, "<SyncML/>", true},
		{"another body", want, "<SyncML />", false},
		{"another user", strings.Replace(want, "0001", "0002", 1), "<SyncML/>", false},
		{"another algorithm", strings.Replace(want, "MD5", "SHA1", 1), "<SyncML/>", false},
		{"no header", "", "<SyncML/>", false},
	} {
		if got := c.proves(evidence{hmac: tt.hmac, body: []byte(tt.body)}, nonce); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

// TestParseHMAC: what is malformed is refused, and errors do not repeat it.
func TestParseHMAC(t *testing.T) {
	for _, tt := range []struct{ header, user string }{
		{`algorithm=MD5, username="a", mac=m`, "a"},
		{`username="a \"b\", \\c", mac=m`, `a "b", \c`},
		{`mac=m,username=a,other=1,`, "a"},
		{`username="a" , mac=m`, "a"},
		{`username="a", mac=` + strings.Repeat("m", maxHMAC-len(`username="a", mac=`)), "a"},
		{`username="a", mac=` + strings.Repeat("m", maxHMAC-len(`username="a", mac=`)+1), ""},
		{``, ""},
		{`username="a"`, ""},
		{`mac=m`, ""},
		{`username="a" mac=m`, ""},
		{`username="a, mac=m`, ""},
		{`username="a\`, ""},
		{`username=a, mac=hunter2, mac=m`, ""},
		{`hunter2`, ""},
		{`=hunter2,username=a,mac=m`, ""},
	} {
		user, ok := HMACUser(tt.header)
		if user != tt.user || ok != (tt.user != "") {
			t.Errorf("%s: %q %v", tt.header, user, ok)
		}
		if _, err := parseHMAC(tt.header); err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error shows the header: %v", err)
		}
	}
}

func FuzzHMAC(f *testing.F) {
	f.Add(`algorithm=MD5, username="dev-0001", mac=p2awsgE0nsoESCGU31ueLg==`)
	f.Add(`username="a\"`)
	f.Fuzz(func(t *testing.T, text string) {
		_, _ = parseHMAC(text)
		// A user of any text comes out as it went in.
		c := Credentials{User: text, Secret: "s"}
		if h := c.hmacHeader([]byte("n"), nil); text != "" && len(h) <= maxHMAC {
			if f, err := parseHMAC(h); err != nil || f.user != text || f.mac != c.mac([]byte("n"), nil) {
				t.Errorf("%q came out as %q (%v)", text, f.user, err)
			}
		}
	})
}
