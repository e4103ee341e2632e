package config

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/dmhttp"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/tlsfiles"
	"github.com/fwbridge/fwbridge/syncml"
)

// TLS is how an https URL of a server is spoken to. File names are relative to
// the configuration file.
type TLS struct {
	CA           string           `yaml:"ca"`   // PEM; trusted instead of the system's CAs
	Cert         string           `yaml:"cert"` // PEM; ours, if the server wants one
	Key          string           `yaml:"key"`  // PEM; of Cert
	MinVersion   tlsfiles.Version `yaml:"min_version"`
	LegacySuites bool             `yaml:"legacy_suites"` // RSA key exchange and 3DES too
}

// Proxy is the HTTP proxy on the way to a server.
type Proxy struct {
	URL        string        `yaml:"url"` // http://host:port, or [ProxyNone]; empty is that of the environment
	User       string        `yaml:"user"`
	Secret     syncml.Secret `yaml:"secret"`
	SecretFile string        `yaml:"secret_file"`
}

// ProxyNone says that no proxy is used, not even that of the environment.
const ProxyNone = "none"

// Way is how the server is reached.
func (s *Server) Way() dmhttp.Server {
	w := dmhttp.Server{Family: s.ContentType, TLS: s.tls,
		Proxy: dmhttp.Proxy{User: s.Proxy.User, Secret: s.Proxy.Secret, Direct: s.Proxy.URL == ProxyNone}}
	if u, err := url.Parse(s.Proxy.URL); err == nil && u.Host != "" {
		w.Proxy.URL = u
	}
	return w
}

// checkWay reads the TLS files and holds the keys of tls and proxy against each
// other.
func (s *Server) checkWay(b *binder, path string) {
	t, at := s.TLS, path+".tls"
	beside := func(name string) string {
		if name == "" {
			return ""
		}
		return b.beside(name)
	}
	conf, err := tlsfiles.Files{CA: beside(t.CA), Cert: beside(t.Cert), Key: beside(t.Key), Min: t.MinVersion, Legacy: t.LegacySuites}.Client()
	if wrong, ok := errors.AsType[*tlsfiles.Error](err); ok {
		b.failAt(at+"."+string(wrong.Part), "%v", wrong.Err)
	} else if err != nil {
		b.failAt(at, "%v", err)
	}
	s.tls = conf
	if t.LegacySuites && t.MinVersion == tlsfiles.TLS13 {
		b.failAt(at+".legacy_suites", "has no effect with min_version: 1.3, which has none")
	}
	s.Proxy.check(b, path+".proxy")
}

func (p *Proxy) check(b *binder, path string) {
	if err := checkProxyURL(p.URL); err != nil {
		b.failAt(path+".url", "%v", err)
	}
	secretGiven := p.Secret != "" || p.SecretFile != ""
	if p.SecretFile != "" {
		b.secretFile(path, &p.Secret, p.SecretFile)
	}
	if p.URL == "" || p.URL == ProxyNone {
		for _, part := range []struct {
			key   string
			given bool
		}{{"user", p.User != ""}, {"secret", secretGiven}} {
			if part.given {
				b.failAt(path+"."+part.key, "has no effect without the url of a proxy")
			}
		}
		return
	}
	if (p.User != "") != secretGiven {
		b.failAt(path, "user and secret go together; give both or none")
	}
}

// checkProxyURL never shows the URL: there may be a password in it.
func checkProxyURL(text string) error {
	if text == "" || text == ProxyNone {
		return nil
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http":
		return fmt.Errorf("want http://host:port, none or nothing")
	case u.User != nil:
		return fmt.Errorf("user and password do not belong into the URL; use proxy.user and proxy.secret_file")
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("want http://host:port and nothing after it")
	}
	return nil
}

// secretFile reads a secret from its file, unless the secret is given too.
func (b *binder) secretFile(path string, secret *syncml.Secret, file string) {
	if *secret != "" {
		b.failAt(path+".secret_file", "and secret are both given; remove one")
	} else if text, err := b.readSecret(file); err != nil {
		b.failAt(path+".secret_file", "%v", err)
	} else {
		*secret = syncml.Secret(text)
	}
}
