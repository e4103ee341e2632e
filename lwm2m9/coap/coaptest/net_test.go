package coaptest_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9/coap/coaptest"
)

// TestRules: when and how often each of two datagrams arrives.
func TestRules(t *testing.T) {
	for _, x := range []struct {
		name string
		rule coaptest.Rule
		want string
	}{
		{"deliver", coaptest.Deliver, "[first@1ms second@1ms]"},
		{"lose", coaptest.Lose, "[]"},
		{"delay", coaptest.Delay(time.Second), "[first@1s second@1.001s]"},
		{"repeat", coaptest.Repeat(time.Second), "[first@1ms second@1ms first@1s second@1.001s]"},
		{"corrupt", coaptest.Corrupt, "[&irst@1ms 3econd@1ms]"},
	} {
		for _, nth := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				n := coaptest.New()
				a, b := n.Listen("192.0.2.1:1"), n.Listen("192.0.2.2:2")
				want := x.want
				if nth { // the first only
					n.SetRule(coaptest.Nth(a.AddrPort(), b.AddrPort(), 1, x.rule))
					want = map[string]string{
						"deliver": "[first@1ms second@1ms]",
						"lose":    "[second@1ms]",
						"delay":   "[second@1ms first@1s]",
						"repeat":  "[first@1ms second@1ms first@1s]",
						"corrupt": "[&irst@1ms second@1ms]",
					}[x.name]
				} else {
					n.SetRule(coaptest.From(a.AddrPort(), x.rule))
				}
				start := time.Now()
				a.Send(b.AddrPort(), []byte("first"))
				time.Sleep(time.Millisecond)
				a.Send(b.AddrPort(), []byte("second"))
				got := []string{}
				buf := make([]byte, 10)
				b.SetReadDeadline(start.Add(time.Minute))
				for {
					k, from, err := b.ReadFrom(buf)
					if err != nil {
						break
					}
					if from.String() != a.LocalAddr().String() {
						t.Errorf("from %v", from)
					}
					got = append(got, fmt.Sprintf("%s@%v", buf[:k], time.Since(start)))
				}
				if fmt.Sprint(got) != want || time.Since(start) != time.Minute {
					t.Errorf("%s, nth %v: %v; want %s", x.name, nth, got, want)
				}
				if sent := n.Sent(); len(sent) != 2 || sent[1].N != 2 || string(sent[1].Data) != "second" {
					t.Errorf("record: %+v", sent)
				}
			})
		}
	}
}

// TestConn: deadlines and closing end a read, and can be taken back.
func TestConn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := coaptest.New()
		c := n.Listen("192.0.2.1:1")
		buf := make([]byte, 10)
		c.SetReadDeadline(time.Unix(1, 0))
		if _, _, err := c.ReadFrom(buf); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("deadline in the past: %v", err)
		}
		c.SetReadDeadline(time.Time{})
		ended := make(chan error, 1)
		go func() {
			_, _, err := c.ReadFrom(buf)
			ended <- err
		}()
		time.Sleep(time.Hour)
		c.Close()
		if err := <-ended; !errors.Is(err, net.ErrClosed) {
			t.Errorf("closed: %v", err)
		}
		if _, err := c.WriteTo(buf, c.LocalAddr()); !errors.Is(err, net.ErrClosed) {
			t.Errorf("write: %v", err)
		}
		n.Listen("192.0.2.1:1").Send(c.AddrPort(), nil) // the address is free again
	})
}
