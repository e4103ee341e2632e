package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/config"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// describeServer prints how a DM server is reached, and who proves what to
// whom. It shows no secret, and no user: one may be as good as the other.
func describeServer(w io.Writer, c *config.Config, s *config.Server) error {
	_, err := fmt.Fprintf(w, `
server       %s (%s)
url          %s
version      %s, %s
tls          %s
proxy        %s
device auth  %s, accounts: %s
server auth  %s
triggers     %s
`, s.Name, s.ServerID, s.URL, config.Word(s.Version), config.Word(s.Encoding), tlsText(s), proxyText(s.Proxy),
		config.Word(s.Account.Client.Scheme), config.Word(s.Account.Mode), serverAuthText(s), triggersText(c, s))
	return err
}

func tlsText(s *config.Server) string {
	if strings.HasPrefix(strings.ToLower(s.URL), "http:") {
		return "none, the URL is http"
	}
	t := s.TLS
	parts := []string{config.Word(t.MinVersion) + " or later"}
	if t.CA == "" {
		parts = append(parts, "the system's CAs")
	} else {
		parts = append(parts, "CAs of "+t.CA)
	}
	if t.Cert != "" {
		parts = append(parts, "own certificate of "+t.Cert)
	}
	if t.LegacySuites {
		parts = append(parts, "legacy suites too")
	}
	return strings.Join(parts, ", ")
}

func proxyText(p config.Proxy) string {
	switch {
	case p.URL == "":
		return "that of the environment, if it names one"
	case p.URL == config.ProxyNone:
		return "none"
	case p.User != "":
		return p.URL + ", with user and password"
	}
	return p.URL
}

func serverAuthText(s *config.Server) string {
	if s.Account.Server.Scheme == session.SchemeNone {
		return "none: whoever answers at the URL is obeyed"
	}
	return config.Word(s.Account.Server.Scheme)
}

func triggersText(c *config.Config, s *config.Server) string {
	switch {
	case !c.TakesTriggers():
		return "no channel"
	case !s.ChecksTriggers():
		return "all refused, server auth has no secret"
	}
	return "checked with the secret of server auth"
}
