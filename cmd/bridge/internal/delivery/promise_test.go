package delivery

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/crypto/blake2b"
)

// signer makes minisign keys and signatures.
type signer struct {
	id      [8]byte
	private ed25519.PrivateKey
}

func newSigner(n byte) signer {
	return signer{[8]byte{n}, ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))}
}

func (s signer) public(t *testing.T) PublicKey {
	t.Helper()
	b := append([]byte("Ed"), s.id[:]...)
	text := base64.StdEncoding.EncodeToString(append(b, s.private.Public().(ed25519.PublicKey)...))
	k, err := ParsePublicKey("untrusted comment: minisign public key\n" + text + "\n")
	if err != nil || k.String() != text {
		t.Fatalf("%v, %v", k, err)
	}
	return k
}

func (s signer) sign(b []byte, algorithm, comment string) string {
	signed := b
	if algorithm == "ED" {
		h := blake2b.Sum512(b)
		signed = h[:]
	}
	sig := ed25519.Sign(s.private, signed)
	global := ed25519.Sign(s.private, append(bytes.Clone(sig), comment...))
	line := append([]byte(algorithm), s.id[:]...)
	return fmt.Sprintf("untrusted comment: x\n%s\ntrusted comment: %s\n%s\n", base64.StdEncoding.EncodeToString(append(line, sig...)),
		comment, base64.StdEncoding.EncodeToString(global))
}

func TestSignatures(t *testing.T) {
	b := random(10_000)
	us, them := newSigner(1), newSigner(2)
	forged := them
	forged.id = us.id
	good := us.sign(b, "ED", "file:x")
	for _, row := range []struct {
		name, file string
		want       Kind
		ok         bool
	}{
		{"hash", good, 0, true},
		{"bytes", us.sign(b, "Ed", "file:x"), 0, true},
		{"CRLF", strings.ReplaceAll(good, "\n", "\r\n"), 0, true},
		{"another package", us.sign(b[1:], "ED", "x"), KindSignature, false},
		{"another key", them.sign(b, "ED", "x"), KindSignature, false},
		{"another key under our number", forged.sign(b, "ED", "x"), KindSignature, false},
		{"comment altered", strings.Replace(good, "file:x", "file:y", 1), KindSignature, false},
		{"other algorithm", us.sign(b, "XX", "x"), KindSignature, false},
		{"empty", "", KindSignature, false},
		{"three lines", good[:strings.LastIndex(strings.TrimSpace(good), "\n")], KindSignature, false},
		{"no base64", strings.Replace(good, "RU", "**", 1), KindSignature, false},
		{"none", "404", KindSignature, false},
		{"server fails", "500", KindServer, false},
	} {
		f, _ := newFetcher(t, FetcherOptions{Hosts: []Host{{Pattern: "127.0.0.1", Keys: []PublicKey{newSigner(9).public(t), us.public(t)}}}})
		url := serve(t, func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.URL.Path == "/fw.bin":
				serveBytes(b, `"1"`)(w, r)
			case r.URL.Path != "/fw.bin.minisig" || row.file == "404":
				w.WriteHeader(404)
			case row.file == "500":
				w.WriteHeader(500)
			default:
				_, _ = w.Write([]byte(row.file))
			}
		}) + "/fw.bin?k=1"
		got, err := f.Fetch(t.Context(), FetchRequest{URL: url, Owner: "x"})
		if err == nil != row.ok || got.Signed != row.ok || !row.ok && (KindOf(err) != row.want || f.o.Store.Usage().Packages != 0) {
			t.Errorf("%s: %+v, %v, %+v", row.name, got, err, f.o.Store.Usage())
		}
		// That it is in the store already makes no difference.
		d := put(t, f.o.Store, "", b)
		for _, r := range []FetchRequest{{URL: url}, {URL: url, Digest: d}} {
			if got, err := f.Fetch(t.Context(), r); err == nil != row.ok || got.Signed != row.ok {
				t.Errorf("%s, from the store: %+v, %v", row.name, got, err)
			}
		}
	}
}

