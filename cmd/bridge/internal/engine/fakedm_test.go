package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/dmhttp"
	"github.com/fwbridge/fwbridge/syncml"
)

// dmServer is an in-memory legacy DM server for many devices.
type dmServer struct {
	mu       sync.Mutex
	devices  map[string]*dmDevice
	header   syncml.Code             // Status for every SyncHdr; 0 is 200
	speaks   []syncml.Version        // the others get 513, without a list; nil speaks all
	alert    func(n int) syncml.Code // Status for the nth Alert 1226 of a device, from 1; nil is 200
	before   func(n int) error       // the nth POST does not arrive
	after    func(n int) error       // the nth POST arrives, its answer is lost
	posts    int
	sessions []time.Time // when package 1 came
	latency  time.Duration
	chal     *syncml.Chal            // with every SyncHdr Status
	cred     *syncml.Cred            // of every message
	onPost   func(m *syncml.Message) // sees every message that is not a repeat
	open     int
	maxOpen  int
}

// dmDevice is what the server knows of one device.
type dmDevice struct {
	queue    [][]syncml.Command // one list a message
	last     []byte             // request and answer, for repeats
	answer   []byte
	repeats  int
	session  string
	sent     map[string]*syncml.Op // of this session, by MsgRef/CmdRef
	open     []syncml.Command      // sent, but not answered yet
	statuses []string              // "Exec ./FwUpdate/x/DownloadAndUpdate 202"
	results  map[string]string
	alerts   []alertSeen
}

type alertSeen struct {
	at                                  time.Time
	data, correlator, source, typ, mark string
	format                              string
	answered                            syncml.Code
}

func newDMServer() *dmServer {
	return &dmServer{devices: map[string]*dmDevice{}, latency: 20 * time.Millisecond}
}

func (s *dmServer) device(id string) *dmDevice {
	d, ok := s.devices[id]
	if !ok {
		d = &dmDevice{results: map[string]string{}}
		s.devices[id] = d
	}
	return d
}

// orders queues one message of commands for a device.
func (s *dmServer) orders(id string, commands ...syncml.Command) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.device(id)
	d.queue = append(d.queue, commands)
}

