package replay_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/fwbridge/fwbridge/syncml/replay"
)

var update = flag.Bool("update", false, "write the captures in testdata anew")

// captured is a session of two exchanges, WBXML first.
func captured(t testing.TB) []replay.Exchange {
	t.Helper()
	rec, err := replay.Load(filepath.Join(sessions, "auth-basic"))
	if err != nil {
		t.Fatal(err)
	}
	wb, err := replay.Load(filepath.Join(sessions, "fwupdate-wbxml"))
	if err != nil {
		t.Fatal(err)
	}
	return []replay.Exchange{wb.Sessions[0].Exchanges[0], rec.Sessions[0].Exchanges[0]}
}

// bodies are those of all messages, in order.
func bodies(list []replay.Exchange) (all []string) {
	for _, e := range list {
		all = append(all, string(e.Request.Body), string(e.Response.Body))
	}
	return all
}

func flat(list []replay.Session) (all []replay.Exchange) {
	for _, s := range list {
		all = append(all, s.Exchanges...)
	}
	return all
}

// TestCaptureFixture: a whole recording in packets is the recording, in both
// file formats. The files also serve other tests.
func TestCaptureFixture(t *testing.T) {
	want, err := replay.Load(filepath.Join(sessions, "auth-md5"))
	if err != nil {
		t.Fatal(err)
	}
	c := &capture{t: t}
	for i, s := range want.Sessions {
		n := c.open(layers.TCPPort(40000 + i))
		n.handshake()
		for _, e := range s.Exchanges {
			n.exchange(e)
		}
		n.close()
	}
	for name, data := range map[string][]byte{"auth-md5.pcap": c.pcap(layers.LinkTypeEthernet), "auth-md5.pcapng": c.pcapng(layers.LinkTypeEthernet)} {
		path := filepath.Join("..", "..", "testdata", "captures", name)
		if *update {
			if err := os.WriteFile(path, data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if kept, err := os.ReadFile(path); err != nil || !bytes.Equal(kept, data) {
			t.Errorf("%s: %v, or not as written; run with -update", name, err)
		}
		got, err := replay.Load(path)
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Sessions) != len(want.Sessions) {
			t.Errorf("%s: %d sessions, want %d", name, len(got.Sessions), len(want.Sessions))
		}
		if d := cmp.Diff(bodies(flat(want.Sessions)), bodies(flat(got.Sessions))); d != "" {
			t.Errorf("%s (-recorded +captured):\n%s", name, d)
		}
		m := got.Sessions[0].Exchanges[0].Request
		if m.URL != "http://dm.example.com:8080/dm?s=1" || m.Name != "10.0.0.7:40000 to 10.0.0.1:8080, request 1" || m.Header.Get("Content-Length") == "" {
			t.Errorf("%s: request %q at %q with %v", name, m.Name, m.URL, m.Header)
		}
	}
}

// TestCaptures: what TCP, HTTP and capturing do to a session.
func TestCaptures(t *testing.T) {
	x := captured(t)
	type test struct {
		make func(c *capture) // of x[0] and x[1]
		want []string         // nil is both
		gaps int              // connections that are not whole
	}
	first, second := bodies(x[:1]), bodies(x[1:])
	for name, tt := range map[string]test{
		"one connection": {make: func(c *capture) { n := c.open(1); n.handshake(); n.exchange(x[0]); n.exchange(x[1]); n.close() }},
		"no end":         {make: func(c *capture) { n := c.open(1); n.handshake(); n.exchange(x[0]); n.exchange(x[1]) }},
		"two connections at once": {make: func(c *capture) {
			a, b := c.open(1), c.open(2)
			b.handshake()
			a.handshake()
			a.ask(asked(x[0].Request))
			b.ask(asked(x[1].Request))
			b.answer(reply(x[1].Response))
			a.answer(reply(x[0].Response))
		}},
		"a port used again": {make: func(c *capture) {
			for _, e := range x {
				n := c.open(1)
				n.handshake()
				n.exchange(e)
				n.close()
			}
		}},
		"swapped and repeated packets": {make: func(c *capture) {
			n := c.open(1)
			n.handshake()
			n.exchange(x[0])
			n.exchange(x[1])
			p := c.packets
			p[2].data, p[3].data = p[3].data, p[2].data
			c.packets = append(p[:5:5], append([]packet{p[3]}, p[5:]...)...)
		}},
		"one byte a packet": {make: func(c *capture) { n := c.open(1); n.size = 1; n.handshake(); n.exchange(x[0]); n.exchange(x[1]) }},
		"other requests between": {make: func(c *capture) {
			n := c.open(1)
			n.handshake()
			n.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			n.answer("HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno")
			n.exchange(x[0])
			n.ask("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
			n.answer("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n")
			n.exchange(x[1])
		}},
		"chunks and 100 Continue": {make: func(c *capture) {
			n := c.open(1)
			n.handshake()
			n.ask(strings.Replace(asked(x[0].Request), "Host:", "Expect: 100-continue\r\nHost:", 1))
			n.answer("HTTP/1.1 100 Continue\r\n\r\n")
			n.answer(fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(x[0].Response.Body), x[0].Response.Body))
			n.exchange(x[1])
		}},
		"an answer up to the end of the connection": {make: func(c *capture) {
			for i, e := range x {
				n := c.open(layers.TCPPort(i + 1))
				n.handshake()
				n.ask(asked(e.Request))
				n.answer("HTTP/1.0 200 OK\r\n\r\n" + string(e.Response.Body))
				n.close()
			}
		}},
		"begun within an answer": {make: func(c *capture) {
			n := c.open(1)
			n.answer("…</SyncBody></SyncML>")
			n.exchange(x[0])
			n.exchange(x[1])
		}},
		"begun between request and answer": {make: func(c *capture) {
			n := c.open(1)
			n.answer("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate")
			n.exchange(x[0])
			n.exchange(x[1])
		}},
		"something else":    {make: func(c *capture) { n := c.open(1); n.handshake(); n.ask("\x16\x03\x01…"); n.answer("\x16…") }, want: []string{}},
		"something unbegun": {make: func(c *capture) { n := c.open(1); n.ask("\x16\x03\x01…"); n.answer("…") }, want: []string{}},
		"no packets":        {make: func(*capture) {}, want: []string{}},
		"an answer never sent": {make: func(c *capture) {
			n := c.open(1)
			n.handshake()
			n.exchange(x[0])
			n.ask(asked(x[1].Request))
		}, want: append(first[:2:2], second[0], "")},
		"a packet of a request lost": {make: func(c *capture) { two(c, x, 0) }, want: second, gaps: 1},
		"a packet of an answer lost": {make: func(c *capture) { two(c, x, 1) }, want: append([]string{first[0], ""}, second...), gaps: 1},
		"a packet lost in the middle": {make: func(c *capture) {
			n := c.open(1)
			n.handshake()
			n.exchange(x[0])
			n.exchange(x[1])
			c.packets = append(c.packets[:3:3], c.packets[4:]...)
		}, want: []string{}, gaps: 1},
		"begun within a long request": {make: func(c *capture) {
			n := c.open(1)
			n.handshake()
			n.exchange(x[0])
			n.exchange(x[1])
			c.packets = c.packets[3:]
		}, want: second},
		"ended within an answer": {make: func(c *capture) {
			n := c.open(1)
			n.handshake()
			n.exchange(x[0])
			n.exchange(x[1])
			c.packets = c.packets[:len(c.packets)-1]
		}, want: append(first[:2:2], second[0], ""), gaps: 1},
		"a loss that is none of ours": {make: func(c *capture) {
			n := c.open(1)
			n.handshake()
			n.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			n.answer("HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n")
			b := c.open(2)
			b.handshake()
			b.exchange(x[0])
			b.exchange(x[1])
		}},
	} {
		t.Run(name, func(t *testing.T) {
			c := &capture{t: t}
			tt.make(c)
			got, err := replay.ParseCapture(c.pcap(layers.LinkTypeEthernet))
			gap, _ := errors.AsType[*replay.GapError](err)
			if err != nil && gap == nil || gap != nil && gap.Connections != tt.gaps || gap == nil && tt.gaps > 0 {
				t.Errorf("error %v, want %d gaps", err, tt.gaps)
			}
			want := tt.want
			if want == nil {
				want = bodies(x)
			}
			if d := cmp.Diff(want, append([]string{}, bodies(flat(got))...)); d != "" {
				t.Errorf("bodies (-want +got):\n%s", d)
			}
		})
	}
}

// two connections, the first without the last packet of one of its directions.
func two(c *capture, x []replay.Exchange, lost int) {
	a := c.open(1)
	a.handshake()
	a.ask(asked(x[0].Request))
	if lost == 0 {
		c.packets = c.packets[:len(c.packets)-1]
	}
	a.answer(reply(x[0].Response))
	if lost == 1 {
		c.packets = c.packets[:len(c.packets)-1]
	}
	a.close()
	b := c.open(2)
	b.handshake()
	b.exchange(x[1])
}

// TestCaptureLinks: on whatever the capture was taken, also within tunnels.
func TestCaptureLinks(t *testing.T) {
	x := captured(t)
	mac := net.HardwareAddr{2, 0, 0, 0, 0, 1}
	outer := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: net.IP{192, 0, 2, 1}, DstIP: net.IP{192, 0, 2, 2}}
	udp := &layers.UDP{SrcPort: 2152, DstPort: 2152}
	if err := udp.SetNetworkLayerForChecksum(outer); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		link layers.LinkType
		wrap []gopacket.SerializableLayer
	}{
		"ethernet with VLAN": {layers.LinkTypeEthernet, []gopacket.SerializableLayer{
			&layers.Ethernet{SrcMAC: mac, DstMAC: mac, EthernetType: layers.EthernetTypeDot1Q}, &layers.Dot1Q{VLANIdentifier: 7, Type: layers.EthernetTypeIPv4}}},
		"raw IP":   {layers.LinkTypeRaw, []gopacket.SerializableLayer{}},
		"loopback": {layers.LinkTypeNull, []gopacket.SerializableLayer{&layers.Loopback{Family: layers.ProtocolFamilyIPv4}}},
		"any interface": {layers.LinkTypeLinuxSLL, []gopacket.SerializableLayer{
			gopacket.Payload{0, 0, 3, 4, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0}}},
		"GTP of a mobile network": {layers.LinkTypeRaw, []gopacket.SerializableLayer{
			outer, udp, &layers.GTPv1U{Version: 1, ProtocolType: 1, MessageType: 255, TEID: 7}}},
	} {
		t.Run(name, func(t *testing.T) {
			c := &capture{t: t, wrap: tt.wrap}
			n := c.open(1)
			n.handshake()
			n.exchange(x[0])
			n.exchange(x[1])
			for form, data := range map[string][]byte{"pcap": c.pcap(tt.link), "pcapng": c.pcapng(tt.link)} {
				got, err := replay.ParseCapture(data)
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(bodies(x), bodies(flat(got))); d != "" {
					t.Errorf("%s (-want +got):\n%s", form, d)
				}
			}
		})
	}
}