func TestLegacySignatureLimit(t *testing.T) {
	us := newSigner(1)
	b := make([]byte, MaxLegacySigned+1)
	for n, ok := range map[int]bool{MaxLegacySigned: true, MaxLegacySigned + 1: false} {
		s, err := parseSignature([]byte(us.sign(b[:n], "Ed", "")))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.verify([]PublicKey{us.public(t)}, bytes.NewReader(b[:n]), int64(n)); err == nil != ok {
			t.Errorf("%d: %v", n, err)
		}
	}
	for _, s := range []string{"", "x", base64.StdEncoding.EncodeToString(make([]byte, 42)), base64.StdEncoding.EncodeToString([]byte("Ed"))} {
		if _, err := ParsePublicKey(s); err == nil {
			t.Errorf("%q is a public key", s)
		}
	}
}

func TestSidecar(t *testing.T) {
	b := random(1000)
	hex := fmt.Sprintf("%x", sha256.Sum256(b))
	wrong := strings.Repeat("0a", 32)
	for _, row := range []struct {
		name, file string
		want       Kind
		ok         bool
	}{
		{"alone", hex, 0, true},
		{"upper case and end of line", strings.ToUpper(hex) + "\r\n", 0, true},
		{"as sha256sum writes", hex + "  fw.bin\n", 0, true},
		{"binary, with a path", hex + " *out/fw.bin\n", 0, true},
		{"one of several", wrong + "  other.bin\n" + hex + "  fw.bin\n", 0, true},
		{"none of several", wrong + "  other.bin\n" + hex + "  another.bin\n", KindIntegrity, false},
		{"wrong", wrong, KindIntegrity, false},
		{"zero", strings.Repeat("0", 64), KindIntegrity, false},
		{"nonsense", "<html>", KindIntegrity, false},
		{"too long", strings.Repeat(" ", MaxSidecar) + hex, KindServer, false},
		{"none", "", KindRefused, false},
	} {
		f, _ := newFetcher(t, FetcherOptions{Hosts: []Host{{Pattern: "*", Sidecar: true}}})
		url := serve(t, func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.URL.Path == "/fw.bin":
				serveBytes(b, "")(w, r)
			case row.file == "":
				w.WriteHeader(404)
			default:
				_, _ = w.Write([]byte(row.file))
			}
		})
		got, err := f.Fetch(t.Context(), FetchRequest{URL: url + "/fw.bin"})
		if err == nil != row.ok || got.Announced != row.ok || !row.ok && (KindOf(err) != row.want || f.o.Store.Usage().Packages != 0) {
			t.Errorf("%s: %+v, %v", row.name, got, err)
		}
	}
}

// TestFaultsOfSidecars: whoever reads why a package did not come is told when it
// was not the package that the server refused.
func TestFaultsOfSidecars(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".bin") {
			serveBytes(random(10), "")(w, r)
		} else {
			w.WriteHeader(403)
		}
	}) + "/fw.bin"
	for want, host := range map[string]Host{
		"its .sha256 file: the package server answered 403":  {Pattern: "*", Sidecar: true},
		"its .minisig file: the package server answered 403": {Pattern: "*", Keys: []PublicKey{{}}},
	} {
		f, _ := newFetcher(t, FetcherOptions{Hosts: []Host{host}})
		if _, err := f.Fetch(t.Context(), FetchRequest{URL: url}); asError(err).Reason != want || KindOf(err) != KindAuth {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestDigestText(t *testing.T) {
	d := Digest(sha256.Sum256(nil))
	var back Digest
	text, _ := d.MarshalText()
	if err := back.UnmarshalText(bytes.ToUpper(text)); err != nil || back != d {
		t.Error(err)
	}
	if err := back.UnmarshalText(nil); err != nil || !back.IsZero() || back.String() != "" {
		t.Errorf("%v %v", back, err)
	}
	for _, s := range []string{"x", strings.Repeat("g", 64), d.String() + "0", strings.Repeat("0", 64)} {
		if _, err := ParseDigest(s); err == nil {
			t.Errorf("%q is a digest", s)
		}
		if _, ok := anyDigest("sha256:" + s); ok {
			t.Errorf("%q is announced", s)
		}
	}
	if _, ok := anyDigest(base64.StdEncoding.EncodeToString(make([]byte, sha256.Size))); ok {
		t.Error("32 zero bytes are a digest")
	}
}

func FuzzParseSignature(f *testing.F) {
	f.Add([]byte(newSigner(1).sign([]byte("x"), "ED", "c")))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := parseSignature(b); err == nil && s.algorithm == "" {
			t.Error("a signature by no algorithm")
		}
	})
}
