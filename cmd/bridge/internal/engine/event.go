package engine

import (
	"errors"

	"github.com/fwbridge/fwbridge/lwm2m9/server"
	"github.com/fwbridge/fwbridge/lwm2m9/wire"
	"github.com/fwbridge/fwbridge/mapping"
)

var (
	// ErrStore means that the event was not stored, and nothing of it was
	// done: try again later. It wraps the cause.
	ErrStore = errors.New("engine: the device's state could not be stored")
	// ErrBusy means that too many events wait at the device's shard.
	ErrBusy = errors.New("engine: too busy")
	// ErrStopped means that the engine has stopped or is stopping.
	ErrStopped = errors.New("engine: stopped")
	// ErrRecord means that the device's record cannot be read. It is left as it
	// is, and so is the device.
	ErrRecord = errors.New("engine: the device's record cannot be read")
	// ErrUnknownDevice means that no such device has ever registered.
	ErrUnknownDevice = errors.New("engine: no such device")
	// ErrNoDrive means that there is no update to cancel.
	ErrNoDrive = errors.New("engine: no update is running")
)

// event is one thing that happened to one device.
type event struct {
	endpoint string
	what     occurrence
	reply    chan<- error // with room for one; nil when nobody waits
}

// answer tells whoever waits for the event how it went.
func (ev event) answer(err error) {
	if ev.reply != nil {
		ev.reply <- err
	}
}

// occurrence is what can happen. Those marked "kept" are applied again when
// the turn that had them could not be stored; for the others somebody else
// repeats: the device, its next notification, the next session.
type occurrence interface{ kept() bool }

type (
	// registered: the device registered.
	registered struct{ r server.Registration }
	// updated: the device sent an Update.
	updated struct{ r server.Registration }
	// deregistered: the device said goodbye.
	deregistered struct{ r server.Registration }
	// expired: the device's lifetime has ended; kept.
	expired struct{ r server.Registration }
	// notified: the device told something without being asked, with the values
	// as far as they could be understood. path is that of a notification.
	notified struct {
		path    string
		entries []wire.Entry
	}
	// resumed: the bridge started with a running drive in the store; kept.
	resumed struct{}
	// cancelled: the operator gives the drive up.
	cancelled struct{}
	// asked: the outcome of a request of the drive; kept.
	asked struct {
		drive  uint64 // record.Drives when it was asked
		op     mapping.Op
		answer mapping.Answer // Instances with numbers only: the shard knows the dialect
	}
	// knocked: a device in queue mode is awake (or not), so that Install can
	// begin; kept.
	knocked struct {
		drive   uint64
		request mapping.Request
		awake   bool
	}
	// identified: what /3/0 said, and what Object 9 holds; kept.
	identified struct {
		epoch  uint64
		who    identity
		object *mapping.Answer // nil when it was not read
		err    error
	}
	// tookBack: how the taking back of what was lent went; kept.
	tookBack struct {
		by   *taking
		done bool // the device has said something to all of it
	}
	// posted: the DM server's answer to a POST.
	posted struct {
		session uint64
		status  int
		body    []byte
		hmac    string
		err     error
	}
	// suspected: somebody claimed to be the device and was refused.
	suspected struct{ text string }
	// remarked: something about a package on its way, for people.
	remarked struct{ text string }
	// granted: a DM session may start; its place is taken.
	granted struct{}
)

func (registered) kept() bool   { return false }
func (updated) kept() bool      { return false }
func (deregistered) kept() bool { return false }
func (expired) kept() bool      { return true }
func (notified) kept() bool     { return false }
func (resumed) kept() bool      { return true }
func (cancelled) kept() bool    { return false }
func (asked) kept() bool        { return true }
func (knocked) kept() bool      { return true }
func (identified) kept() bool   { return true }
func (tookBack) kept() bool     { return true }
func (posted) kept() bool       { return false }
func (suspected) kept() bool    { return false }
func (remarked) kept() bool     { return false }
func (granted) kept() bool      { return false }
