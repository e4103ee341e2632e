package dmdevice

import (
	"bytes"
	"regexp"
	"slices"
	"strings"

	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// longMessage is what LongDrop still takes, in bytes.
const longMessage = 40 << 10

// prefixed is an element with a namespace prefix.
var prefixed = regexp.MustCompile(`<[A-Za-z]+:[A-Za-z]`)

// deaths are the messages that a device does not answer; crash says that it
// is off for a reboot then.
var deaths = []struct {
	quirk Quirk
	crash bool
	at    func(d *Device, body []byte, m *syncml.Message) bool
}{
	{SequenceCrash, true, func(_ *Device, _ []byte, m *syncml.Message) bool { return holds(m.Body, isSequence) }},
	{DataCrash, true, func(_ *Device, _ []byte, m *syncml.Message) bool { return holds(m.Body, lacksData) }},
	{CredCrash, true, func(d *Device, _ []byte, m *syncml.Message) bool {
		return m.Header.Cred != nil && d.acc.Server.Scheme == session.SchemeNone
	}},
	{ReferenceDrop, false, func(_ *Device, body []byte, _ *syncml.Message) bool { return bytes.Contains(body, []byte("&#")) }},
	{MetaDrop, false, func(_ *Device, body []byte, _ *syncml.Message) bool {
		return bytes.Contains(body, []byte("<Meta xmlns")) || prefixed.Match(body)
	}},
	{LongDrop, false, func(_ *Device, body []byte, _ *syncml.Message) bool { return len(body) > longMessage }},
	{HeaderOnly, false, func(_ *Device, _ []byte, m *syncml.Message) bool { return refusedInHeaderOnly(m) }},
}

// holds says whether a command, or one within a block, is like that.
func holds(cmds []syncml.Command, like func(syncml.Command) bool) bool {
	return slices.ContainsFunc(cmds, func(c syncml.Command) bool {
		b, ok := c.(*syncml.Block)
		return like(c) || ok && holds(b.Body, like)
	})
}

func isSequence(c syncml.Command) bool { return c.Name() == syncml.CmdSequence }

func isExec(c syncml.Command) bool { return c.Name() == syncml.CmdExec }

func lacksData(c syncml.Command) bool {
	o, ok := c.(*syncml.Op)
	return ok && (o.Cmd == syncml.CmdAdd || o.Cmd == syncml.CmdReplace) &&
		slices.ContainsFunc(o.Items, func(i syncml.Item) bool { return i.Data == nil })
}

func unauthorized(c syncml.Code) bool {
	return c == syncml.StatusUnauthorized || c == syncml.StatusCredentialsMissing
}

func refusedInHeaderOnly(m *syncml.Message) bool {
	head, others := false, false
	for _, c := range m.Body {
		if s, ok := c.(*syncml.Status); ok && unauthorized(s.Code) {
			head = head || s.CmdRef == "0"
			others = others || s.CmdRef != "0"
		}
	}
	return head && !others
}

// notAnAlert is a code that nobody defined (1105 to 1199 are reserved).
const notAnAlert syncml.AlertCode = 1199

// changes are what quirks do to messages: in before the session sees them, out
// after it has made them.
var changes = []struct {
	quirk   Quirk
	in, out func(d *Device, m *syncml.Message)
}{
	{quirk: IgnoreMaxMsgSize, in: func(_ *Device, m *syncml.Message) { m.Header.Meta.MaxMsgSize = 0 }},
	{quirk: BadNonce, in: eachStatus(func(_ *Device, s *syncml.Status) {
		if c := s.Chal; c != nil && strings.HasSuffix(string(c.Meta.NextNonce), "=") && !strings.HasSuffix(string(c.Meta.NextNonce), "==") {
			c.Meta.NextNonce = "AAAA"
		}
	})},
	{quirk: AtomicFlat, in: func(_ *Device, m *syncml.Message) { m.Body = flat(m.Body) }},
	{quirk: AbortRefused, in: func(_ *Device, m *syncml.Message) {
		for _, c := range m.Body {
			if a, ok := c.(*syncml.Alert); ok && (a.Code == syncml.AlertSessionAbort || a.Code == syncml.AlertNextMessage) {
				a.Code = notAnAlert
			}
		}
	}, out: eachStatus(func(_ *Device, s *syncml.Status) {
		if s.Cmd == syncml.CmdAlert && s.Code == syncml.StatusUnsupportedFeature {
			s.Code = syncml.StatusCommandFailed
		}
	})},
	{quirk: NoSequence, in: func(_ *Device, m *syncml.Message) {
		for _, c := range m.Body {
			if b, ok := c.(*syncml.Block); ok && isSequence(b) {
				b.Body = nil
			}
		}
	}, out: eachStatus(func(_ *Device, s *syncml.Status) {
		if s.Cmd == syncml.CmdSequence {
			s.Code = syncml.StatusNotImplemented
		}
	})},
	{quirk: NoLargeObjects, in: func(_ *Device, m *syncml.Message) { whole(m.Body) }},
	{quirk: AlertFirst, out: func(_ *Device, m *syncml.Message) {
		slices.SortStableFunc(m.Body, func(a, b syncml.Command) int { return place(a) - place(b) })
	}},
	{quirk: CredOnce, in: eachStatus(func(d *Device, s *syncml.Status) {
		if s.CmdRef == "0" && (s.Code == syncml.StatusOK || s.Code == syncml.StatusAuthenticated) {
			d.credTaken = true
		}
	}), out: func(d *Device, m *syncml.Message) {
		if d.credTaken {
			m.Header.Cred = nil
		}
	}},
	{quirk: StatusZero, out: eachStatus(func(_ *Device, s *syncml.Status) {
		if s.CmdRef != "0" && !s.Code.Success() {
			s.Code = 0
		}
	})},
}

func eachStatus(f func(*Device, *syncml.Status)) func(*Device, *syncml.Message) {
	return func(d *Device, m *syncml.Message) {
		for _, c := range m.Body {
			if s, ok := c.(*syncml.Status); ok {
				f(d, s)
			}
		}
	}
}

// flat is the commands with those of Atomics in their place.
func flat(cmds []syncml.Command) (all []syncml.Command) {
	for _, c := range cmds {
		if b, ok := c.(*syncml.Block); ok && b.Cmd == syncml.CmdAtomic {
			all = append(all, flat(b.Body)...)
			continue
		}
		all = append(all, c)
	}
	return all
}

// whole makes every chunk a value of its own.
func whole(cmds []syncml.Command) {
	for _, c := range cmds {
		switch c := c.(type) {
		case *syncml.Block:
			whole(c.Body)
		case *syncml.Op:
			for i := range c.Items {
				c.Items[i].MoreData, c.Items[i].Meta.Size = false, 0
			}
			c.Meta.Size = 0
		}
	}
}

// place orders package 1 as AlertFirst has it: answers, 1226, all else.
func place(c syncml.Command) int {
	switch c := c.(type) {
	case *syncml.Status:
		return 0
	case *syncml.Alert:
		if c.Code == syncml.AlertGeneric {
			return 1
		}
	}
	return 2
}

// outgoing is a message as this device sends it.
func (d *Device) outgoing(body []byte) ([]byte, error) {
	if !d.quirks.rewriting() {
		return body, nil
	}
	m, enc, err := syncml.Decode(body, syncml.DefaultLimits)
	if err != nil {
		return nil, err
	}
	for _, c := range changes {
		if c.out != nil && d.quirks.has(c.quirk) {
			c.out(d, m)
		}
	}
	return syncml.Encode(m, enc)
}

// incoming is a message as this device reads it. Dead is set when it does not
// survive the message, or does not answer it.
func (d *Device) incoming(body []byte) (out []byte, dead bool) {
	if !d.looking {
		return body, false
	}
	m, enc, err := syncml.Decode(body, syncml.DefaultLimits)
	if err != nil {
		return body, false // the session says what is wrong with it
	}
	for _, death := range deaths {
		if d.quirks.has(death.quirk) && death.at(d, body, m) {
			d.crash(death.quirk, death.crash)
			return nil, true
		}
	}
	if _, lost := d.loses(ExecMessage, holds(m.Body, isExec)); lost {
		return nil, true
	}
	if !d.quirks.rewriting() {
		return body, false
	}
	for _, c := range changes {
		if c.in != nil && d.quirks.has(c.quirk) {
			c.in(d, m)
		}
	}
	if out, err = syncml.Encode(m, enc); err != nil {
		return body, false
	}
	return out, false
}
