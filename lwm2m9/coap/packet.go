package coap

import (
	"encoding/binary"
	"errors"

	"github.com/plgd-dev/go-coap/v3/message"
)

// packet is one datagram, taken apart. Options and payload lie in the read
// buffer: what outlives the read loop's turn is copied.
type packet struct {
	typ     msgType
	code    Code
	mid     uint16
	token   Token
	options message.Options
	payload []byte
}

const (
	headerLen = 4
	// maxOptions bounds the options of a datagram that is looked at.
	maxOptions = 64
	// maxDatagram is the read buffer: no UDP datagram is larger.
	maxDatagram = 1 << 16
)

var (
	errIgnore = errors.New("coap: not for us")           // no readable header, another version
	errFormat = errors.New("coap: message format error") // answered with RST when confirmable
)

// decode takes a datagram apart. With errFormat the header is there; with
// errIgnore nothing is. opts lends its memory to the options.
//
// go-coap's message.Options.Unmarshal does the work, but not its Coder: that
// one drops critical options of illegal length and accepts an end marker
// without a payload (RFC 7252, 3 and 5.4.3).
func decode(data []byte, opts message.Options) (packet, error) {
	if len(data) < headerLen || data[0]>>6 != 1 {
		return packet{}, errIgnore
	}
	p := packet{
		typ:  msgType(data[0] >> 4 & 3),
		code: Code(data[1]),
		mid:  binary.BigEndian.Uint16(data[2:]),
	}
	n := int(data[0] & 0xf)
	if n > len(p.token.b) || len(data) < headerLen+n {
		return p, errFormat
	}
	p.token = MakeToken(data[headerLen : headerLen+n])
	rest := data[headerLen+n:]
	if p.code == Empty {
		if len(data) != headerLen {
			return p, errFormat
		}
		return p, nil
	}
	if !p.code.isRequest() && !p.code.isResponse() {
		return p, errFormat
	}
	p.options = opts[:0]
	used, err := p.options.Unmarshal(rest, nil)
	if err != nil {
		return p, errFormat
	}
	p.payload = rest[used:]
	if len(p.payload) == 0 && endsInMarker(rest, opts) {
		return p, errFormat
	}
	return p, nil
}

// endsInMarker says whether the last byte of options without a payload is an
// end marker: only then do they stand without it.
func endsInMarker(rest []byte, scratch message.Options) bool {
	if len(rest) == 0 || rest[len(rest)-1] != 0xff {
		return false
	}
	scratch = make(message.Options, 0, cap(scratch)) // the first result must stay
	_, err := scratch.Unmarshal(rest[:len(rest)-1], nil)
	return err == nil
}

// empty is a message of four bytes: an acknowledgement or a reset.
func empty(t msgType, mid uint16) []byte {
	return []byte{1<<6 | byte(t)<<4, 0, byte(mid >> 8), byte(mid)}
}

// encode writes a packet.
func (p *packet) encode() ([]byte, error) {
	size := headerLen + int(p.token.n) + len(p.payload)
	if len(p.payload) > 0 {
		size++
	}
	for _, o := range p.options {
		size += len(o.Value) + 5 // the most an option's head takes
	}
	buf := make([]byte, size)
	buf[0] = 1<<6 | byte(p.typ)<<4 | p.token.n
	buf[1] = byte(p.code)
	binary.BigEndian.PutUint16(buf[2:], p.mid)
	n := headerLen + copy(buf[headerLen:], p.token.b[:p.token.n])
	used, err := p.options.Marshal(buf[n:])
	if err != nil {
		return nil, err
	}
	n += used
	if len(p.payload) > 0 {
		buf[n] = 0xff
		n += 1 + copy(buf[n+1:], p.payload)
	}
	return buf[:n], nil
}

// addUint adds an option of format uint, shortest form (RFC 7252, 3.2).
func (p *packet) addUint(id message.OptionID, v uint32) {
	b := binary.BigEndian.AppendUint32(nil, v)
	for len(b) > 0 && b[0] == 0 {
		b = b[1:]
	}
	p.options = p.options.Add(message.Option{ID: id, Value: b})
}

func (p *packet) addString(id message.OptionID, v string) {
	p.options = p.options.Add(message.Option{ID: id, Value: []byte(v)})
}

// uintOf reads an option of format uint; false when it is longer than max
// bytes.
func uintOf(v []byte, max int) (uint32, bool) {
	if len(v) > max {
		return 0, false
	}
	var n uint32
	for _, b := range v {
		n = n<<8 | uint32(b)
	}
	return n, true
}
