package api

import (
	"errors"
	"net/http"
	"sort"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/legacy"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/transfer"
)

// Legacy is what is shown of direction B.
type Legacy interface {
	// Devices are the names of all devices with a record, in order.
	Devices() []string
	// View shows one: errors of [legacy.Engine.View].
	View(device string) (legacy.View, error)
	// Shown says how a device stands at its LwM2M servers.
	Shown(device string) []legacy.Shown
	// Strangers are those that were refused because nobody knows them.
	Strangers() []legacy.Stranger
}

// legacyDevice is a legacy device; in a list it has no time line, and no
// packages on their way.
type legacyDevice struct {
	legacy.View
	Servers   []legacy.Shown  `json:"servers"`
	Transfers []transfer.View `json:"transfers,omitempty"`
	Error     string          `json:"error,omitempty"` // the record cannot be read; nothing else is known
}

// legacyPage is a part of the list of legacy devices. The first one has the
// strangers too.
type legacyPage struct {
	Devices   []legacyDevice    `json:"devices"`
	Next      string            `json:"next,omitempty"`
	Strangers []legacy.Stranger `json:"strangers,omitempty"`
}

// legacyDevices answers a page, as devices does.
func (a api) legacyDevices(w http.ResponseWriter, r *http.Request) {
	limit, ok := a.limit(w, r)
	if !ok {
		return
	}
	after := r.URL.Query().Get("after")
	names := a.legacy.Devices()
	names = names[sort.Search(len(names), func(i int) bool { return names[i] > after }):]
	p := legacyPage{Devices: []legacyDevice{}}
	if after == "" {
		p.Strangers = a.legacy.Strangers()
	}
	if len(names) > limit {
		names = names[:limit]
		p.Next = names[limit-1]
	}
	for _, name := range names {
		v, err := a.legacy.View(name)
		switch {
		case errors.Is(err, legacy.ErrRecord):
			p.Devices = append(p.Devices, legacyDevice{View: legacy.View{Device: name}, Error: "the record cannot be read; the bridge's log says why"})
			continue
		case err != nil:
			a.internal(w, err)
			return
		}
		v.Timeline = nil
		p.Devices = append(p.Devices, legacyDevice{View: v, Servers: a.legacy.Shown(name)})
	}
	a.answer(w, http.StatusOK, p)
}

// legacyDevice answers one device with all that is known of it.
func (a api) legacyDevice(w http.ResponseWriter, r *http.Request) {
	name, ok := a.name(w, r)
	if !ok {
		return
	}
	v, err := a.legacy.View(name)
	switch {
	case err == nil:
		a.answer(w, http.StatusOK, legacyDevice{View: v, Servers: a.legacy.Shown(name), Transfers: a.moving(name, true)})
	case errors.Is(err, legacy.ErrUnknown):
		a.fail(w, http.StatusNotFound, "no such device")
	case errors.Is(err, legacy.ErrRecord):
		a.log.Error("record not read", "device", name, "err", err)
		a.fail(w, http.StatusInternalServerError, "the device's record cannot be read; it is left alone. The bridge's log says why")
	default:
		a.internal(w, err)
	}
}
