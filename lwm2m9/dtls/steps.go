package dtls

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"time"

	"github.com/pion/dtls/v3/pkg/crypto/prf"
	"golang.org/x/crypto/cryptobyte"
)

// message takes in the client's next message.
func (h *handshake) message(ctx context.Context, m *message) error {
	var err error
	switch {
	case h.step == wantCertificate && m.typ == msgCertificate:
		err = h.certificate(m.body)
	case h.step == wantKeyExchange && m.typ == msgClientKeyExchange:
		h.transcript = m.append(h.transcript) // the extended master secret covers it
		return h.keyExchange(ctx, m.body)
	case h.step == wantVerify && m.typ == msgCertificateVerify:
		err = h.certificateVerify(m.body)
	case h.step == wantFinished && m.typ == msgFinished:
		return h.finished(m)
	default:
		return alertUnexpectedMessage
	}
	h.transcript = m.append(h.transcript)
	return err
}

// keyExchange makes the keys (RFC 5246, 7.4.7; RFC 4279, 2; RFC 8422, 5.7).
func (h *handshake) keyExchange(ctx context.Context, body []byte) error {
	s := cryptobyte.String(body)
	var pre []byte
	if h.suite.psk {
		var identity cryptobyte.String
		if !s.ReadUint16LengthPrefixed(&identity) || !s.Empty() || len(identity) > MaxIdentity {
			return alertDecodeError
		}
		key := h.psk(ctx, string(identity))
		pre, h.step = prf.PSKPreMasterSecret(key), wantFinished
	} else {
		var point cryptobyte.String
		if !s.ReadUint8LengthPrefixed(&point) || !s.Empty() {
			return alertDecodeError
		}
		public, err := h.ecdh.Curve().NewPublicKey(point)
		if err != nil {
			return alertIllegalParameter
		}
		if pre, err = h.ecdh.ECDH(public); err != nil {
			return alertIllegalParameter
		}
		h.step = wantVerify
	}
	if err := h.master(pre); err != nil {
		return err
	}
	early := h.early
	h.early = nil
	for _, d := range early {
		if err := h.take(ctx, d); err != nil {
			return err
		}
	}
	return nil
}

// key looks up the key of an identity in the time that a handshake has. There is
// none for the empty identity, which is no proof of being anybody.
func (c *Conn) key(ctx context.Context, identity string, began time.Time) (Key, bool) {
	ctx, cancel := context.WithDeadline(ctx, began.Add(c.o.HandshakeTimeout))
	defer cancel()
	key, known := c.o.Keys.PSK(ctx, identity)
	return key, known && len(key) > 0 && identity != ""
}

// psk looks up the key of an identity. One that is unknown gets a random key,
// and everything goes on as with a wrong one (RFC 4279, 2).
func (h *handshake) psk(ctx context.Context, identity string) Key {
	h.ending = h.c.endings()
	key, known := h.c.key(ctx, identity, h.began)
	if !known {
		key = make(Key, keySize)
		rand.Read(key)
	}
	h.next.identity, h.next.key = identity, sha256.Sum256(key)
	h.known = known
	return key
}

// master makes the master secret and from it the keys (RFC 5246, 8.1; RFC 7627,
// 4).
func (h *handshake) master(pre []byte) (err error) {
	var m []byte
	if h.hello.extendedMaster {
		sum := sha256.Sum256(h.transcript)
		m, err = prf.ExtendedMasterSecret(pre, sum[:], sha256.New)
	} else {
		m, err = prf.MasterSecret(pre, h.random[:], h.ours[:], sha256.New)
	}
	if err != nil {
		return err
	}
	h.next.master = [masterSize]byte(m)
	h.next.suite = h.suite
	return h.derive()
}

// finished compares the client's view of the handshake with ours, and ends it.
func (h *handshake) finished(m *message) error {
	want, err := prf.VerifyDataClient(h.next.master[:], h.transcript, sha256.New)
	if err != nil {
		return err
	}
	if !hmac.Equal(m.body, want) || h.resumed == nil && h.suite.psk && !h.known {
		return alertDecryptError
	}
	h.transcript = m.append(h.transcript)
	if h.resumed != nil {
		return h.c.established(h, nil)
	}
	h.flight = []item{{typ: typeChangeCipherSpec}}
	if err := h.sayFinished(); err != nil {
		return err
	}
	last := h.flight[len(h.flight)-1].m.append(nil)
	datagrams := h.datagrams()
	if err := h.c.established(h, last); err != nil { // before the client may send
		return err
	}
	for _, d := range datagrams {
		h.c.write(d, h.remote)
	}
	return nil
}
