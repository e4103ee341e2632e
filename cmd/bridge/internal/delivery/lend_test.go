package delivery

import "testing"

func TestLend(t *testing.T) {
	hosts := []Host{
		{Pattern: "a.test", User: "u", Password: "p"},
		{Pattern: "plain.test", User: "v", Password: "q", LendPlain: true},
		{Pattern: "token.test", Bearer: "t"},
		{Pattern: "none.test"},
		{Pattern: "*.test", User: "w", Password: "r"},
	}
	for _, row := range []struct {
		uri     string
		secured bool
		user    string // "" is none
	}{
		{"https://a.test/x", true, "u"},
		{"HTTPS://A.test./x", true, "u"},
		{"https://b.test/x", true, "w"},
		{"https://a.test/x", false, ""},
		{"http://a.test/x", true, ""},
		{"https://plain.test/x", false, "v"},
		{"http://plain.test/x", false, "v"},
		{"coap://plain.test/x", true, ""},
		{"coaps://plain.test/x", true, ""},
		{"https://token.test/x", true, ""},
		{"https://none.test/x", true, ""}, // the first that fits counts
		{"https://else.where/x", true, ""},
		{"https://me@a.test/x", true, ""},
		{"https://%zz", true, ""},
		{"", true, ""},
	} {
		user, password, ok := Lend(hosts, row.uri, row.secured)
		if user != row.user || ok != (row.user != "") || ok != (password != "") {
			t.Errorf("%s, %t: %q, %t", row.uri, row.secured, user, ok)
		}
	}
}
