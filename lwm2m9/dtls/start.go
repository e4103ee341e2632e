package dtls

import (
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"

	"github.com/pion/dtls/v3/pkg/crypto/prf"
	"golang.org/x/crypto/cryptobyte"
)

// groups are the curves (IANA, TLS Supported Groups) for key agreements.
var groups = map[uint16]ecdh.Curve{23: ecdh.P256(), 24: ecdh.P384(), 29: ecdh.X25519()}

// start answers the Hello.
func (h *handshake) start(ctx context.Context) error {
	if h.hello.version.major != dtls12.major || h.hello.version.minor > dtls12.minor {
		return alertProtocolVersion
	}
	if h.c.o.RequireExtendedMasterSecret && !h.hello.extendedMaster {
		return alertInsufficientSecurity
	}
	h.ending = h.c.endings()
	rand.Read(h.ours[:]) // never fails (crypto/rand)
	if h.hello.offersCID {
		h.cid, h.named = slices.Clone(h.hello.cid), true
	}
	s, ok, err := h.c.resumable(ctx, &h.hello, h.began)
	if err != nil {
		return err
	}
	if ok {
		return h.resume(s)
	}
	if h.suite = h.choose(); h.suite == nil {
		return alertHandshakeFailure
	}
	h.in = assembly{next: h.seq + 1, max: maxBytesNoCerts}
	h.step = wantKeyExchange
	var id []byte // none cannot be resumed
	if h.resumable() {
		id = h.next.id[:]
		rand.Read(id)
	}
	h.say(msgServerHello, h.serverHello(id), false)
	if !h.suite.psk {
		h.in.max, h.step = maxBytes, wantCertificate
		if err := h.sayCertificate(); err != nil {
			return err
		}
	}
	h.say(msgServerHelloDone, nil, false)
	h.send(true)
	return nil
}

// resumable tells whether this handshake's session can be resumed. Without the
// extended master secret it might be one that somebody in between made the same
// on both sides (RFC 7627, 5.3 and 5.4).
func (h *handshake) resumable() bool { return h.c.sessions.max > 0 && h.hello.extendedMaster }

// choose finds our first suite that the client has too, and can do.
func (h *handshake) choose() *suite {
	for _, s := range h.c.suites {
		if slices.Contains(h.hello.suites, s.id) && (s.psk || h.c.canSign(&h.hello)) {
			return s
		}
	}
	return nil
}

// serverHello is its body (RFC 5246, 7.4.1.3). Only what was offered is
// answered.
func (h *handshake) serverHello(session []byte) []byte {
	b := cryptobyte.NewBuilder(nil)
	b.AddBytes([]byte{dtls12.major, dtls12.minor})
	b.AddBytes(h.ours[:])
	b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(session) })
	b.AddUint16(h.suite.id)
	b.AddUint8(0) // no compression
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
		add := func(id uint16, data ...byte) {
			b.AddUint16(id)
			b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(data) })
		}
		if h.hello.renegotiation {
			add(extRenegotiationInfo, 0)
		}
		if h.hello.extendedMaster {
			add(extExtendedMasterSecret)
		}
		if h.named {
			add(extConnectionID, append([]byte{cidSize}, cidOf(h.id)...)...)
		}
		if !h.suite.psk && h.hello.pointFormats {
			add(extPointFormats, 1, 0)
		}
	})
	return b.BytesOrPanic() // nothing in it has a length that could be too large
}

func cidOf(id uint64) []byte { return binary.BigEndian.AppendUint64(nil, id) }

// resume answers with the abbreviated handshake (RFC 5246, 7.3).
func (h *handshake) resume(s session) error {
	h.resumed, h.suite, h.next = &s, s.suite, s
	h.in = assembly{next: h.seq + 1, max: maxBytesNoCerts}
	h.say(msgServerHello, h.serverHello(s.id[:]), false)
	if err := h.derive(); err != nil {
		return err
	}
	h.flight = append(h.flight, item{typ: typeChangeCipherSpec})
	if err := h.sayFinished(); err != nil {
		return err
	}
	h.step = wantFinished
	h.quick.Store(true)
	h.send(true)
	return nil
}

// derive makes the keys from the master secret.
func (h *handshake) derive() (err error) {
	h.keys, err = h.suite.protect(h.next.master[:], h.random[:], h.ours[:], false)
	return err
}

func (h *handshake) sayFinished() error {
	v, err := prf.VerifyDataServer(h.next.master[:], h.transcript, sha256.New)
	if err != nil {
		return err
	}
	h.say(msgFinished, v, true)
	return nil
}

// resumable finds the session that the Hello names, if it can be resumed. The
// identity's credentials must still be the ones it began with.
func (c *Conn) resumable(ctx context.Context, h *hello, began time.Time) (session, bool, error) {
	s, ok := c.sessions.find(h.session, c.clock())
	if !ok || !slices.Contains(h.suites, s.suite.id) {
		return s, false, nil
	}
	if !h.extendedMaster { // which the session has (RFC 7627, 5.3)
		return s, false, alertHandshakeFailure
	}
	if s.suite.psk {
		key, known := c.key(ctx, s.identity, began)
		if !known || !s.sameKey(key) {
			c.sessions.drop(s.id)
			return s, false, nil
		}
	}
	return s, true, nil
}
