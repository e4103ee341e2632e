package notify

import (
	"encoding/binary"
	"fmt"
)

// Port is the WDP port of triggers: WAP connectionless push.
const Port = 2948

// SMS as a trigger needs it (3GPP TS 23.040, 9.2.3.24).
const (
	smsBytes = 140 // of one SMS, its header included

	ieConcat8  = 0x00
	iePorts8   = 0x04
	iePorts16  = 0x05
	ieConcat16 = 0x08

	udhPorts  = 7  // the header with ports alone
	udhConcat = 12 // and with the numbers of a part

	// MaxParts is how many SMS one trigger may take.
	MaxParts = 16
)

// Header is the user data header of an SMS, as far as triggers need it.
type Header struct {
	HasPorts    bool
	Destination uint16
	Source      uint16
	Ref         uint16 // names the message that this is a part of
	Total       uint8  // parts; 0 and 1 for a whole message
	Seq         uint8  // of this part, from 1
}

// Concatenated says whether the SMS is one of several.
func (h Header) Concatenated() bool { return h.Total > 1 }

// SMS is one short message: the header with its length byte, and the data.
type SMS struct {
	UDH  []byte
	Data []byte
}

// Segment puts a push into as many SMS as it takes: one up to 133 bytes. ref
// names the message when there are several; it should differ from the last
// one's to the same device. The error is a [*FieldError].
func Segment(push []byte, source uint16, ref uint8) ([]SMS, error) {
	udh := []byte{udhPorts - 1, iePorts16, 4}
	udh = binary.BigEndian.AppendUint16(udh, Port)
	udh = binary.BigEndian.AppendUint16(udh, source)
	if len(push) <= smsBytes-udhPorts {
		return []SMS{{udh, push}}, nil
	}
	const room = smsBytes - udhConcat
	total := (len(push) + room - 1) / room
	if total > MaxParts {
		return nil, &FieldError{"push", fmt.Sprintf("takes more than %d SMS", MaxParts)}
	}
	udh[0] = udhConcat - 1
	var list []SMS
	for seq := 1; len(push) > 0; seq++ {
		n := min(room, len(push))
		head := append(udh[:udhPorts:udhPorts], ieConcat8, 3, ref, byte(total), byte(seq))
		list = append(list, SMS{head, push[:n]})
		push = push[n:]
	}
	return list, nil
}

// SplitUDH reads the user data header that stands, with its length before it,
// at the beginning of b. The error is a [*SyntaxError].
func SplitUDH(b []byte) (h Header, data []byte, err error) {
	fail := func(at int, msg string) (Header, []byte, error) {
		return Header{}, nil, &SyntaxError{"user data header", at, msg}
	}
	if len(b) == 0 {
		return fail(0, "is empty")
	}
	end := 1 + int(b[0])
	if end > len(b) || end == 1 {
		return fail(0, "its length is wrong")
	}
	for at := 1; at < end; {
		if at+2 > end || at+2+int(b[at+1]) > end {
			return fail(at, "an element runs past the end")
		}
		v := b[at+2 : at+2+int(b[at+1])]
		if !h.element(b[at], v) {
			return fail(at, "an element has a wrong length or number")
		}
		at += 2 + len(v)
	}
	return h, b[end:], nil
}

// element takes in one information element; those not known are skipped.
func (h *Header) element(id byte, v []byte) bool {
	switch {
	case id == iePorts16 && len(v) == 4:
		h.HasPorts, h.Destination, h.Source = true, binary.BigEndian.Uint16(v), binary.BigEndian.Uint16(v[2:])
	case id == iePorts8 && len(v) == 2:
		h.HasPorts, h.Destination, h.Source = true, uint16(v[0]), uint16(v[1])
	case id == ieConcat8 && len(v) == 3:
		h.Ref, h.Total, h.Seq = uint16(v[0]), v[1], v[2]
	case id == ieConcat16 && len(v) == 4:
		h.Ref, h.Total, h.Seq = binary.BigEndian.Uint16(v), v[2], v[3]
	case id == iePorts16, id == iePorts8, id == ieConcat8, id == ieConcat16:
		return false
	default:
		return true
	}
	return h.Total <= 1 || h.Seq >= 1 && h.Seq <= h.Total
}
