package dtls_test

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	pion "github.com/pion/dtls/v3"

	"github.com/fwbridge/fwbridge/lwm2m9/dtls"
)

// idle is how many associations are measured.
const idle = 2000

// maxIdle is what an idle association may cost, in KiB (issue 4).
const maxIdle = 24

// memory is what the process holds: heap and stacks.
func memory() float64 {
	runtime.GC() // twice, for what pools keep
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc + m.StackInuse)
}

// mute is a socket that can stop sending, so that a device can go without a
// word.
type mute struct {
	*net.UDPConn
	off atomic.Bool
}

func (m *mute) WriteTo(b []byte, a net.Addr) (int, error) {
	if m.off.Load() {
		return len(b), nil
	}
	return m.UDPConn.WriteTo(b, a)
}

// BenchmarkIdle is what an idle association costs in heap and stacks: ours at
// the server, with its session to resume; ours at the device all told, with its
// socket and a goroutine in ReadFrom; and pion's connection at the server, behind
// a socket of its own.
func BenchmarkIdle(b *testing.B) {
	for _, x := range []struct {
		name  string
		begin func(b *testing.B) (one func(i int) any)
	}{
		{"server", idleServer}, {"device", idleDevice}, {"pion", idlePion},
	} {
		b.Run(x.name, func(b *testing.B) {
			for b.Loop() {
				one := x.begin(b)
				one(-1) // what is made once
				before, goroutines := memory(), runtime.NumGoroutine()
				held := make([]any, idle)
				for i := range held {
					held[i] = one(i)
				}
				per := (memory() - before) / idle / 1024
				if per > maxIdle && x.name != "pion" {
					b.Errorf("%.1f KiB, more than %d", per, maxIdle)
				}
				b.ReportMetric(per, "KiB/association")
				b.ReportMetric(float64(runtime.NumGoroutine()-goroutines)/idle, "goroutines/association")
				runtime.KeepAlive(held)
			}
		})
	}
}

// shaken is a device after its handshake with the server at an address.
func shaken(b testing.TB, i int, socket net.PacketConn, server net.Addr) *dtls.Client {
	o := dtls.ClientOptions{Identity: fmt.Sprint("urn:dev:", i), Key: dtls.Key("0123456789abcdef")}
	c, err := dtls.Dial(socket, server.(*net.UDPAddr).AddrPort(), o)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := c.WriteTo([]byte("ping"), server); err != nil {
		b.Fatal(err)
	}
	c.SetReadDeadline(time.Now().Add(time.Minute))
	var buf [100]byte
	if n, _, err := c.ReadFrom(buf[:]); err != nil || string(buf[:n]) != "pong" {
		b.Fatal(err)
	}
	return c
}

// anyKey is the same key for everybody.
var anyKey = dtls.KeyFunc(func(context.Context, string) (dtls.Key, bool) { return dtls.Key("0123456789abcdef"), true })

// ponging is a server that answers.
func ponging(b testing.TB) *dtls.Conn {
	s, sr := serve(b, udp(b), dtls.Options{Keys: anyKey})
	go func() {
		for g := range sr.in {
			s.WriteTo([]byte("pong"), g.from)
		}
	}()
	b.Cleanup(func() { close(sr.in) })
	return s
}

func idleServer(b *testing.B) func(int) any {
	s := ponging(b)
	return func(i int) any {
		m := &mute{UDPConn: udp(b)}
		c := shaken(b, i, m, s.LocalAddr())
		m.off.Store(true)
		c.Close()
		return nil
	}
}

func idleDevice(b *testing.B) func(int) any {
	server := ponging(b)
	return func(i int) any {
		socket := udp(b)
		c := shaken(b, i, socket, server.LocalAddr())
		if i >= 0 {
			server.End(fmt.Sprint("urn:dev:", i)) // its share is not measured
		}
		waiting(b, c)
		return c
	}
}

// waiting is a device's goroutine in ReadFrom, which takes nothing; it ends with
// the test.
func waiting(b testing.TB, c *dtls.Client) {
	ended := make(chan struct{})
	c.SetReadDeadline(time.Time{})
	go func() {
		defer close(ended)
		var buf [100]byte
		for {
			if _, _, err := c.ReadFrom(buf[:]); err != nil {
				return
			}
		}
	}()
	b.Cleanup(func() { c.Close(); <-ended })
}

func idlePion(b *testing.B) func(int) any {
	return func(i int) any {
		socket := udp(b)
		first := make(chan struct{})
		go func() {
			defer close(first)
			c, err := pion.ServerWithOptions(&towards{UDPConn: socket}, nil,
				pion.WithPSK(func([]byte) ([]byte, error) { return []byte("0123456789abcdef"), nil }),
				pion.WithCipherSuites(pion.TLS_PSK_WITH_AES_128_CCM_8),
				pion.WithConnectionIDGenerator(pion.RandomCIDGenerator(8)))
			if err != nil {
				b.Error(err)
				return
			}
			b.Cleanup(func() { c.Close() })
			buf := make([]byte, 100)
			if _, err := c.Read(buf); err != nil {
				b.Error(err)
				return
			}
			c.Write([]byte("pong"))
			go c.Read(buf) // as one must, to hear anything
		}()
		m := &mute{UDPConn: udp(b)}
		c := shaken(b, i, m, socket.LocalAddr())
		<-first
		m.off.Store(true)
		c.Close()
		return nil
	}
}

// towards is a socket that answers whoever spoke last.
type towards struct {
	*net.UDPConn
	peer atomic.Pointer[net.UDPAddr]
}

func (t *towards) ReadFrom(b []byte) (int, net.Addr, error) {
	n, a, err := t.UDPConn.ReadFrom(b)
	if u, ok := a.(*net.UDPAddr); ok {
		t.peer.Store(u)
	}
	return n, a, err
}

func (t *towards) WriteTo(b []byte, _ net.Addr) (int, error) {
	return t.UDPConn.WriteTo(b, t.peer.Load())
}

// BenchmarkRecord is one datagram of 100 bytes there and back over loopback, both
// ends in this process.
func BenchmarkRecord(b *testing.B) {
	for _, suite := range dtls.CipherSuites()[:3] {
		b.Run(suite, func(b *testing.B) {
			s, err := dtls.Listen(udp(b), dtls.Options{Keys: anyKey, CipherSuites: []string{suite}})
			if err != nil {
				b.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			ended := make(chan error, 2)
			go func() { ended <- s.Run(ctx) }()
			go func() {
				var buf [2000]byte
				for {
					n, from, err := s.ReadFrom(buf[:])
					if err != nil {
						ended <- nil
						return
					}
					s.WriteTo(buf[:n], from)
				}
			}()
			c, err := dtls.Dial(udp(b), s.LocalAddr().(*net.UDPAddr).AddrPort(), dtls.ClientOptions{Identity: "a", Key: dtls.Key("0123456789abcdef")})
			if err != nil {
				b.Fatal(err)
			}
			var buf [2000]byte
			data := make([]byte, 100)
			b.ReportAllocs()
			for b.Loop() {
				c.WriteTo(data, s.LocalAddr())
				if n, _, err := c.ReadFrom(buf[:]); err != nil || n != len(data) {
					b.Fatal(n, err)
				}
			}
			c.Close()
			cancel()
			s.Close()
			<-ended
			<-ended
		})
	}
}

// BenchmarkHandshake is one handshake of a device, both ends in this process.
func BenchmarkHandshake(b *testing.B) {
	s := ponging(b)
	for b.Loop() {
		shaken(b, 0, udp(b), s.LocalAddr()).Close()
	}
}
