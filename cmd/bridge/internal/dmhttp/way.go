package dmhttp

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/fwbridge/fwbridge/syncml"
)

// Limits of a connection. The time of a whole POST is [Options.Timeout].
const (
	maxRedirects     = 3
	maxHeader        = 64 << 10 // bytes of an answer's header
	idlePerHost      = 64       // a bridge speaks to few hosts, for many devices
	idleTimeout      = 90 * time.Second
	dialTimeout      = 30 * time.Second
	handshakeTimeout = 10 * time.Second
)

// Family is one of the two families of content types that DM messages have.
// Answers of either are taken.
type Family uint8

// The families.
const (
	FamilyDM     Family = iota // application/vnd.syncml.dm+xml, of DM 1.2
	FamilySyncML               // application/vnd.syncml+xml, of SyncML 1.0, which old servers insist on
)

// MIME is the content type of a message.
func (f Family) MIME(e syncml.Encoding) string {
	if f == FamilySyncML {
		return "application/vnd.syncml+" + e.String()
	}
	return e.MIME()
}

// Server is the way to one DM server. The zero value trusts the system's CAs
// and uses the proxy of the environment (HTTP_PROXY, HTTPS_PROXY, NO_PROXY).
type Server struct {
	Family Family
	TLS    *tls.Config // nil: the system's CAs, TLS 1.2 and up, no client certificate
	Proxy  Proxy
}

// Proxy is the HTTP proxy on the way: ordinary requests for http, CONNECT for
// https.
type Proxy struct {
	URL    *url.URL // http://host:port; nil is that of Direct
	User   string   // for Basic authentication at the proxy; empty sends none
	Secret syncml.Secret
	Direct bool // without URL: no proxy at all, not even that of the environment
}

func (p Proxy) choose() func(*http.Request) (*url.URL, error) {
	switch {
	case p.URL != nil:
		with := *p.URL
		if p.User != "" {
			with.User = url.UserPassword(p.User, string(p.Secret))
		}
		return http.ProxyURL(&with)
	case p.Direct:
		return nil
	}
	return http.ProxyFromEnvironment
}

// way is a Server put to use. Each has its own connections, so that what one
// server is shown no other sees.
type way struct {
	http   *http.Client
	family Family
}

func newWay(s Server, timeout time.Duration) *way {
	var only http.Protocols
	only.SetHTTP1(true)
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.TLS != nil {
		conf = s.TLS.Clone()
	}
	t := &http.Transport{
		Proxy:                  s.Proxy.choose(),
		DialContext:            (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSClientConfig:        conf,
		TLSHandshakeTimeout:    handshakeTimeout,
		MaxIdleConnsPerHost:    idlePerHost,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxHeader,
		Protocols:              &only,
	}
	return &way{http: &http.Client{Transport: t, Timeout: timeout, CheckRedirect: sameHost}, family: s.Family}
}

var errElsewhere = errors.New("dmhttp: the server redirects to another host or scheme; this is not followed")

// sameHost allows redirects that stay with the server the operator named.
// net/http repeats the POST for 307 and 308 only, which is what is wanted.
func sameHost(next *http.Request, via []*http.Request) error {
	first := via[0].URL
	if next.URL.Scheme != first.Scheme || next.URL.Host != first.Host {
		return errElsewhere
	}
	if next.Method != http.MethodPost {
		return http.ErrUseLastResponse // 301, 302, 303 turn a POST into a GET: show the status instead
	}
	if len(via) > maxRedirects {
		return fmt.Errorf("dmhttp: more than %d redirects", maxRedirects)
	}
	return nil
}

// withoutQuery takes the query out of the URL that net/http puts into its
// errors: a RespURI has the key of the session there.
func withoutQuery(err error) error {
	failed, ok := errors.AsType[*url.Error](err)
	if !ok {
		return err
	}
	clean := *failed
	if u, perr := url.Parse(failed.URL); perr == nil {
		u.RawQuery, u.User = "", nil
		clean.URL = u.String()
	} else {
		clean.URL = "the DM server"
	}
	return &clean
}
