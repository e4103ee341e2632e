package engine

import (
	"context"
	"errors"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
	"github.com/fwbridge/fwbridge/mapping"
	"github.com/fwbridge/fwbridge/syncml"
)

// Lender says what a device that fetches a package itself may show to the
// package server, and whether it may have it: secured says that the device
// speaks to the bridge with DTLS. It must be fast.
type Lender func(uri string, secured bool) (user string, password syncml.Secret, ok bool)

// lender is that of the devices whose Object 9 has User Name and Password: the
// registered one.
func (t *turn) lender() Lender {
	if t.rec.Detector.Dialect() != lwm2m9.Registered {
		return nil
	}
	return t.shard.o.Lender
}

// credential is one of the resources that are lent.
type credential struct {
	id   lwm2m9.ResourceID
	text string
}

// loan is what the device gets before a request: nothing, unless it is a
// Package URI that the device fetches from itself.
func (a asker) loan(q mapping.Request) []credential {
	if a.lender == nil || q.Op != mapping.OpWriteURI || q.Way != 0 && q.Way != mapping.WayDirect {
		return nil
	}
	user, password, ok := a.lender(q.URI, a.reg.Identity != "")
	if !ok || len(user) > lwm2m9.MaxName || len(password) > lwm2m9.MaxName {
		return nil
	}
	return []credential{{lwm2m9.RIDUserName, user}, {lwm2m9.RIDPassword, string(password)}}
}

// lend writes User Name and Password before a Package URI, those lent for it or,
// where none are and others were, empty ones. They are optional: a device that
// does not take them, or says nothing, gets the Package URI all the same, and its
// download tells. The error is that the device cannot be asked now, so that the
// Package URI need not be tried.
func (a asker) lend(ctx context.Context, q question) error {
	all := a.loan(q.Request)
	if all == nil && q.lent && q.Op == mapping.OpWriteURI {
		all = nothing
	}
	for _, c := range all {
		err := a.writeText(ctx, q.Instance, c.id, c.text)
		refused, _ := errors.AsType[*server.Refused](err)
		switch outcome, _ := outcomeOf(err); {
		case outcome == mapping.NotSent:
			return err
		case ctx.Err() != nil:
			return errors.Join(server.ErrNotSent, err)
		case refused != nil && c.text != "":
			return nil // without a user no password
		}
	}
	return nil
}
