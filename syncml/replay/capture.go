package replay

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/gopacket/gopacket/tcpassembly"
)

// GapError says that connections with SyncML messages are not whole in a
// capture: packets are missing or were cut, or it began or ended within a
// message.
type GapError struct{ Connections int }

func (e *GapError) Error() string {
	return fmt.Sprintf("messages are missing: %d connections are not whole in the capture", e.Connections)
}

// pcapngMagic begins a pcapng file; pcapMagics begin a pcap file in either byte
// order, with microseconds or nanoseconds.
const pcapngMagic = 0x0A0D0D0A

var pcapMagics = []uint32{0xA1B2C3D4, 0xD4C3B2A1, 0xA1B23C4D, 0x4D3CB2A1}

// IsCapture says whether a file that begins so is a packet capture.
func IsCapture(start []byte) bool {
	if len(start) < 4 {
		return false
	}
	magic := binary.BigEndian.Uint32(start)
	return magic == pcapngMagic || slices.Contains(pcapMagics, magic)
}

// ParseCapture reads sessions from a packet capture, pcap or pcapng: what was
// posted by HTTP/1 over TCP, on any port, also within a tunnel that is not
// encrypted. Fragments of IP and compressed files are not put together. With a
// [*GapError], the sessions are what could be read.
func ParseCapture(data []byte) ([]Session, error) {
	if !IsCapture(data) { // also keeps the library from unpacking a compressed file of any size
		return nil, errors.New("not a packet capture (pcap or pcapng)")
	}
	var all connections
	if err := all.read(data); err != nil {
		return nil, err
	}
	var found []timedExchange
	gaps := 0
	for _, c := range all.list {
		list, whole := c.exchanges()
		if found = append(found, list...); !whole {
			gaps++
		}
		if 2*len(found) > MaxMessages {
			return nil, fmt.Errorf("more than %d messages", MaxMessages)
		}
	}
	slices.SortStableFunc(found, func(a, b timedExchange) int { return a.seen.Compare(b.seen) })
	var split splitter
	for _, x := range found {
		split.add(x.Exchange)
	}
	if gaps > 0 {
		return split.sessions, &GapError{gaps}
	}
	return split.sessions, nil
}

// connections gathers the bytes of every TCP connection; it is the factory of
// the assembler's streams.
type connections struct {
	list []*connection
	open map[[2]gopacket.Flow]*connection // the newest, by the flows of who was seen first
}

// connection is the two directions of one, the one seen first first.
type connection struct{ halves [2]*half }

// half is one direction.
type half struct {
	from, to string
	data     []byte
	marks    []mark
	synced   bool // data is from the beginning of the connection
	gap      bool // data ends where bytes are missing
}

// mark is when the data from an offset on was seen.
type mark struct {
	at   int
	seen time.Time
}

// read takes all packets in. A capture that ends within a packet, as those of
// a tool that was killed do, is taken as far as it goes.
func (c *connections) read(data []byte) error {
	next, err := packets(data)
	if err != nil {
		return fmt.Errorf("the packet capture cannot be read: %w", err)
	}
	streams := tcpassembly.NewAssembler(tcpassembly.NewStreamPool(c))
	for n := 1; ; n++ {
		raw, at, link, err := next()
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			streams.FlushAll()
			return nil
		case err != nil:
			return fmt.Errorf("the packet capture cannot be read: packet %d: %w", n, err)
		}
		var ip gopacket.NetworkLayer // the innermost around TCP
		for _, layer := range gopacket.NewPacket(raw, link, gopacket.NoCopy).Layers() {
			switch layer := layer.(type) {
			case gopacket.NetworkLayer:
				ip = layer
			case *layers.TCP:
				if ip != nil {
					streams.AssembleWithTimestamp(ip.NetworkFlow(), layer, at)
				}
			}
		}
	}
}

// nextPacket gives one packet after the other, then [io.EOF].
type nextPacket func() ([]byte, time.Time, layers.LinkType, error)

func packets(data []byte) (nextPacket, error) {
	if binary.BigEndian.Uint32(data) != pcapngMagic {
		r, err := pcapgo.NewReader(bytes.NewReader(data))
		if err != nil {
			return nil, err
		}
		return func() ([]byte, time.Time, layers.LinkType, error) {
			raw, info, err := r.ReadPacketData()
			return raw, info.Timestamp, r.LinkType(), err
		}, nil
	}
	r, err := pcapgo.NewNgReader(bytes.NewReader(data), pcapgo.NgReaderOptions{WantMixedLinkType: true, SkipUnknownVersion: true})
	if err != nil {
		return nil, err
	}
	return func() ([]byte, time.Time, layers.LinkType, error) {
		raw, info, err := r.ReadPacketData()
		link := layers.LinkTypeEthernet
		if len(info.AncillaryData) > 0 {
			link, _ = info.AncillaryData[0].(layers.LinkType) // pcapgo says so
		}
		return raw, info.Timestamp, link, err
	}, nil
}

// New implements [tcpassembly.StreamFactory].
func (c *connections) New(ip, tcp gopacket.Flow) tcpassembly.Stream {
	if c.open == nil {
		c.open = map[[2]gopacket.Flow]*connection{}
	}
	h := &half{from: net.JoinHostPort(ip.Src().String(), tcp.Src().String()), to: net.JoinHostPort(ip.Dst().String(), tcp.Dst().String())}
	if other := c.open[[2]gopacket.Flow{ip.Reverse(), tcp.Reverse()}]; other != nil && other.halves[1] == nil {
		other.halves[1] = h
		return h
	}
	own := &connection{halves: [2]*half{h}}
	c.open[[2]gopacket.Flow{ip, tcp}] = own
	c.list = append(c.list, own)
	return h
}

// Reassembled implements [tcpassembly.Stream].
func (h *half) Reassembled(list []tcpassembly.Reassembly) {
	for _, r := range list {
		h.synced = h.synced || r.Start
		if h.gap = h.gap || r.Skip > 0; h.gap || len(r.Bytes) == 0 {
			continue
		}
		h.marks = append(h.marks, mark{len(h.data), r.Seen})
		h.data = append(h.data, r.Bytes...)
	}
}

// ReassemblyComplete implements [tcpassembly.Stream].
func (h *half) ReassemblyComplete() {}

// seen is when the byte at an offset came.
func (h *half) seen(at int) time.Time {
	i, exact := slices.BinarySearchFunc(h.marks, at, func(m mark, at int) int { return cmp.Compare(m.at, at) })
	if !exact {
		i--
	}
	if i < 0 {
		return time.Time{}
	}
	return h.marks[i].seen
}
