package dmdevice

import (
	"errors"
	"fmt"
	"slices"

	"github.com/fwbridge/fwbridge/syncml/notify"
)

var (
	// ErrUnknownDevice means that no device has that name or number.
	ErrUnknownDevice = errors.New("dm device: no such device")
	// ErrForged means that the digest of a trigger is wrong, or that it is of
	// another server.
	ErrForged = errors.New("dm device: the trigger is not from the server")
	// ErrRepeated means that this very trigger came before.
	ErrRepeated = errors.New("dm device: the trigger was taken before")
)

// Serves says whether the devices have an account at that server.
func (f *Fleet) Serves(serverID string) bool { return serverID == f.cfg.ServerID }

// ByNumber is the id of the device with a telephone number, or with that id.
func (f *Fleet) ByNumber(number string) (device string, ok bool) {
	d := f.byNumber[number]
	if d == nil {
		d = f.byID[keyOf(number)]
	}
	if d == nil {
		return "", false
	}
	return d.ID(), true
}

// Trigger gives a trigger to a device, which holds a session then. With "" it
// is for every device that it can be for by its digest: those whose own nonce it
// is made with, or else those that take the default nonce. The error is
// [ErrUnknownDevice], [ErrForged] or [ErrRepeated].
func (f *Fleet) Trigger(device string, m *notify.Message) error {
	if device != "" {
		d := f.byID[keyOf(device)]
		if d == nil {
			return ErrUnknownDevice
		}
		return d.trigger(m, d.verify(m))
	}
	matches := make([]notify.Match, len(f.devices))
	for i, d := range f.devices {
		matches[i] = d.verify(m)
	}
	own := slices.Contains(matches, notify.MatchStored)
	err := error(ErrForged)
	for i, d := range f.devices {
		if match := matches[i]; match == notify.MatchStored || match != notify.MatchNone && !own {
			if terr := d.trigger(m, match); terr == nil || errors.Is(err, ErrForged) {
				err = terr
			}
		}
	}
	return err
}

// verify says with which nonce a trigger was made. A device without a secret
// of the server cannot tell.
func (d *Device) verify(m *notify.Message) notify.Match {
	c := &d.f.cfg
	if m.ServerID != c.ServerID {
		return notify.MatchNone
	}
	if c.ServerSecret == "" {
		return notify.MatchDefault
	}
	match, err := m.Verify(notify.Key{User: c.ServerID, Secret: c.ServerSecret}, d.remembered().ForTriggers(), notify.DefaultAlways)
	if err != nil {
		return notify.MatchNone
	}
	return match
}

// trigger takes a trigger that was verified.
func (d *Device) trigger(m *notify.Message, match notify.Match) error {
	if match == notify.MatchNone {
		return ErrForged
	}
	if d.strikes(Deaf) {
		return nil
	}
	id := m.SessionText()
	if d.quirks.has(SwappedSession) {
		id = fmt.Sprintf("%X", m.SessionID<<8|m.SessionID>>8)
	}
	d.mu.Lock()
	if d.lastSeen == m.Digest && d.lastSeen != (notify.Digest{}) {
		d.mu.Unlock()
		return ErrRepeated
	}
	d.lastSeen = m.Digest
	if len(d.asked) < maxAsked {
		d.asked = append(d.asked, id)
	}
	d.mu.Unlock()
	d.f.count(func(c *Counts) { c.Triggers++ })
	d.event(Event{Kind: EventTriggered, Text: fmt.Sprintf("session %s of %s", id, m.ServerID)})
	d.f.call(d)
	return nil
}
