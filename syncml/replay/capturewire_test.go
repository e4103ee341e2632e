package replay_test

import (
	"bytes"
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/fwbridge/fwbridge/syncml/replay"
)

// packet is one of a capture that is being made up.
type packet struct {
	data []byte
	at   time.Time
}

// capture makes packets up, a millisecond apart.
type capture struct {
	t       testing.TB
	packets []packet
	wrap    []gopacket.SerializableLayer // around IP; nil is Ethernet
}

// tcpEnd is one end of a connection.
type tcpEnd struct {
	ip   net.IP
	port layers.TCPPort
	seq  uint32
}

// tcpConn is a connection within a capture.
type tcpConn struct {
	c              *capture
	client, server tcpEnd
	size           int // of a segment; 0 is 300
}

// open makes a connection. Its sequence numbers are about to run over.
func (c *capture) open(port layers.TCPPort) *tcpConn {
	return &tcpConn{c: c, client: tcpEnd{net.IP{10, 0, 0, 7}, port, 0xFFFFFF00}, server: tcpEnd{net.IP{10, 0, 0, 1}, 8080, 0xFFFFFE00}}
}

func (n *tcpConn) segment(from, to *tcpEnd, flags layers.TCP, payload []byte) {
	n.c.t.Helper()
	flags.SrcPort, flags.DstPort, flags.Seq, flags.Ack, flags.ACK, flags.Window = from.port, to.port, from.seq, to.seq, true, 0xFFFF
	ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolTCP, SrcIP: from.ip, DstIP: to.ip}
	if err := flags.SetNetworkLayerForChecksum(ip); err != nil {
		n.c.t.Fatal(err)
	}
	stack := n.c.wrap
	if stack == nil {
		mac := net.HardwareAddr{2, 0, 0, 0, 0, 1}
		stack = []gopacket.SerializableLayer{&layers.Ethernet{SrcMAC: mac, DstMAC: mac, EthernetType: layers.EthernetTypeIPv4}}
	}
	b := gopacket.NewSerializeBuffer()
	err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true},
		append(slices.Clone(stack), ip, &flags, gopacket.Payload(payload))...)
	if err != nil {
		n.c.t.Fatal(err)
	}
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).Add(time.Duration(len(n.c.packets)) * time.Millisecond)
	n.c.packets = append(n.c.packets, packet{bytes.Clone(b.Bytes()), at})
	from.seq += uint32(len(payload))
	if flags.SYN || flags.FIN {
		from.seq++
	}
}

func (n *tcpConn) handshake() {
	n.segment(&n.client, &n.server, layers.TCP{SYN: true}, nil)
	n.segment(&n.server, &n.client, layers.TCP{SYN: true}, nil)
}

func (n *tcpConn) close() {
	n.segment(&n.client, &n.server, layers.TCP{FIN: true}, nil)
	n.segment(&n.server, &n.client, layers.TCP{FIN: true}, nil)
}

// send cuts bytes into segments.
func (n *tcpConn) send(from, to *tcpEnd, text string) {
	size := n.size
	if size == 0 {
		size = 300
	}
	for part := range slices.Chunk([]byte(text), size) {
		n.segment(from, to, layers.TCP{PSH: true}, part)
	}
}

func (n *tcpConn) ask(text string)    { n.send(&n.client, &n.server, text) }
func (n *tcpConn) answer(text string) { n.send(&n.server, &n.client, text) }

// exchange is one POST with its answer.
func (n *tcpConn) exchange(e replay.Exchange) {
	n.ask(asked(e.Request))
	n.answer(reply(e.Response))
}

func asked(m replay.Message) string {
	return fmt.Sprintf("POST /dm?s=1 HTTP/1.1\r\nHost: dm.example.com:8080\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", mediaType(m), len(m.Body), m.Body)
}

func reply(m replay.Message) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", mediaType(m), len(m.Body), m.Body)
}

func mediaType(m replay.Message) string {
	if len(m.Body) > 0 && m.Body[0] != '<' {
		return "application/vnd.syncml.dm+wbxml"
	}
	return "application/vnd.syncml.dm+xml; charset=utf-8"
}

// pcap is the capture as a file of the older format.
func (c *capture) pcap(link layers.LinkType) []byte {
	c.t.Helper()
	var b bytes.Buffer
	w := pcapgo.NewWriter(&b)
	if err := w.WriteFileHeader(65535, link); err != nil {
		c.t.Fatal(err)
	}
	for _, p := range c.packets {
		if err := w.WritePacket(gopacket.CaptureInfo{Timestamp: p.at, CaptureLength: len(p.data), Length: len(p.data)}, p.data); err != nil {
			c.t.Fatal(err)
		}
	}
	return b.Bytes()
}

// pcapng is the capture as a file of the newer format, on its second interface.
func (c *capture) pcapng(link layers.LinkType) []byte {
	c.t.Helper()
	var b bytes.Buffer
	w, err := pcapgo.NewNgWriterInterface(&b, pcapgo.NgInterface{LinkType: layers.LinkTypeNull}, pcapgo.NgWriterOptions{})
	if err != nil {
		c.t.Fatal(err)
	}
	id, err := w.AddInterface(pcapgo.NgInterface{LinkType: link})
	if err != nil {
		c.t.Fatal(err)
	}
	for _, p := range c.packets {
		info := gopacket.CaptureInfo{Timestamp: p.at, CaptureLength: len(p.data), Length: len(p.data), InterfaceIndex: id}
		if err := w.WritePacket(info, p.data); err != nil {
			c.t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		c.t.Fatal(err)
	}
	return b.Bytes()
}