// TestBadCaptures: what is no capture, or is broken.
func TestBadCaptures(t *testing.T) {
	c := &capture{t: t}
	n := c.open(1)
	n.handshake()
	for _, e := range captured(t) {
		n.exchange(e)
	}
	whole := c.pcap(layers.LinkTypeEthernet)
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	if _, err := z.Write(whole); err != nil || z.Close() != nil {
		t.Fatal("gzip")
	}
	long := bytes.Clone(whole)
	copy(long[24+8:], "\xff\xff\xff\x7f") // of the first packet
	for name, tt := range map[string]struct {
		data []byte
		err  string
	}{
		"empty":         {nil, "not a packet capture"},
		"compressed":    {zipped.Bytes(), "not a packet capture"},
		"only a magic":  {whole[:4], "the packet capture cannot be read"},
		"ng magic":      {[]byte{0x0A, 0x0D, 0x0D, 0x0A}, "the packet capture cannot be read"},
		"other version": {append([]byte{0xD4, 0xC3, 0xB2, 0xA1, 9}, whole[5:]...), "the packet capture cannot be read"},
		"a long packet": {long, "the packet capture cannot be read: packet 1: "},
		"cut off":       {whole[:len(whole)-1], "1 connections are not whole"},
	} {
		if _, err := replay.ParseCapture(tt.data); err == nil || !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: %v; want %q", name, err, tt.err)
		}
	}
}

// FuzzCapture: no capture makes it panic or fills the memory.
func FuzzCapture(f *testing.F) {
	c := &capture{t: f}
	n := c.open(1)
	n.handshake()
	for _, e := range captured(f) {
		n.exchange(e)
	}
	n.close()
	f.Add(c.pcap(layers.LinkTypeEthernet))
	f.Add(c.pcapng(layers.LinkTypeEthernet))
	f.Fuzz(func(_ *testing.T, data []byte) {
		list, _ := replay.ParseCapture(data)
		for _, s := range list {
			if len(s.Exchanges) == 0 {
				panic("a session of nothing")
			}
		}
	})
}
