package syncml

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// TestSecretIsNotPrinted tries everything that prints, on a secret alone and
// in the structures that carry it.
func TestSecretIsNotPrinted(t *testing.T) {
	const hidden = "hunter2"
	s := Secret(hidden)
	type holder struct {
		S Secret
		P *Secret
		M map[string]Secret
		L []Secret
		A any
	}
	var out bytes.Buffer
	values := []any{
		s, &s, []Secret{s}, map[string]Secret{"a": s}, struct{ S Secret }{s},
		holder{s, &s, map[string]Secret{"k": s}, []Secret{s}, s},
		Cred{Data: s}, &Cred{Data: s}, Meta{NextNonce: s}, Chal{Meta{NextNonce: s}},
		Header{Cred: &Cred{Data: s}}, &Status{Chal: &Chal{Meta{NextNonce: s}}, Cred: &Cred{Data: s}},
		Message{Body: []Command{&Status{Cred: &Cred{Data: s}}}}, &Message{Header: Header{Cred: &Cred{Data: s}}},
		struct{ C []Command }{[]Command{
			&Block{Body: []Command{&Status{Chal: &Chal{Meta{NextNonce: s}}}}},
			&Op{Meta: Meta{NextNonce: s}}, &Results{Meta: Meta{NextNonce: s}}, &Alert{Items: []Item{{Meta: Meta{NextNonce: s}}}},
		}},
		fmt.Errorf("wrapped: %v", s),
	}
	verbs := []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%10s", "%t", "%T %v"}
	logs := []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)}
	for _, v := range values {
		for _, verb := range verbs {
			fmt.Fprintf(&out, verb+"\n", v, v)
		}
		fmt.Fprintln(&out, v)
		for _, h := range logs {
			slog.New(h).Info("message", "value", v, slog.Group("g", "value", v))
		}
		for _, marshal := range []func(any) ([]byte, error){json.Marshal, yaml.Marshal, xml.Marshal} {
			b, err := marshal(v)
			if err == nil {
				out.Write(b)
			}
		}
	}
	for _, leak := range []string{hidden, fmt.Sprintf("%x", hidden), fmt.Sprintf("%X", hidden), fmt.Sprint([]byte(hidden))} {
		if i := strings.Index(out.String(), leak); i >= 0 {
			t.Errorf("printed: …%s", out.String()[max(0, i-80):i+len(leak)])
		}
	}
	if n := strings.Count(out.String(), redacted); n < len(values)*len(verbs) {
		t.Errorf("%q is printed %d times only", redacted, n)
	}
	if string(s) != hidden {
		t.Error("the secret itself is lost")
	}
}

// TestSecretIsRead: configuration gives secrets as text, and a dump of one is
// not taken for one.
func TestSecretIsRead(t *testing.T) {
	type account struct{ Secret Secret }
	for name, unmarshal := range map[string]func(string, any) error{
		"json": func(s string, v any) error { return json.Unmarshal([]byte(`{"Secret":"`+s+`"}`), v) },
		"yaml": func(s string, v any) error { return yaml.Unmarshal([]byte("secret: '"+s+"'"), v) },
	} {
		var a account
		if err := unmarshal("hunter2", &a); err != nil || string(a.Secret) != "hunter2" {
			t.Errorf("%s: %d bytes, error %v", name, len(a.Secret), err)
		}
		if err := unmarshal(redacted, &a); err == nil {
			t.Errorf("%s: a dump is read as a secret", name)
		}
	}
}
