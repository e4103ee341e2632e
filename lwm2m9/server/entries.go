package server

import (
	"fmt"

	"github.com/fwbridge/fwbridge/lwm2m9/wire"
)

// Formats are the content formats in which to ask the device for an instance
// or an object, best first; the next one is for a device that answers 4.06. A
// single resource is asked for as text. What comes is decoded by Entries,
// whichever it is. The old numbers are for clients from before LwM2M 1.0,
// which say no version.
func (r Registration) Formats() []ContentFormat {
	if r.Version == DefaultVersion || r.Version == "" {
		return []ContentFormat{TLV, LwM2MJSON, OldTLV, OldLwM2MJSON}
	}
	return []ContentFormat{SenMLCBOR, TLV, SenMLJSON}
}

// Entries are the values in the answer to a Read of path ("/" for a composite
// one), in whatever format it came. types is that of [wire.Decode]. The error
// wraps [ErrGarbage].
func (r Response) Entries(path string, types func(wire.Path) wire.Type) ([]wire.Entry, error) {
	return entries(r.Format, path, r.Payload, types)
}

// PayloadFormat is the format that came in an answer to a Read of path; one that
// the device does not say is taken for the one that LwM2M 1.0 has for it.
func (r Response) PayloadFormat(path wire.Path) wire.Format { return formatOf(r.Format, path) }

// Entries are the values of the notification; see [Response.Entries].
func (n Notification) Entries(types func(wire.Path) wire.Type) ([]wire.Entry, error) {
	return entries(n.Format, n.Path, n.Payload, types)
}

// resourceDepth is how many numbers the path of a resource has.
const resourceDepth = 3

func entries(f ContentFormat, path string, payload []byte, types func(wire.Path) wire.Type) ([]wire.Entry, error) {
	base, ok := wire.ParsePath(path)
	if !ok {
		return nil, fmt.Errorf("%w: %q is no path", ErrGarbage, path)
	}
	list, err := wire.Decode(formatOf(f, base), base, payload, types)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrGarbage, err)
	}
	return list, nil
}

// formatOf is the format that came. A device that does not say it means the
// one that LwM2M 1.0 has for it: text for a resource, otherwise TLV.
func formatOf(f ContentFormat, base wire.Path) wire.Format {
	switch {
	case f != NoFormat:
		return wire.Format(f)
	case base.Len() >= resourceDepth:
		return wire.FormatText
	}
	return wire.FormatTLV
}
