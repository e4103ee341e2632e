package server

import (
	"errors"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/coap"
	"github.com/fwbridge/fwbridge/lwm2m9/wire"
)

const (
	// MaxEndpointName is the longest endpoint name accepted, in bytes: names
	// are keys of stores and parts of URLs.
	MaxEndpointName = 200
	// DefaultLifetime holds without lt (LwM2M 1.1 Core, 6.2.1).
	DefaultLifetime = 86400 * time.Second
	// DefaultVersion holds without lwm2m (LwM2M 1.0, 5.3.1).
	DefaultVersion = "1.0"
	// DefaultBinding holds without b.
	DefaultBinding = "U"

	maxBinding = 16 // bytes; the longest that is specified is "UQSN" or so
)

// versions are the values of lwm2m that are accepted; others are answered
// 4.12, after which a client tries an older one.
var versions = map[string]bool{"1.0": true, "1.1": true, "1.2": true}

// badRequest is the refusal of a registration; Err is for the log.
type badRequest struct {
	code lwm2m9.ResponseCode
	err  error
}

func (b *badRequest) Error() string { return b.code.String() + ": " + b.err.Error() }
func (b *badRequest) Unwrap() error { return b.err }

func bad(format string) error { return &badRequest{lwm2m9.CodeBadRequest, errors.New(format)} }

// params are the query of a Register or Update: what is absent is nil.
type params struct {
	endpoint, lifetime, version, binding *string
	queue                                bool
}

// parseQuery takes the parameters apart. Unknown ones are ignored (sms among
// them: this server sends none).
func parseQuery(query []string) (params, error) {
	var p params
	for _, q := range query {
		name, value, _ := strings.Cut(q, "=")
		var field **string
		switch name {
		case "ep":
			field = &p.endpoint
		case "lt":
			field = &p.lifetime
		case "lwm2m":
			field = &p.version
		case "b":
			field = &p.binding
		case "Q":
			p.queue = true
			continue
		default:
			continue
		}
		if *field != nil {
			return p, bad(name + " twice")
		}
		*field = &value
	}
	return p, nil
}

// newRegistration reads a Register.
func (s *Server) newRegistration(r *coap.Request) (Registration, error) {
	reg := Registration{Version: DefaultVersion, Binding: DefaultBinding, Lifetime: DefaultLifetime}
	p, err := parseQuery(r.Query)
	if err != nil {
		return reg, err
	}
	if p.version != nil {
		reg.Version = *p.version
	}
	if !versions[reg.Version] {
		return reg, &badRequest{lwm2m9.CodePreconditionFailed, errors.New("version of LwM2M not supported")}
	}
	if p.endpoint == nil || !validEndpoint(*p.endpoint) {
		return reg, bad("endpoint name missing, too long or with characters that no name has")
	}
	reg.Endpoint = *p.endpoint
	reg.Queue = p.queue
	return reg, s.change(&reg, p, r)
}

// change applies what a Register or Update says of lifetime, binding and
// objects.
func (s *Server) change(reg *Registration, p params, r *coap.Request) error {
	reg.Lifetime = min(max(reg.Lifetime, s.o.MinLifetime), s.o.MaxLifetime)
	if p.lifetime != nil {
		seconds, err := strconv.ParseUint(*p.lifetime, 10, 32)
		if err != nil {
			return bad("lt is not a number of seconds")
		}
		reg.Lifetime = min(max(time.Duration(seconds)*time.Second, s.o.MinLifetime), s.o.MaxLifetime)
		if seconds == 0 { // without end (Object 1, resource 1)
			reg.Lifetime = s.o.MaxLifetime
		}
	}
	if p.binding != nil {
		if !validBinding(*p.binding) {
			return bad("b is no binding")
		}
		// In 1.0 the binding alone says it, later the Register's Q does.
		if queue := strings.Contains(*p.binding, "Q"); queue || reg.Version == DefaultVersion {
			reg.Queue = queue || p.queue
		}
		reg.Binding = *p.binding
	}
	if len(r.Payload) == 0 && reg.ID != "" {
		return nil // an Update that keeps the objects
	}
	if r.Format != coap.NoFormat && r.Format != coap.Format(LinkFormat) {
		return &badRequest{lwm2m9.CodeUnsupportedFormat, errors.New("body is not link-format")}
	}
	links, err := wire.ParseLinks(r.Payload)
	if err != nil {
		return &badRequest{lwm2m9.CodeBadRequest, err}
	}
	reg.Root, reg.Paths = wire.Root(links), wire.ObjectPaths(links)
	return nil
}

// validEndpoint accepts what can be printed, without white space.
func validEndpoint(name string) bool {
	if name == "" || len(name) > MaxEndpointName || !utf8.ValidString(name) {
		return false
	}
	for _, c := range name {
		if !unicode.IsGraphic(c) || unicode.IsSpace(c) {
			return false
		}
	}
	return true
}

// validBinding accepts capital letters: U, UQ, S, SQ, US, UQS, T, N and those
// to come.
func validBinding(b string) bool {
	if b == "" || len(b) > maxBinding {
		return false
	}
	return strings.Trim(b, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}
