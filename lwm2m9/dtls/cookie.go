package dtls

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"net/netip"
	"time"
)

// cookieSize is the length of a cookie, as small as is safe: the answer to a
// Hello must not be longer than the Hello.
const cookieSize = 16

// cookieLife is how long a cookie is good at least; at most twice as long.
const cookieLife = 2 * time.Minute

// cookies makes and checks cookies without remembering any (RFC 6347, 4.2.1).
type cookies struct {
	secret, former [32]byte
	changed        time.Time
}

// check tells whether a Hello carries the cookie that was made for it.
func (c *cookies) check(h *hello, from netip.AddrPort, now time.Time) bool {
	c.rotate(now)
	if len(h.cookie) != cookieSize {
		return false
	}
	a, b := cookie(&c.secret, h, from), cookie(&c.former, h, from)
	return hmac.Equal(h.cookie, a[:]) || hmac.Equal(h.cookie, b[:])
}

// make makes the cookie for a Hello.
func (c *cookies) make(h *hello, from netip.AddrPort, now time.Time) [cookieSize]byte {
	c.rotate(now)
	return cookie(&c.secret, h, from)
}

func (c *cookies) rotate(now time.Time) {
	age := now.Sub(c.changed)
	if age < cookieLife {
		return
	}
	c.former = c.secret
	rand.Read(c.secret[:]) // never fails (crypto/rand)
	if age >= 2*cookieLife {
		rand.Read(c.former[:]) // also the first time
	}
	c.changed = now
}

// cookie covers the address and all parameters, so that one that was asked for
// from here is of no use there, nor with other parameters.
func cookie(secret *[32]byte, h *hello, from netip.AddrPort) (out [cookieSize]byte) {
	m := hmac.New(sha256.New, secret[:])
	a := from.Addr().As16()
	m.Write(a[:])
	m.Write([]byte{byte(from.Port() >> 8), byte(from.Port()), h.version.major, h.version.minor})
	m.Write(h.random[:])
	m.Write([]byte{byte(len(h.session))})
	m.Write(h.session)
	m.Write(h.afterCookie)
	copy(out[:], m.Sum(nil))
	return out
}

// verifyRequest is the datagram with the cookie. Its numbers are the Hello's,
// so that none needs to be remembered.
func verifyRequest(r *record, m *message, cookie [cookieSize]byte) []byte {
	body := append([]byte{dtls10.major, dtls10.minor, cookieSize}, cookie[:]...)
	hvr := message{typ: msgHelloVerifyRequest, seq: m.seq, length: len(body), body: body}
	return appendPlain(nil, typeHandshake, dtls10, r.seq, hvr.append(nil))
}
