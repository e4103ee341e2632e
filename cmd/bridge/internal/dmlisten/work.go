package dmlisten

import (
	"context"
	"errors"
	"net/netip"

	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// ErrUnknownDevice is what [Work.Open] returns for a device that nobody knows.
var ErrUnknownDevice = errors.New("dmlisten: nobody knows the device")

// Work knows the devices and has something to say to them. It is called from
// many goroutines, for one device from one at a time. A context that it is given
// ends when the device hangs up.
type Work interface {
	// Open is asked when a session begins, before anybody knows whether the
	// caller is who it says. It must not change anything. RespURI of the answer
	// is filled in, and Account.URL if it is empty. An error other than
	// [ErrUnknownDevice] is answered with HTTP 503.
	Open(ctx context.Context, c Caller) (session.ServerConfig, Visit, error)
}

// Visit is Work's side of one session. Its methods are called one at a time.
type Visit interface {
	// Heard takes what a message of the device has told, once the device has
	// proved who it is, and returns what to say next, in order. What it was
	// told is durable when it returns, the nonces above all. An error is
	// answered with HTTP 503 and ends the session.
	Heard(ctx context.Context, got session.Received) ([]Job, error)
	// Said tells which commands cannot be sent to this device, and whether the
	// session has come to an end; after [session.EndDone] it may still go on.
	Said(unsent []session.Result, end session.End)
	// Gone is the last call: no message of this session comes any more.
	Gone()
}

// Job is one command for a device; see [session.Server.Queue].
type Job struct {
	Key     string // comes back in [session.Result]
	Command syncml.Command
	Now     bool // it goes out with this answer or not at all: [session.Server.QueueNow]
}

// Caller is what a device that begins a session says of itself. Nothing of it
// is proved.
type Caller struct {
	session.Peek
	Peer netip.Addr // where the message came from; see [Options].Proxies
}
