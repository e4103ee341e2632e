package dmlisten

import (
	"context"
	"fmt"
	"maps"
	"sync"

	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// Memory is a [Work] that keeps everything in memory: accounts, what is to be
// said, what was heard. It is for tests and simulators; a stop loses it all. It
// is safe for concurrent use.
type Memory struct {
	mu      sync.Mutex
	devices map[string]*memoryDevice
}

type memoryDevice struct {
	cfg      session.ServerConfig
	waiting  []Job
	serial   int
	sent     map[string]Job // queued in a session, without a Result
	results  map[string]session.Result
	events   []session.Event
	info     map[string]string
	sessions int
}

// NewMemory returns a Memory that knows nobody.
func NewMemory() *Memory { return &Memory{devices: map[string]*memoryDevice{}} }

// Add makes a device known, by the DeviceID of its account.
func (m *Memory) Add(cfg session.ServerConfig) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.devices[keyOf(cfg.Account.DeviceID)] = &memoryDevice{cfg: cfg, sent: map[string]Job{},
		results: map[string]session.Result{}, info: map[string]string{}}
}

// Send lets a device be told commands, in its next message or session, and
// returns the keys of their results. Unknown devices get none.
func (m *Memory) Send(device string, commands ...syncml.Command) (keys []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d := m.devices[keyOf(device)]
	if d == nil {
		return nil
	}
	for _, cmd := range commands {
		d.serial++
		j := Job{Key: fmt.Sprint(d.serial), Command: cmd}
		d.waiting = append(d.waiting, j)
		keys = append(keys, j.Key)
	}
	return keys
}

// Seen is what is known of a device.
type Seen struct {
	Sessions int // in which it has proved who it is
	DevInfo  map[string]string
	Events   []session.Event
	Results  map[string]session.Result // by key
	Waiting  int                       // commands not sent yet
}

// Seen returns what a device has told so far; the zero value for an unknown
// one.
func (m *Memory) Seen(device string) Seen {
	m.mu.Lock()
	defer m.mu.Unlock()
	d := m.devices[keyOf(device)]
	if d == nil {
		return Seen{}
	}
	return Seen{Sessions: d.sessions, DevInfo: maps.Clone(d.info), Events: append([]session.Event(nil), d.events...),
		Results: maps.Clone(d.results), Waiting: len(d.waiting)}
}

// Open implements [Work].
func (m *Memory) Open(_ context.Context, c Caller) (session.ServerConfig, Visit, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d := m.devices[keyOf(c.DeviceID)]
	if d == nil {
		return session.ServerConfig{}, nil, ErrUnknownDevice
	}
	return d.cfg, &memoryVisit{m: m, d: d}, nil
}

type memoryVisit struct {
	m    *Memory
	d    *memoryDevice
	sent []Job // of this session
	met  bool
}

// Heard implements [Visit].
func (v *memoryVisit) Heard(_ context.Context, got session.Received) ([]Job, error) {
	v.m.mu.Lock()
	defer v.m.mu.Unlock()
	d := v.d
	if !v.met {
		v.met = true
		d.sessions++
	}
	d.cfg.Nonces = got.Nonces
	maps.Copy(d.info, got.DevInfo)
	d.events = append(d.events, got.Events...)
	v.take(got.Results)
	jobs := d.waiting
	d.waiting = nil
	for _, j := range jobs {
		d.sent[j.Key] = j
	}
	v.sent = append(v.sent, jobs...)
	return jobs, nil
}

func (v *memoryVisit) take(results []session.Result) {
	for _, r := range results {
		v.d.results[r.Key] = r
		delete(v.d.sent, r.Key)
	}
}

// Said implements [Visit].
func (v *memoryVisit) Said(unsent []session.Result, _ session.End) {
	v.m.mu.Lock()
	defer v.m.mu.Unlock()
	v.take(unsent)
}

// Gone implements [Visit]: what the device has not answered is sent in its next
// session.
func (v *memoryVisit) Gone() {
	v.m.mu.Lock()
	defer v.m.mu.Unlock()
	var again []Job
	for _, j := range v.sent {
		if _, open := v.d.sent[j.Key]; open {
			again = append(again, j)
			delete(v.d.sent, j.Key)
		}
	}
	v.d.waiting = append(again, v.d.waiting...)
}