func (s *dmServer) look(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func (s *dmServer) seen(id string) (alerts []alertSeen, statuses []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.device(id)
	return append([]alertSeen(nil), d.alerts...), append([]string(nil), d.statuses...)
}

// Post implements Poster.
func (s *dmServer) Post(ctx context.Context, r dmhttp.Request) (dmhttp.Response, error) {
	s.look(func() { s.open++; s.maxOpen = max(s.maxOpen, s.open) })
	defer s.look(func() { s.open-- })
	select {
	case <-time.After(s.latency):
	case <-ctx.Done():
		return dmhttp.Response{}, ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.posts++
	n := s.posts
	if s.before != nil {
		if err := s.before(n); err != nil {
			return dmhttp.Response{}, err
		}
	}
	answer, err := s.serve(r.Body)
	if err != nil {
		return dmhttp.Response{Status: 500}, nil
	}
	if s.after != nil {
		if err := s.after(n); err != nil {
			return dmhttp.Response{}, err
		}
	}
	return dmhttp.Response{Status: 200, Body: answer}, nil
}

func (s *dmServer) serve(body []byte) ([]byte, error) {
	m, _, err := syncml.Decode(body, syncml.DefaultLimits)
	if err != nil {
		return nil, err
	}
	d := s.device(m.Header.Source.URI)
	if bytes.Equal(body, d.last) {
		d.repeats++
		return d.answer, nil
	}
	if s.onPost != nil {
		s.onPost(m)
	}
	if m.Header.MsgID == "1" {
		if m.Header.SessionID == d.session {
			return nil, errors.New("session id used twice")
		}
		d.session, d.sent = m.Header.SessionID, map[string]*syncml.Op{}
		if len(d.open) > 0 { // a session that broke off: once more
			d.queue = append([][]syncml.Command{d.open}, d.queue...)
			d.open = nil
		}
		s.sessions = append(s.sessions, time.Now())
	}
	answer, err := syncml.Encode(s.reply(d, m), syncml.XML)
	if err != nil {
		panic(err) // the fake is wrong
	}
	d.last, d.answer = body, answer
	return answer, nil
}

// reply answers every command and adds the next message's worth of orders.
func (s *dmServer) reply(d *dmDevice, m *syncml.Message) *syncml.Message {
	out := &syncml.Message{Final: true, Header: syncml.Header{
		Version: m.Header.Version, SessionID: m.Header.SessionID, MsgID: m.Header.MsgID,
		Target: syncml.Location{URI: m.Header.Source.URI}, Source: syncml.Location{URI: m.Header.Target.URI},
	}}
	out.Header.Cred = s.cred
	id := 0
	add := func(build func(id string) syncml.Command) {
		id++
		out.Body = append(out.Body, build(fmt.Sprint(id)))
	}
	header := s.header
	if header == 0 {
		header = syncml.StatusOK
	}
	if s.speaks != nil && !slices.Contains(s.speaks, m.Header.Version) {
		header = syncml.StatusProtoUnsupported
	}
	status := func(ref string, cmd syncml.Name, code syncml.Code) {
		add(func(id string) syncml.Command {
			return &syncml.Status{CmdID: id, MsgRef: m.Header.MsgID, CmdRef: ref, Cmd: cmd, Code: code}
		})
	}
	status("0", syncml.CmdSyncHdr, header)
	out.Body[0].(*syncml.Status).Chal = s.chal
	if !header.Success() {
		return out
	}
	d.open = nil
	for _, c := range m.Body {
		switch c := c.(type) {
		case *syncml.Alert:
			if code := s.alerted(d, c); code != 0 {
				status(c.CmdID, syncml.CmdAlert, code)
			}
		case *syncml.Op:
			status(c.CmdID, c.Cmd, syncml.StatusOK)
			for _, i := range c.Items {
				if _, known := d.results[i.Source.URI]; !known {
					d.results[i.Source.URI] = string(i.Data) // DevInfo, as it came first
				}
			}
		case *syncml.Status:
			if op := d.sent[c.MsgRef+"/"+c.CmdRef]; op != nil {
				d.statuses = append(d.statuses, fmt.Sprintf("%s %s %s", op.Cmd, op.Items[0].Target.URI, c.Code))
			}
		case *syncml.Results:
			for _, i := range c.Items {
				d.results[i.Source.URI] = string(i.Data)
			}
		}
	}
	if len(d.queue) == 0 {
		return out
	}
	next := d.queue[0]
	d.queue = d.queue[1:]
	d.open = next
	for _, c := range next {
		add(func(id string) syncml.Command {
			op := *c.(*syncml.Op)
			op.CmdID = id
			d.sent[out.Header.MsgID+"/"+id] = &op
			return &op
		})
	}
	return out
}

func (s *dmServer) alerted(d *dmDevice, a *syncml.Alert) syncml.Code {
	if a.Code != syncml.AlertGeneric {
		return syncml.StatusOK
	}
	code := syncml.StatusOK
	if s.alert != nil {
		code = s.alert(len(d.alerts) + 1)
	}
	i := a.Items[0]
	d.alerts = append(d.alerts, alertSeen{
		at: time.Now(), data: string(i.Data), correlator: a.Correlator, source: i.Source.URI, typ: i.Meta.Type,
		mark: i.Meta.Mark, format: i.Meta.Format, answered: code,
	})
	return code
}

func op(cmd syncml.Name, uri, format, data string) *syncml.Op {
	i := syncml.Item{Target: syncml.Location{URI: uri}}
	if cmd == syncml.CmdAdd || cmd == syncml.CmdReplace {
		i.Meta.Format = format
		i.Data = []byte(data)
	}
	return &syncml.Op{Cmd: cmd, Items: []syncml.Item{i}}
}

// campaign is what a legacy server sends for one update.
func campaign(pkg, url, correlator string) []syncml.Command {
	base := "./FwUpdate/" + pkg
	exec := op(syncml.CmdExec, base+"/DownloadAndUpdate", "", "")
	exec.Correlator = correlator
	return []syncml.Command{
		op(syncml.CmdAdd, base+"/PkgName", "chr", "Name of "+pkg),
		op(syncml.CmdAdd, base+"/PkgVersion", "chr", "2.0"),
		op(syncml.CmdAdd, base+"/DownloadAndUpdate/PkgURL", "chr", url),
		exec,
	}
}
