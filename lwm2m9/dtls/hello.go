package dtls

import (
	"slices"

	"golang.org/x/crypto/cryptobyte"
)

// Extensions that are understood (IANA, TLS ExtensionType Values).
const (
	extSupportedGroups      = 10
	extPointFormats         = 11
	extSignatureAlgorithms  = 13
	extExtendedMasterSecret = 23
	extConnectionID         = 54
	extRenegotiationInfo    = 0xff01
)

// renegotiationSCSV stands for an empty renegotiation_info (RFC 5746, 3.3).
const renegotiationSCSV = 0x00ff

// random is a client's or server's random value.
type random [32]byte

// hello is a ClientHello (RFC 5246, 7.4.1.2; RFC 6347, 4.2.1). Its slices point
// into the message.
type hello struct {
	version         version
	random          random
	session, cookie []byte
	suites          []uint16
	afterCookie     []byte // suites to the end: what the cookie also covers

	cid             []byte // put on what we send; with offersCID
	offersCID       bool
	extendedMaster  bool
	renegotiation   bool
	pointFormats    bool
	groups, schemes []uint16
}

// parseHello reads the body of a ClientHello.
func parseHello(body []byte) (h hello, ok bool) {
	s := cryptobyte.String(body)
	var session, cookie, suites, compression cryptobyte.String
	if !s.ReadUint8(&h.version.major) || !s.ReadUint8(&h.version.minor) || !s.CopyBytes(h.random[:]) ||
		!s.ReadUint8LengthPrefixed(&session) || !s.ReadUint8LengthPrefixed(&cookie) {
		return h, false
	}
	h.session, h.cookie, h.afterCookie = session, cookie, s
	if !s.ReadUint16LengthPrefixed(&suites) || !s.ReadUint8LengthPrefixed(&compression) ||
		len(session) > sessionIDSize || !slices.Contains(compression, 0) {
		return h, false
	}
	if h.suites, ok = uint16s(suites); !ok {
		return h, false
	}
	h.renegotiation = slices.Contains(h.suites, renegotiationSCSV)
	if s.Empty() {
		return h, true
	}
	var all cryptobyte.String
	if !s.ReadUint16LengthPrefixed(&all) || !s.Empty() {
		return h, false
	}
	for !all.Empty() {
		var id uint16
		var data cryptobyte.String
		if !all.ReadUint16(&id) || !all.ReadUint16LengthPrefixed(&data) || !h.extension(id, data) {
			return h, false
		}
	}
	return h, true
}

// extension takes an extension in; what is not known is ignored.
func (h *hello) extension(id uint16, data cryptobyte.String) (ok bool) {
	var list cryptobyte.String
	switch id {
	case extSupportedGroups:
		ok = data.ReadUint16LengthPrefixed(&list) && data.Empty()
		if ok {
			h.groups, ok = uint16s(list)
		}
	case extSignatureAlgorithms:
		ok = data.ReadUint16LengthPrefixed(&list) && data.Empty()
		if ok {
			h.schemes, ok = uint16s(list)
		}
	case extExtendedMasterSecret:
		h.extendedMaster, ok = true, data.Empty()
	case extConnectionID:
		ok = data.ReadUint8LengthPrefixed(&list) && data.Empty()
		h.cid, h.offersCID = list, true
	case extPointFormats: // which can only be what all have (RFC 8422, 5.1.2)
		h.pointFormats, ok = true, true
	case extRenegotiationInfo:
		ok = data.ReadUint8LengthPrefixed(&list) && list.Empty() && data.Empty()
		h.renegotiation = true
	default:
		ok = true
	}
	return ok
}

func uint16s(s cryptobyte.String) (list []uint16, ok bool) {
	list = make([]uint16, 0, len(s)/2)
	for !s.Empty() {
		var n uint16
		if !s.ReadUint16(&n) {
			return nil, false
		}
		list = append(list, n)
	}
	return list, true
}
