package credentials

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
	"github.com/fwbridge/fwbridge/lwm2m9/dtls"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
)

func book(t *testing.T, devices ...Device) *Book {
	t.Helper()
	b := New(store.NewMemory())
	for _, d := range devices {
		if _, err := b.Add(d, false); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func psk(endpoint, identity, key string) Device {
	return Device{Endpoint: endpoint, Identity: identity, Key: dtls.Key(key), PSK: true}
}

func key(b *Book, t *testing.T, identity string) string {
	k, ok := b.PSK(t.Context(), identity)
	if !ok {
		return "none"
	}
	return string(k)
}

// TestLive: what is answered is as the store is now, and an identity that was
// replaced or removed is good no more.
func TestLive(t *testing.T) {
	b := book(t, psk("d1", "one", "k1"), Device{Endpoint: "d2", Identity: "two"})
	for identity, want := range map[string]string{"one": "k1", "two": "none", "d1": "none", "": "none"} {
		if got := key(b, t, identity); got != want {
			t.Errorf("key of %q is %q, want %q", identity, got, want)
		}
	}
	if ended, err := b.Add(psk("d1", "uno", "k2"), true); err != nil || ended != "one" {
		t.Errorf("replaced: %q, %v", ended, err)
	}
	if got := key(b, t, "one") + key(b, t, "uno"); got != "nonek2" {
		t.Error(got)
	}
	if ended, err := b.Remove("d1"); err != nil || ended != "uno" {
		t.Errorf("removed: %q, %v", ended, err)
	}
	if got := key(b, t, "uno"); got != "none" {
		t.Error(got)
	}
	if _, err := b.Remove("d1"); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
	list, err := b.List()
	if err != nil || fmt.Sprint(list) != "[{d2 two [secret] false}]" {
		t.Errorf("%v, %v", list, err)
	}
}

// TestAuthorize: who may register what.
func TestAuthorize(t *testing.T) {
	b := book(t, psk("d1", "one", "k"), psk("d2", "d2", "k"), Device{Endpoint: "d3", Identity: "d4"})
	for _, test := range []struct {
		identity, endpoint string
		want               error
	}{
		{"one", "d1", nil},
		{"d2", "d2", nil},
		{"d4", "d3", nil},
		{"m1", "m1", nil}, // by a certificate: nobody else has proved that name
		{"", "m1", nil},
		{"", "d1", server.ErrIdentity}, // it has credentials
		{"d1", "d1", server.ErrIdentity},
		{"one", "one", server.ErrIdentity}, // it is d1's
		{"d4", "d4", server.ErrIdentity},
		{"d2", "d1", server.ErrIdentity},
		{"m1", "m2", server.ErrIdentity},
	} {
		if err := b.Authorize(t.Context(), test.identity, test.endpoint); !errors.Is(err, test.want) || (err == nil) != (test.want == nil) {
			t.Errorf("%q as %q: %v, want %v", test.identity, test.endpoint, err, test.want)
		}
	}
}

// TestRefused: what cannot be added, at each limit and one over it.
func TestRefused(t *testing.T) {
	b := book(t, psk("d1", "one", "k"))
	long := strings.Repeat
	for _, test := range []struct {
		what string
		d    Device
		want error
	}{
		{"exists", psk("d1", "one", "k"), ErrExists},
		{"taken", psk("d2", "one", "k"), ErrTaken},
		{"longest name", psk(long("e", server.MaxEndpointName), "a", "k"), nil},
		{"name", psk(long("e", server.MaxEndpointName+1), "b", "k"), ErrInvalid},
		{"name of 1,000", psk(long("e", 1000), "b", "k"), ErrInvalid},
		{"name too long when escaped", psk(long("é", 100), "b", "k"), ErrInvalid},
		{"control character", psk("d\x00", "b", "k"), ErrInvalid},
		{"no UTF-8", psk("d\xff", "b", "k"), ErrInvalid},
		{"no name", psk("", "b", "k"), ErrInvalid},
		{"longest identity", psk("d3", long("i", dtls.MaxIdentity), "k"), nil},
		{"identity", psk("d4", long("i", dtls.MaxIdentity+1), "k"), ErrInvalid},
		{"no identity", psk("d4", "", "k"), ErrInvalid},
		{"longest key", psk("d5", "c", long("k", dtls.MaxKey)), nil},
		{"key", psk("d6", "d", long("k", dtls.MaxKey+1)), ErrInvalid},
		{"no key", psk("d6", "d", ""), ErrInvalid},
		{"a key beside a certificate", Device{Endpoint: "d6", Identity: "d", Key: dtls.Key("k")}, ErrInvalid},
	} {
		if _, err := b.Add(test.d, false); !errors.Is(err, test.want) || (err == nil) != (test.want == nil) {
			t.Errorf("%s: %v, want %v", test.what, err, test.want)
		}
	}
	if got := key(b, t, "one"); got != "k" {
		t.Errorf("the first one is %q now", got)
	}
}

// TestBroken: what cannot be read is nobody's key, lets nobody register, and
// is not shown.
func TestBroken(t *testing.T) {
	s := store.NewMemory()
	b := New(s)
	if _, err := b.Add(psk("d1", "one", "k"), false); err != nil {
		t.Fatal(err)
	}
	for _, value := range []string{"{", `{"v":2,"endpoint":"d1","identity":"one"}`, `{"v":1,"endpoint":"d2","identity":"one","key":"c2VjcmV0"}`} {
		if _, err := s.Write(store.Change{Key: deviceKey("d1"), Value: []byte(value), Expect: store.AnyRevision}); err != nil {
			t.Fatal(err)
		}
		_, listed := b.List()
		_, removed := b.Remove("d1")
		_, added := b.Add(psk("d1", "one", "k"), true)
		for _, err := range []error{listed, removed, added, b.Authorize(t.Context(), "one", "d1")} {
			if !errors.Is(err, ErrRecord) || strings.Contains(err.Error(), "c2Vj") {
				t.Errorf("%s: %v", value, err)
			}
		}
		if got := key(b, t, "one"); got != "none" {
			t.Errorf("%s: key %q", value, got)
		}
	}
	s.Close()
	if _, err := b.List(); !errors.Is(err, store.ErrClosed) {
		t.Error(err)
	}
	if err := b.Authorize(t.Context(), "", "m"); !errors.Is(err, store.ErrClosed) {
		t.Errorf("a store that cannot be read lets register: %v", err)
	}
}

// TestSecret: a key cannot be printed.
func TestSecret(t *testing.T) {
	d := psk("d1", "one", "hunter2")
	for _, text := range []string{fmt.Sprint(d), fmt.Sprintf("%+v %#v %s %x", d, d, d.Key, d.Key)} {
		if strings.Contains(text, "hunter2") || strings.Contains(text, "68756e") {
			t.Error(text)
		}
	}
	if !slices.Equal(d.Key, dtls.Key("hunter2")) {
		t.Error("it is another key")
	}
}
