package mapping

import (
	"fmt"
	"math/bits"
	"net/url"
	"strings"

	"github.com/fwbridge/fwbridge/lwm2m9"
)

// Way is how a package gets to a device. The zero Way is none: not chosen yet,
// or, in the configuration, whichever works.
type Way uint8

// The ways, in the order in which they are tried.
const (
	WayDirect    Way = iota + 1 // the URI as it is: the device fetches it itself
	WayProxyCoAP                // from the bridge's store, by CoAP block-wise
	WayProxyHTTP                // from the bridge's store, by HTTP
	WayPush                     // the bytes are written into Package (2)
)

var wayNames = [...]string{"auto", "direct", "proxy-coap", "proxy-http", "push"}

// String is the way as the configuration calls it.
func (w Way) String() string {
	if int(w) < len(wayNames) {
		return wayNames[w]
	}
	return fmt.Sprintf("Way(%d)", w)
}

// stored says that the package has to be in the bridge's store first.
func (w Way) stored() bool { return w > WayDirect }

// Ways is a set of ways.
type Ways uint8

// WaysOf is the set of these ways.
func WaysOf(all ...Way) Ways {
	var s Ways
	for _, w := range all {
		s |= 1 << w
	}
	return s
}

// Has says whether w is in the set.
func (s Ways) Has(w Way) bool { return s&(1<<w) != 0 }

// Len is how many ways are in the set.
func (s Ways) Len() int { return bits.OnesCount8(uint8(s)) }

// Route is what may be tried to get a package to a device. The zero Route is
// the direct way and no other.
type Route struct {
	// Only is the configured way; zero tries one after the other.
	Only Way `json:"only,omitempty"`
	// Can are the ways that the bridge has at hand.
	Can Ways `json:"can,omitempty"`
	// Worked is the way that worked with a device of the same model; it is
	// tried first, if it is of Can.
	Worked Way `json:"worked,omitempty"`
}

// direct are the schemes that a device may know by itself (LwM2M 1.1 Core,
// Object 9: Package URI).
var directSchemes = map[string]bool{"http": true, "https": true, "coap": true, "coaps": true}

// next is the way to try after those in tried; 0 when there is none left. A
// URI that Object 9 cannot hold, or of a scheme that no device knows, never
// goes direct, unless the configuration knows better.
func (r Route) next(uri string, tried Ways) Way {
	can := r.Can
	if r == (Route{}) {
		can = WaysOf(WayDirect)
	}
	if r.Only != 0 {
		can = WaysOf(r.Only)
	} else if u, err := url.Parse(uri); err == nil && can.Len() > 1 && !directSchemes[strings.ToLower(u.Scheme)] {
		can &^= WaysOf(WayDirect)
	}
	if len(uri) > lwm2m9.MaxURI {
		can &^= WaysOf(WayDirect)
	}
	can &^= tried
	if r.Worked != 0 && can.Has(r.Worked) {
		return r.Worked
	}
	for w := WayDirect; w <= WayPush; w++ {
		if can.Has(w) {
			return w
		}
	}
	return 0
}

// another says that a failure of the download may be one of the way, not of
// the package: the device cannot use such a URI, or says so.
func (s *step) another(r lwm2m9.UpdateResult) bool {
	switch {
	case s.Order.Route == (Route{}):
		return false
	case r == lwm2m9.ResultInvalidURI, r == lwm2m9.ResultUnsupportedType:
	case s.Way == WayPush && !pushEnds[r]: // whatever it says of what it was written
	default:
		return false
	}
	return s.nextWay()
}

// pushEnds are the failures of a push that no other way would mend.
var pushEnds = map[lwm2m9.UpdateResult]bool{
	lwm2m9.ResultIntegrityFailure: true, lwm2m9.ResultNotEnoughStorage: true, lwm2m9.ResultOutOfMemory: true,
}

// nextWay takes the next way; false when there is none left.
func (s *step) nextWay() bool {
	w := s.Order.Route.next(s.Order.Execution.URL, s.Tried)
	if w == 0 {
		return false
	}
	s.Way, s.Stored = w, false
	s.Tried |= WaysOf(w)
	if s.Tried.Len() > 1 {
		s.note(NoteWay, w.String())
	}
	return true
}

// write asks for what this way needs next: the package in the store, then the
// device to take it.
func (s *step) write() {
	if s.Way.stored() && !s.Stored {
		s.ask(OpFetch)
		return
	}
	s.Baseline, s.Moved, s.Loaded, s.Rebooted = s.Reading.Result, false, false, false
	s.Writes++
	if s.Way == WayPush {
		s.ask(OpPush)
		return
	}
	s.ask(OpWriteURI)
}

// fetched takes in what became of the package on its way into the store.
func (s *step) fetched(a Answer) {
	switch {
	case a.Outcome == Accepted:
		s.Stored = true
		s.reread()
	case a.Fault != 0:
		s.fail(FromFault(a.Fault, DownloadStage))
	case a.Result != lwm2m9.ResultUnknown:
		s.failResult(a.Result, DownloadStage)
	default:
		s.again()
	}
}
