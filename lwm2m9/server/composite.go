package server

import (
	"fmt"

	"github.com/fwbridge/fwbridge/lwm2m9/wire"
)

// The composite operations name several paths in their payload (LwM2M 1.1
// Core, 6.3.8 to 6.3.10). They go to the root, in SenML JSON or SenML CBOR;
// devices of LwM2M 1.0 have none of them.

// ReadComposite asks for objects, instances and resources at once, the answer
// in the same format. The error is for a path that is none, and for a format
// that cannot name paths.
func ReadComposite(format ContentFormat, paths ...string) (Request, error) {
	entries := make([]wire.Entry, 0, len(paths))
	for _, text := range paths {
		p, ok := wire.ParsePath(text)
		if !ok {
			return Request{}, fmt.Errorf("lwm2m: %q is no path", text)
		}
		entries = append(entries, wire.Entry{Path: p})
	}
	return composite(FETCH, format, format, entries)
}

// ObserveComposite is ReadComposite, and again whenever one of the values
// changes. Its notifications have the Path "/".
func ObserveComposite(format ContentFormat, paths ...string) (Request, error) {
	start := true
	r, err := ReadComposite(format, paths...)
	r.Observe = &start
	return r, err
}

// CancelObserveComposite ends what ObserveComposite began, with the same
// format and paths.
func CancelObserveComposite(format ContentFormat, paths ...string) (Request, error) {
	stop := false
	r, err := ReadComposite(format, paths...)
	r.Observe = &stop
	return r, err
}

// WriteComposite changes several values at once, or none; a null deletes. The
// error is for what the format cannot hold.
func WriteComposite(format ContentFormat, entries ...wire.Entry) (Request, error) {
	return composite(IPATCH, format, NoFormat, entries)
}

func composite(m Method, format, accept ContentFormat, entries []wire.Entry) (Request, error) {
	if format != SenMLJSON && format != SenMLCBOR {
		return Request{}, fmt.Errorf("lwm2m: a composite operation in %v", wire.Format(format))
	}
	payload, err := wire.Append(nil, wire.Format(format), wire.Path{}, entries...)
	if err != nil {
		return Request{}, err
	}
	return Request{Method: m, Path: "/", Format: format, Accept: accept, Payload: payload}, nil
}

// key tells the observations of a device apart: a composite one is known by
// its payload.
func (r Request) key() string {
	if r.Method == FETCH {
		return "/?" + string(r.Payload)
	}
	return plainPath(r.Path)
}
