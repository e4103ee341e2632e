package lossy

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// numbers passes the datagrams 1 to n through a way and lists what comes out.
func numbers(w *way, n int) []int {
	var out []int
	for i := 1; i <= n; i++ {
		_, now := w.take([]byte{byte(i)}, func() { out = append(out, i) })
		for _, send := range now {
			send()
		}
	}
	return out
}

func TestWay(t *testing.T) {
	for _, tc := range []struct {
		name string
		way  Way
		want []int
	}{
		{"all pass", Way{}, []int{1, 2, 3, 4}},
		{"all lost", Way{Drop: 1}, nil},
		{"all twice", Way{Repeat: 1}, []int{1, 1, 2, 2, 3, 3, 4, 4}},
		{"all held", Way{Reorder: 1}, []int{1, 2, 3}},
		{"by number", Way{DropNth: []int{1, 3}}, []int{2, 4}},
		{"matching only", Way{Drop: 1, Match: func(d []byte) bool { return d[0] > 2 }}, []int{1, 2}},
		{"matching ones are numbered", Way{DropNth: []int{1}, Match: func(d []byte) bool { return d[0] > 2 }}, []int{1, 2, 4}},
	} {
		if diff := cmp.Diff(tc.want, numbers(newWay(tc.way, 1, 1), 4)); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", tc.name, diff)
		}
	}
}

func TestReorderSwapsNeighbours(t *testing.T) {
	w := newWay(Way{}, 1, 1)
	var out []int
	w.held = func() { out = append(out, 0) }
	_, now := w.take(nil, func() { out = append(out, 1) })
	for _, send := range now {
		send()
	}
	if diff := cmp.Diff([]int{1, 0}, out); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestSeedDecides(t *testing.T) {
	w := Way{Drop: 0.3, Repeat: 0.2, Reorder: 0.2}
	one, same, other := numbers(newWay(w, 7, 1), 200), numbers(newWay(w, 7, 1), 200), numbers(newWay(w, 8, 1), 200)
	if diff := cmp.Diff(one, same); diff != "" {
		t.Errorf("the same seed gave other results:\n%s", diff)
	}
	if cmp.Equal(one, other) {
		t.Error("another seed gave the same results")
	}
}

func TestValidate(t *testing.T) {
	err := Way{Drop: 1.01, Repeat: -0.1, Delay: -1}.Validate()
	for _, want := range []string{"drop rate 1.01", "repeat rate -0.1", "delay -1ns"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not say %q", err, want)
		}
	}
	if err := (Way{Drop: 1, Repeat: 0}).Validate(); err != nil {
		t.Errorf("limits are refused: %v", err)
	}
}

// echo answers every datagram with "re:" before it, until the test ends.
func echo(t *testing.T) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 100)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			conn.WriteTo([]byte("re:"+string(buf[:n])), from)
		}
	}()
	t.Cleanup(func() { conn.Close(); <-done })
	return conn.LocalAddr().String()
}

func start(t *testing.T, cfg Config) *Relay {
	t.Helper()
	r, err := Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return r
}

func dial(t *testing.T, r *Relay) net.Conn {
	t.Helper()
	c, err := net.Dial("udp", r.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(10 * time.Second)) // only against hanging for ever
	return c
}

func ask(t *testing.T, c net.Conn, word string) {
	t.Helper()
	if _, err := fmt.Fprint(c, word); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, c net.Conn) string {
	t.Helper()
	buf := make([]byte, 100)
	n, err := c.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return string(buf[:n])
}

func TestRelay(t *testing.T) {
	r := start(t, Config{Upstream: echo(t), Up: Way{DropNth: []int{1}}, Down: Way{Repeat: 1, Delay: time.Millisecond}})
	a, b := dial(t, r), dial(t, r)
	ask(t, a, "lost")
	ask(t, a, "one")
	if got := []string{read(t, a), read(t, a)}; !cmp.Equal(got, []string{"re:one", "re:one"}) {
		t.Errorf("first client got %q", got)
	}
	ask(t, b, "two") // each client gets its own answers
	if got := []string{read(t, b), read(t, b)}; !cmp.Equal(got, []string{"re:two", "re:two"}) {
		t.Errorf("second client got %q", got)
	}
	want := Stats{Received: 5, Sent: 6, Dropped: 1, Repeated: 2}
	if got := r.Stats(); got != want {
		t.Errorf("Stats() = %+v, want %+v", got, want)
	}
}

func TestListenErrors(t *testing.T) {
	for _, cfg := range []Config{
		{Upstream: "nowhere"},
		{Upstream: "127.0.0.1:1", Listen: "127.0.0.1:99999"},
		{Upstream: "127.0.0.1:1", Up: Way{Drop: 2}},
	} {
		if r, err := Listen(cfg); err == nil {
			r.Close()
			t.Errorf("Listen(%+v) took it", cfg)
		}
	}
}

// TestLine: what is lost and repeated at a socket, in both directions, and the
// same with the same seed.
func TestLine(t *testing.T) {
	const n = 100
	run := func(seed uint64) (up, down string, s Stats) {
		line, err := NewLine(Way{Drop: 0.2, Repeat: 0.2}, Way{Drop: 0.1, Repeat: 0.3}, seed)
		if err != nil {
			t.Fatal(err)
		}
		a, b := udp(t), udp(t)
		c := line.Conn(a)
		buf := make([]byte, 10)
		for i := range n {
			if _, err := c.WriteTo([]byte{byte(i)}, b.LocalAddr()); err != nil {
				t.Fatal(err)
			}
		}
		c.(*conn).UDPConn.WriteTo([]byte("end"), b.LocalAddr())
		for {
			k, _, err := b.ReadFrom(buf)
			if err != nil {
				t.Fatal(err)
			} else if k == 3 {
				break
			}
			up += string(rune(buf[0]))
		}
		for i := range n {
			b.WriteTo([]byte{byte(i)}, a.LocalAddr())
		}
		line.down.Match = func(d []byte) bool { return len(d) == 1 }
		b.WriteTo([]byte("end"), a.LocalAddr())
		for {
			k, from, err := c.ReadFrom(buf)
			if err != nil {
				t.Fatal(err)
			} else if k == 3 {
				break
			} else if from.String() != b.LocalAddr().String() {
				t.Fatalf("from %v", from)
			}
			down += string(rune(buf[0]))
		}
		return up, down, line.Stats()
	}
	up1, down1, s1 := run(5)
	up2, down2, s2 := run(5)
	up3, _, _ := run(6)
	if up1 != up2 || down1 != down2 || s1 != s2 {
		t.Error("the same seed decides otherwise")
	}
	if up1 == up3 {
		t.Error("another seed decides the same")
	}
	if s1.Dropped == 0 || s1.Repeated == 0 || s1.Received-s1.Dropped+s1.Repeated != s1.Sent {
		t.Errorf("counts %+v", s1)
	}
}

func udp(t *testing.T) *net.UDPConn {
	t.Helper()
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c
}
