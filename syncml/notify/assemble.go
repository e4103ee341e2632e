package notify

import "time"

// Limits of an [Assembler].
const (
	// MaxAssemblies is how many messages are put together at one time; the
	// oldest goes first.
	MaxAssemblies = 256
	// AssemblyTime is how long the parts of one message may take.
	AssemblyTime = 30 * time.Minute
)

// Assembler puts the parts of concatenated SMS together. The zero value is
// ready. It is not safe for use by more than one goroutine.
type Assembler struct {
	open map[assembly]*parts
}

// assembly names a message under way. Sender and receiver belong to the name:
// the reference alone is one byte.
type assembly struct {
	from, to string
	ref      uint16
	total    uint8
}

type parts struct {
	since time.Time
	data  [][]byte
	left  int
}

// Add takes an SMS in. push is the whole push when this was its last part, or
// its only one; nil while parts are missing. from and to are whatever tells
// senders and devices apart. The error is [ErrNotTrigger] for a port that is
// not ours, else a [*SyntaxError].
func (a *Assembler) Add(now time.Time, from, to string, s SMS) (push []byte, err error) {
	h, rest, err := SplitUDH(s.UDH)
	switch {
	case err != nil:
		return nil, err
	case len(rest) > 0:
		return nil, &SyntaxError{"user data header", len(s.UDH) - len(rest), "goes on behind its length"}
	case h.HasPorts && h.Destination != Port:
		return nil, ErrNotTrigger
	case len(s.UDH)+len(s.Data) > smsBytes:
		return nil, &SyntaxError{"user data header", len(s.UDH), "the SMS is longer than 140 bytes"}
	case h.Total > MaxParts:
		return nil, &SyntaxError{"user data header", 0, "the message has too many parts"}
	case !h.Concatenated():
		return s.Data, nil
	}
	return a.part(now, assembly{from, to, h.Ref, h.Total}, h, s.Data), nil
}

func (a *Assembler) part(now time.Time, name assembly, h Header, data []byte) []byte {
	a.expire(now)
	p := a.open[name]
	if p == nil {
		a.makeRoom()
		p = &parts{since: now, data: make([][]byte, h.Total), left: int(h.Total)}
		a.open[name] = p
	}
	if p.data[h.Seq-1] == nil {
		p.data[h.Seq-1] = append([]byte{}, data...)
		p.left--
	}
	if p.left > 0 {
		return nil
	}
	delete(a.open, name)
	var whole []byte
	for _, d := range p.data {
		whole = append(whole, d...)
	}
	return whole
}

func (a *Assembler) expire(now time.Time) {
	for name, p := range a.open {
		if now.Sub(p.since) > AssemblyTime {
			delete(a.open, name)
		}
	}
}

// makeRoom leaves a place for one more.
func (a *Assembler) makeRoom() {
	if a.open == nil {
		a.open = map[assembly]*parts{}
	}
	if len(a.open) < MaxAssemblies {
		return
	}
	var oldest assembly
	var since time.Time
	for name, p := range a.open {
		if since.IsZero() || p.since.Before(since) {
			oldest, since = name, p.since
		}
	}
	delete(a.open, oldest)
}
