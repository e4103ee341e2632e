package dmserver

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/word"
	"github.com/fwbridge/fwbridge/syncml"
)

// Auth is a way to prove who one is (OMA DM Security 1.2, 5.3).
type Auth uint8

// The ways.
const (
	AuthNone Auth = iota
	AuthBasic
	AuthMD5
	AuthMAC // signs every message, in an HTTP header
)

var authWords = []string{AuthNone: "none", AuthBasic: "basic", AuthMD5: "md5", AuthMAC: "mac"}

// ParseAuth reads "none", "basic", "md5" or "mac".
func ParseAuth(s string) (Auth, error) {
	i, err := word.Index("authentication", s, authWords)
	return Auth(i), err
}

// String is the form that [ParseAuth] reads.
func (a Auth) String() string { return authWords[a] }

// UnmarshalText reads the form of [ParseAuth].
func (a *Auth) UnmarshalText(b []byte) (err error) { *a, err = ParseAuth(string(b)); return err }

// MarshalText writes the form of [ParseAuth].
func (a Auth) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// Style is the way in which a campaign's commands are laid out.
type Style uint8

// The styles. All end with the Exec.
const (
	StylePlain    Style = iota // Add x, DownloadAndUpdate, its leaves and Exec in one message
	StyleLeaves                // the leaves only: missing parents are the client's affair (implicit Add)
	StyleReplace               // leaves are added empty and then replaced
	StyleMessages              // one command a message, each message a package
	StyleSplit                 // one command a message, one package: no Final before the last
	StyleSequence              // all in a Sequence
	StyleAtomic                // the Adds in an Atomic, the Exec after it
	StyleSessions              // one command a session
)

var styleWords = []string{
	StylePlain: "plain", StyleLeaves: "leaves", StyleReplace: "replace", StyleMessages: "messages",
	StyleSplit: "split", StyleSequence: "sequence", StyleAtomic: "atomic", StyleSessions: "sessions",
}

// ParseStyle reads the name of a style: "plain", "leaves", "replace", …; the
// error lists them.
func ParseStyle(s string) (Style, error) {
	i, err := word.Index("style", s, styleWords)
	return Style(i), err
}

// String is the form that [ParseStyle] reads.
func (s Style) String() string { return styleWords[s] }

// UnmarshalText reads the form of [ParseStyle].
func (s *Style) UnmarshalText(b []byte) (err error) { *s, err = ParseStyle(string(b)); return err }

// MarshalText writes the form of [ParseStyle].
func (s Style) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// AnyDevice in an Account or Campaign stands for every device.
const AnyDevice = "*"

// Account is a device's account at the server.
type Account struct {
	Device   string        `yaml:"device"` // Source LocURI of its messages, "IMEI:…", or AnyDevice
	User     string        `yaml:"user"`   // "": the device id
	Password syncml.Secret `yaml:"password"`
}

// Campaign is one update for one device, or for each.
type Campaign struct {
	Device     string   `yaml:"device"`  // device id; AnyDevice or "": each one that comes
	Package    string   `yaml:"package"` // x of ./FwUpdate/x
	Name       string   `yaml:"name"`    // PkgName
	Version    string   `yaml:"version"` // PkgVersion
	URL        string   `yaml:"url"`     // PkgURL
	Correlator string   `yaml:"correlator"`
	Style      Style    `yaml:"style"`
	Poll       bool     `yaml:"poll"`   // ask for State until it is final; a 1.1.2 client is always asked
	Delete     bool     `yaml:"delete"` // remove ./FwUpdate/x at the end
	Get        []string `yaml:"get"`    // URIs read first; nil: ./DevDetail/FwV and ./DevInfo
}

// Config describes the server. With none of its fields set it answers
// everyone and has nothing to say.
type Config struct {
	// URL is the server's own address in its headers; "": what the client
	// writes as Target.
	URL string `yaml:"url"`
	// Auth is what clients must prove. With AuthNone every device is known;
	// otherwise those with an account.
	Auth     Auth      `yaml:"auth"`
	Accounts []Account `yaml:"accounts"`
	// ServerAuth, ServerID and ServerPassword are the server's own
	// credentials; with AuthNone it sends none.
	ServerAuth     Auth          `yaml:"server-auth"`
	ServerID       string        `yaml:"server-id"`
	ServerPassword syncml.Secret `yaml:"server-password"`
	// RespURI sends every session to an address of its own.
	RespURI   bool       `yaml:"resp-uri"`
	Campaigns []Campaign `yaml:"campaigns"`
	Quirks    []Quirk    `yaml:"quirks"`
	Seed      uint64     `yaml:"seed"` // of nonces
	// Log and OnEvent see everything. OnEvent is called in the order of
	// events of one device; it must not block.
	Log     *slog.Logger `yaml:"-"`
	OnEvent func(Event)  `yaml:"-"`
}

// Validate reports everything that is wrong with c, at once.
func (c Config) Validate() error {
	var errs []error
	if c.Auth != AuthNone && len(c.Accounts) == 0 {
		errs = append(errs, fmt.Errorf("auth %s without an account", c.Auth))
	}
	if c.ServerAuth != AuthNone && (c.ServerID == "" || c.ServerPassword == "") {
		errs = append(errs, fmt.Errorf("server-auth %s needs server-id and server-password", c.ServerAuth))
	}
	for i, a := range c.Accounts {
		if a.Device == "" {
			errs = append(errs, fmt.Errorf("account %d: no device", i+1))
		}
	}
	for i, p := range c.Campaigns {
		if err := p.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("campaign %d: %w", i+1, err))
		}
	}
	return errors.Join(errs...)
}

// Validate reports everything that is wrong with the campaign.
func (p Campaign) Validate() error {
	var errs []error
	if p.Package == "" || strings.Contains(p.Package, "/") {
		errs = append(errs, fmt.Errorf("package %q: want a node name, without /", p.Package))
	}
	if _, err := url.Parse(p.URL); err != nil || p.URL == "" {
		errs = append(errs, fmt.Errorf("url %q is not a URL", p.URL))
	}
	return errors.Join(errs...)
}

// lateDefault is how late "late" is when the quirk says nothing.
const lateDefault = 200 * time.Millisecond
