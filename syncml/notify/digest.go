package notify

import (
	"crypto/md5"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"log/slog"

	"github.com/fwbridge/fwbridge/syncml"
)

// Key is what the digest is made with: the server's credentials towards the
// device (SRVCRED). User is the server id by the specification; some peers use
// the user name of the account.
type Key struct {
	User   string
	Secret syncml.Secret
}

// Nonce is the server nonce of an account as raw bytes. It is not printed.
type Nonce []byte

// Format implements [fmt.Formatter].
func (n Nonce) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "nonce of %d bytes", len(n)) }

// LogValue implements [slog.LogValuer].
func (n Nonce) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(n)) }

// MarshalText implements [encoding.TextMarshaler].
func (n Nonce) MarshalText() ([]byte, error) { return []byte(fmt.Sprint(n)), nil }

// The two readings of the default nonce 0x00000000 (DM Security 1.2, "Nonce
// resynchronisation"): the number, and its text.
var (
	DefaultNonce     = Nonce{0, 0, 0, 0}
	DefaultNonceText = Nonce("0x00000000")
)

// DefaultPolicy says when a trigger with a default nonce is good. Such a
// trigger can be recorded and sent again for ever.
type DefaultPolicy uint8

// The policies.
const (
	DefaultAlways DefaultPolicy = iota // nonces get lost: resynchronisation
	DefaultFirst                       // only while no nonce was agreed
	DefaultNever
)

// Match says which nonce a trigger was made with.
type Match uint8

// The matches.
const (
	MatchNone Match = iota
	MatchStored
	MatchDefault     // four zero bytes
	MatchDefaultText // the text 0x00000000
)

var matchNames = [...]string{"none", "the stored nonce", "the default nonce", "the default nonce as text"}

// String is the match in words.
func (m Match) String() string {
	if int(m) < len(matchNames) {
		return matchNames[m]
	}
	return fmt.Sprintf("Match(%d)", uint8(m))
}

// Sign sets the digest for what the message holds now. Append reports fields
// that do not fit.
func (m *Message) Sign(k Key, n Nonce) { m.Digest = digest(k, n, m.appendTrigger(nil)) }

// Verify finds the nonce that the message was signed with: the stored one (nil
// when none was agreed), then the default ones as far as the policy allows.
// The error is [ErrDigest]. It takes the same time for every outcome.
func (m *Message) Verify(k Key, stored Nonce, p DefaultPolicy) (Match, error) {
	trigger := m.appendTrigger(nil)
	found := MatchNone
	defaults := p == DefaultAlways || p == DefaultFirst && stored == nil
	for _, c := range []struct {
		match   Match
		nonce   Nonce
		allowed bool
	}{
		{MatchDefaultText, DefaultNonceText, defaults},
		{MatchDefault, DefaultNonce, defaults},
		{MatchStored, stored, stored != nil},
	} {
		want := digest(k, c.nonce, trigger)
		if subtle.ConstantTimeCompare(want[:], m.Digest[:]) == 1 && c.allowed {
			found = c.match
		}
	}
	if found == MatchNone {
		return MatchNone, ErrDigest
	}
	return found, nil
}

// digest is H(B64(H(user:secret)) : nonce : B64(H(trigger))), section 6.2.1.
func digest(k Key, n Nonce, trigger []byte) Digest {
	who := md5.Sum([]byte(k.User + ":" + string(k.Secret)))
	what := md5.Sum(trigger)
	text := base64.StdEncoding.AppendEncode(nil, who[:])
	text = append(append(append(text, ':'), n...), ':')
	return md5.Sum(base64.StdEncoding.AppendEncode(text, what[:]))
}
