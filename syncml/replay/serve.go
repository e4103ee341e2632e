package replay

import (
	"net/http"
	"sync"
)

// Device waits for a live device: it is an [http.Handler] that plays the
// server's side of recorded sessions, one after the other, to whoever posts to
// it. Addresses and SessionIDs are those of the live device, unless the options
// name others.
type Device struct {
	mu    sync.Mutex
	sides []*serverSide
	at    int           // the session that is being played
	over  chan struct{} // closed at the end
	err   error
}

// Serve prepares the server's side of sessions for a device that posts. The
// Replayer is the Device's until the end.
func (r *Replayer) Serve(sessions ...Session) *Device {
	d := &Device{over: make(chan struct{})}
	for _, s := range sessions {
		d.sides = append(d.sides, &serverSide{play: r.play(s, FromServer)})
	}
	return d
}

// Over is closed when the last recorded message has been compared, or when the
// sessions cannot go on.
func (d *Device) Over() <-chan struct{} { return d.over }

// Results are what was compared until now, a Result a session. Messages that
// the device has not sent are differences. The error is why the sessions
// cannot go on.
func (d *Device) Results() ([]*Result, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var list []*Result
	for _, side := range d.sides {
		r := side.result
		open := serverSide{play: &play{s: side.s}, next: side.next}
		open.ended()
		r.Steps = append(r.Steps[:len(r.Steps):len(r.Steps)], open.result.Steps...)
		list = append(list, &r)
	}
	return list, d.err
}

// ServeHTTP implements [http.Handler]. After the last recorded message every
// further one is 503.
func (d *Device) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "a DM server takes POST only", http.StatusMethodNotAllowed)
		return
	}
	body, err := readLimited(http.MaxBytesReader(w, r.Body, MaxBody))
	if err != nil {
		http.Error(w, "the message did not arrive whole", http.StatusRequestEntityTooLarge)
		return
	}
	answer, ok := d.step(Message{URL: r.URL.RequestURI(), Header: r.Header, Body: body})
	if !ok {
		http.Error(w, "the recording has no answer to this message", http.StatusServiceUnavailable)
		return
	}
	_, enc, _ := answer.Decode()
	w.Header().Set("Content-Type", answer.contentType(enc))
	if v := answer.Header.Get(macHeader); v != "" {
		w.Header().Set(macHeader, v)
	}
	w.WriteHeader(answer.status())
	_, _ = w.Write(answer.Body) // a device that is gone has its reasons
}

func (d *Device) step(live Message) (Message, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.at+1 < len(d.sides) && d.sides[d.at].done() {
		d.at++
	}
	if d.at == len(d.sides) || d.err != nil {
		return Message{}, false
	}
	side := d.sides[d.at]
	if side.next == 0 {
		side.adopt(live)
	}
	answer, ok, err := side.step(live)
	d.err = err
	if d.at+1 == len(d.sides) && side.done() || err != nil {
		select {
		case <-d.over:
		default:
			close(d.over)
		}
	}
	return answer, ok
}

// done says whether all recorded messages have come.
func (s *serverSide) done() bool { return s.next == len(s.s.Exchanges) }

// adopt takes the addresses and the SessionID of the live device.
func (s *serverSide) adopt(live Message) {
	m, _, err := live.Decode()
	if err != nil {
		return
	}
	s.address(cmpOr(s.o.Target, m.Header.Target.URI), cmpOr(s.o.Device, m.Header.Source.URI))
	s.liveSession = m.Header.SessionID
}
