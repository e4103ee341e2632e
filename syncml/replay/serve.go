package replay

import (
	"net/http"
	"sync"
)

// Device is a session that waits for a live device: an [http.Handler] that
// plays the server's side of the recording to whoever posts to it. Addresses
// and the SessionID are those of the live device, unless the options name
// others.
type Device struct {
	mu   sync.Mutex
	side serverSide
	over chan struct{} // closed at the end
	err  error
}

// Serve prepares the server's side of a session for a device that posts.
func (r *Replayer) Serve(s Session) *Device {
	return &Device{side: serverSide{play: r.play(s, FromServer)}, over: make(chan struct{})}
}

// Over is closed when the last recorded message has been compared.
func (d *Device) Over() <-chan struct{} { return d.over }

// Result is what was compared until now. Messages that the device did not
// send are differences.
func (d *Device) Result() (*Result, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.side.result
	if d.side.next < len(d.side.s.Exchanges) && d.err == nil {
		open := serverSide{play: &play{s: d.side.s}, next: d.side.next}
		open.ended()
		r.Steps = append(r.Steps[:len(r.Steps):len(r.Steps)], open.result.Steps...)
	}
	return &r, d.err
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
	if d.side.next == 0 {
		d.adopt(live)
	}
	answer, ok, err := d.side.step(live)
	if err != nil {
		d.err = err
	}
	if d.side.next == len(d.side.s.Exchanges) || err != nil {
		select {
		case <-d.over:
		default:
			close(d.over)
		}
	}
	return answer, ok
}

// adopt takes the addresses and the SessionID of the live device.
func (d *Device) adopt(live Message) {
	m, _, err := live.Decode()
	if err != nil {
		return
	}
	target, device := d.side.o.Target, d.side.o.Device
	d.side.address(cmpOr(target, m.Header.Target.URI), cmpOr(device, m.Header.Source.URI))
	d.side.liveSession = m.Header.SessionID
}
