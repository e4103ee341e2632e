package delivery

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/fwbridge/fwbridge/lwm2m9/dtls"
)

// Secret is a password or token. It cannot be printed.
type Secret string

const redacted = "[secret]"

// Format writes "[secret]" whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, redacted) }

// LogValue is "[secret]".
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText is "[secret]".
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Host is what is known of package servers whose names fit Pattern.
type Host struct {
	// Pattern is a host name or IP address, "*.example.com" for all below
	// example.com, or "*"; with ":port" only that port.
	Pattern string
	// User and Password are sent as Basic, Bearer as a bearer token (RFC
	// 6750); not both. Over http they can be read on the way: that is the
	// operator's choice.
	User     string
	Password Secret
	Bearer   Secret
	// LendPlain lends User and Password where they can be read on the way
	// ([Lend]).
	LendPlain bool
	// Identity and Key are the pre-shared key of coaps.
	Identity string
	Key      dtls.Key
	// Keys are the minisign public keys, one of which must have signed
	// whatever comes from here: the signature is at the URL with ".minisig"
	// at the end of its path.
	Keys []PublicKey
	// Sidecar asks for the digest at the URL with ".sha256" at the end of its
	// path, which must be there.
	Sidecar bool
}

func (h Host) check() error {
	switch {
	case h.Pattern == "":
		return errors.New("a host without a pattern")
	case h.Bearer != "" && (h.User != "" || h.Password != ""):
		return fmt.Errorf("host %s: both basic and bearer credentials", h.Pattern)
	case (h.Identity == "") != (len(h.Key) == 0):
		return fmt.Errorf("host %s: identity and key only together", h.Pattern)
	}
	return nil
}

// fits says whether a URL is of this host.
func (h Host) fits(u *url.URL) bool { return fitsHost(h.Pattern, u) }

// fitsHost compares a pattern with host and port of a URL.
func fitsHost(pattern string, u *url.URL) bool {
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	pattern = strings.ToLower(pattern)
	name, port, found := cutPort(pattern)
	if found && port != portOf(u) {
		return false
	}
	if below, ok := strings.CutPrefix(name, "*."); ok {
		return strings.HasSuffix(host, "."+below)
	}
	return name == "*" || name == host
}

// cutPort takes a port off a pattern. An IPv6 address with a port is in
// brackets, one without may be.
func cutPort(pattern string) (name, port string, found bool) {
	if rest, ok := strings.CutPrefix(pattern, "["); ok {
		name, port, _ = strings.Cut(rest, "]")
		port, found = strings.CutPrefix(port, ":")
		return name, port, found
	}
	if strings.Count(pattern, ":") == 1 {
		return strings.Cut(pattern, ":")
	}
	return pattern, "", false
}

// defaultPorts are the ports of the schemes (RFC 9110, 4.2; RFC 7252, 6).
var defaultPorts = map[string]string{"http": "80", "https": "443", "coap": "5683", "coaps": "5684"}

// portOf is the port of a URL, of its scheme if it has none.
func portOf(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	return defaultPorts[u.Scheme]
}

// host is what is known of the server of u; the zero Host for nothing.
func (f *Fetcher) host(u *url.URL) Host {
	for _, h := range f.o.Hosts {
		if h.fits(u) {
			return h
		}
	}
	return Host{}
}

// authorize puts the credentials of the request's own host on it, so that
// those of one host never go to another.
func (f *Fetcher) authorize(r *http.Request) {
	switch h := f.host(r.URL); {
	case h.Bearer != "":
		r.Header.Set("Authorization", "Bearer "+string(h.Bearer))
	case h.User != "":
		r.SetBasicAuth(h.User, string(h.Password))
	}
}
