package dmlisten

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/dmhttp"
	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// BenchmarkMessages measures what one core serves. The server is a process of
// its own with GOMAXPROCS(1); parallel devices (session.Client with a
// fwupdate.Tree) in this process hold sessions with it over loopback, MD5 in
// both directions with nonces that are known, six Gets in each session. A
// session is begun, authenticated, served and ended every two messages: package
// 1 with DevInfo, package 3 with what came of the Gets.
//
//	msgs/s           what was answered a second, devices and server sharing the machine
//	msgs/cpu-s       messages for each second of CPU time that the server process
//	                 used, user and system: HTTP, session, table, garbage
//	                 collection. This is what one core can do.
//	chain-msgs/cpu-s the same if the core also does the devices' sessions and trees:
//	                 1/(server + device), the next two
//	server-us/msg    CPU time of the server process for a message
//	device-us/msg    CPU time of session and tree of the device for a message
//	all-msgs/cpu-s   the CPU time of both processes: with the devices' HTTP clients,
//	                 their side of the loopback, and what starts the devices
//	B/msg            the mean size of the messages of the devices
//
// How the device's share is measured without its HTTP client: each device notes
// the last of its sessions, which is the server's answers and the nonces, and
// afterwards holds it again and again with the answers from the notes. That does
// all the work and nothing else: it has to send the very bytes that it sent to
// the server, or the benchmark fails, so no step can be missing. As many messages
// are repeated as were measured, the devices taking turns, as they did on the
// line. The time is the CPU time of the process, all threads, with the garbage
// collection. What this cannot show is that a processor's caches are colder when
// the HTTP client runs in between, and that its garbage makes the collector help
// itself to the device's time: on the line, by the clock of the thread, the same
// work took up to 20 µs a message more. all-msgs/cpu-s has that, and all else.
func BenchmarkMessages(b *testing.B) {
	for _, enc := range []syncml.Encoding{syncml.XML, syncml.WBXML} {
		b.Run(enc.String(), func(b *testing.B) { benchMessages(b, enc) })
	}
}

const benchDevices = 64

func benchMessages(b *testing.B, enc syncml.Encoding) {
	url, cpu := benchServer(b)
	notes := make([]*benchNotes, benchDevices)
	devices := make(chan *simDevice, benchDevices)
	for n := range benchDevices {
		d := newDevice(b, n, session.SchemeMD5, url+DefaultPath)
		d.acc.Encoding = enc
		notes[n] = &benchNotes{d: d}
		notes[n].hold(b) // nonces are agreed here
		notes[n].hold(b) // and here there are notes, should nobody else get a turn
		devices <- d
	}
	byDevice := make(map[*simDevice]*benchNotes, benchDevices)
	for _, n := range notes {
		byDevice[n.d] = n
	}
	var messages, size atomic.Int64
	before, ours := cpu(), benchCPU(b)
	b.SetParallelism(max(1, benchDevices/4/runtime.GOMAXPROCS(0)))
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		d := <-devices
		defer func() { devices <- d }()
		left := 0
		for pb.Next() { // one turn is one message
			if left > 0 {
				left--
				continue
			}
			n, before := d.messages, d.bytes
			if !byDevice[d].hold(b) {
				return
			}
			left = d.messages - n - 1
			messages.Add(int64(d.messages - n))
			size.Add(int64(d.bytes - before))
		}
	})
	b.StopTimer()
	server := cpu() - before
	both := benchCPU(b) - ours + server
	sent := messages.Load()
	device := benchRepeat(b, notes, sent)
	micro := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 / float64(sent) } // a message
	b.ReportMetric(float64(size.Load())/float64(sent), "B/msg")
	b.ReportMetric(float64(sent)/b.Elapsed().Seconds(), "msgs/s")
	b.ReportMetric(1e6/micro(server), "msgs/cpu-s")
	b.ReportMetric(1e6/micro(both), "all-msgs/cpu-s")
	b.ReportMetric(1e6/(micro(server)+micro(device)), "chain-msgs/cpu-s")
	b.ReportMetric(micro(server), "server-us/msg")
	b.ReportMetric(micro(device), "device-us/msg")
}

// benchRepeat has the devices hold their last sessions again from their notes
// until they have sent so many messages, and returns the CPU time for it.
func benchRepeat(b *testing.B, notes []*benchNotes, messages int64) time.Duration {
	b.Helper()
	runtime.GC() // what the HTTP clients left is not the devices'
	done := int64(0)
	before := benchCPU(b)
	for n := 0; done < messages; n++ {
		d := notes[n%len(notes)]
		if err := d.repeat(); err != nil {
			b.Fatal(err)
		}
		done += int64(len(d.lines))
	}
	return time.Duration(float64(benchCPU(b)-before) * float64(messages) / float64(done))
}

func benchCPU(b *testing.B) time.Duration {
	b.Helper()
	used, err := cpuTime()
	if err != nil {
		b.Fatal(err)
	}
	return used
}

// benchNotes are what one session of a device depends on, and what it sent.
type benchNotes struct {
	d      *simDevice
	nonces session.Nonces // before
	last   uint64         // before
	fresh  [][]byte       // the nonces that it gave
	lines  []benchLine
}

// benchLine is a message and its answer.
type benchLine struct {
	sent   []byte
	answer dmhttp.Response
}

// hold has the device hold a session over HTTP, and takes the notes. The slices
// are kept, so that noting costs next to nothing.
func (n *benchNotes) hold(b *testing.B) bool {
	d := n.d
	n.nonces, n.last, n.fresh, n.lines = d.nonces, d.last, n.fresh[:0], n.lines[:0]
	d.post = func(ctx context.Context, r dmhttp.Request) (dmhttp.Response, error) {
		answer, err := d.http.Post(ctx, r)
		n.lines = append(n.lines, benchLine{r.Body, answer})
		return answer, err
	}
	d.fresh = func() []byte {
		n.fresh = append(n.fresh, newNonce())
		return n.fresh[len(n.fresh)-1]
	}
	end, err := d.run(b.Context())
	if end != session.EndDone {
		b.Error(end, err)
	}
	return end == session.EndDone
}

var errOther = errors.New("the session is not the one that was noted")

// repeat has the device hold the session of the notes.
func (n *benchNotes) repeat() error {
	d, line, given := n.d, 0, 0
	d.nonces, d.last = n.nonces, n.last
	d.post = func(_ context.Context, r dmhttp.Request) (dmhttp.Response, error) {
		if line == len(n.lines) || !bytes.Equal(r.Body, n.lines[line].sent) {
			return dmhttp.Response{Status: http.StatusConflict}, errOther
		}
		line++
		return n.lines[line-1].answer, nil
	}
	d.fresh = func() []byte {
		newNonce() // for what it costs
		given++
		return n.fresh[given-1]
	}
	end, err := d.run(context.Background())
	if end != session.EndDone || line != len(n.lines) || given != len(n.fresh) {
		return fmt.Errorf("repeated session: %v, %d of %d messages: %w", end, line, len(n.lines), errors.Join(errOther, err))
	}
	return nil
}
