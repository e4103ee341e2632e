package lwm2mdevice

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/wire"
)

// field is a resource with its value.
type field struct {
	id    uint16
	value wire.Value
}

// deviceFields is /3/0 (LwM2M 1.1 Core, E.4), the readable part of it that the
// simulator has.
func (d *Device) deviceFields() []field {
	return []field{
		{0, wire.String(d.cfg.Manufacturer)}, {1, wire.String(d.cfg.Model)}, {2, wire.String(d.cfg.Serial)},
		{3, wire.String(d.cfg.Firmware)}, {16, wire.String("U")},
	}
}

// fields is the readable part of an instance of Object 9.
func (d *Device) fields(s *software) []field {
	i := s.instance(d.cfg.Dialect)
	return []field{
		{uint16(lwm2m9.RIDPkgName), wire.String(i.Name)},
		{uint16(lwm2m9.RIDPkgVersion), wire.String(i.Version)},
		{uint16(lwm2m9.RIDUpdateState), wire.Integer(i.RawState)},
		{uint16(lwm2m9.RIDUpdateResult), wire.Integer(i.RawResult)},
		{uint16(lwm2m9.RIDActivationState), wire.Boolean(i.Activation == lwm2m9.Enabled)},
	}
}

// readable is the fields of the instance that a path names; false when there
// is no such instance.
func (d *Device) readable(path []string) ([]field, bool) {
	if len(path) >= 2 && path[0] == "3" && path[1] == "0" {
		return d.deviceFields(), true
	}
	if s := d.find(path); s != nil {
		return d.fields(s), true
	}
	return nil, false
}

// writeOnly says whether a resource exists but cannot be read.
func (d *Device) writeOnly(path []string) bool {
	return path[0] == "9" && slices.ContainsFunc(lwm2m9.Resources(d.cfg.Dialect), func(r lwm2m9.Resource) bool {
		return itoa(uint16(r.ID)) == path[2] && r.Operations&lwm2m9.OpRead == 0
	})
}

func itoa(n uint16) string { return strconv.Itoa(int(n)) }

// readOrObserve answers a GET, and begins or ends an observation.
func (b *boot) readOrObserve(req request) answer {
	a := b.readPath(req)
	switch {
	case a.code != lwm2m9.CodeContent:
	case req.observe == 1:
		b.forget(req)
	case req.observe == 0 && b.observe(req):
		a.observed, a.observe = true, b.nextSeq()
	}
	return a
}

// readPath reads an object, an instance or a resource.
func (b *boot) readPath(req request) answer {
	path, _ := b.d.inRoot(req.path)
	if len(path) > 3 || len(path) == 0 {
		return answer{code: lwm2m9.CodeNotFound}
	}
	garbage, nonsense := b.d.garbage(path)
	if len(path) == 1 {
		return b.readObject(path, req)
	}
	fields, ok := b.d.readable(path)
	if !ok {
		return answer{code: lwm2m9.CodeNotFound}
	}
	if nonsense {
		spoil(fields, garbage)
	}
	if len(path) == 3 {
		i := slices.IndexFunc(fields, func(f field) bool { return itoa(f.id) == path[2] })
		switch {
		case i < 0 && b.d.writeOnly(path):
			return answer{code: lwm2m9.CodeMethodNotAllowed}
		case i < 0:
			return answer{code: lwm2m9.CodeNotFound}
		}
		fields = fields[i : i+1]
	}
	a := encode(fields, req.accept, len(path) == 3)
	if nonsense && a.code == lwm2m9.CodeContent && garbage == TLVGarbage {
		a.payload = truncate(a)
	}
	return a
}

// garbage says whether a read of Object 9 is answered with nonsense, and which.
func (d *Device) garbage(path []string) (Garbage, bool) {
	if path[0] != "9" || len(path) == 3 && path[2] != "7" && path[2] != "9" {
		return 0, false
	}
	f, ok := d.faults.strike(Nonsense, nil)
	return f.Garbage, ok
}

// unknownState and unknownResult are in neither dialect's table.
const unknownState, unknownResult = 9, 99

// spoil replaces values by nonsense.
func spoil(fields []field, g Garbage) {
	for i := range fields {
		state, result := fields[i].id == uint16(lwm2m9.RIDUpdateState), fields[i].id == uint16(lwm2m9.RIDUpdateResult)
		switch {
		case g == TextGarbage && (state || result):
			fields[i].value = wire.String("abc")
		case g == StateGarbage && state:
			fields[i].value = wire.Integer(unknownState)
		case g == ResultGarbage && result:
			fields[i].value = wire.Integer(unknownResult)
		}
	}
}

// truncate cuts TLV off in the middle; a text has no middle, it becomes "abc".
func truncate(a answer) []byte {
	if a.format == textPlain {
		return []byte("abc")
	}
	return a.payload[:len(a.payload)-1]
}

// encode writes fields in the format asked for: text for a single resource and
// TLV for an instance unless the server says otherwise.
func encode(fields []field, accept int, single bool) answer {
	switch {
	case single && (accept == noFormat || accept == textPlain):
		return answer{code: lwm2m9.CodeContent, format: textPlain, payload: fields[0].value.AppendText([]byte{})}
	case accept == noFormat, accept == tlv, accept == oldTLV:
	default:
		return answer{code: lwm2m9.CodeNotAcceptable}
	}
	return encodeTLV(accept, resources(fields)...)
}

func resources(fields []field) []wire.TLV {
	var items []wire.TLV
	for _, f := range fields {
		items = append(items, wire.Resource(f.id, f.value))
	}
	return items
}

func encodeTLV(accept int, items ...wire.TLV) answer {
	if accept == noFormat {
		accept = tlv
	}
	payload, err := wire.AppendTLV([]byte{}, items...)
	if err != nil {
		return answer{code: lwm2m9.CodeInternal}
	}
	return answer{code: lwm2m9.CodeContent, format: accept, payload: payload}
}

// readObject reads all instances of an object.
func (b *boot) readObject(path []string, req request) answer {
	if req.accept != noFormat && req.accept != tlv && req.accept != oldTLV {
		return answer{code: lwm2m9.CodeNotAcceptable}
	}
	var items []wire.TLV
	switch {
	case path[0] == "3":
		items = append(items, wire.Instance(0, resources(b.d.deviceFields())...))
	case path[0] == "9" && !b.d.cfg.NoObject9:
		for _, id := range b.d.instanceIDs() {
			items = append(items, wire.Instance(uint16(id), resources(b.d.fields(b.d.soft[id]))...))
		}
	default:
		return answer{code: lwm2m9.CodeNotFound}
	}
	return encodeTLV(req.accept, items...)
}

// discover lists what there is below a path (LwM2M 1.1 Core, 6.3.2).
func (b *boot) discover(path []string) answer {
	d := b.d
	var paths []string
	switch {
	case path[0] == "9" && len(path) == 1 && !d.cfg.NoObject9:
		paths = append(paths, "/9")
		for _, id := range d.instanceIDs() {
			paths = append(paths, d.tree9(id)...)
		}
	case path[0] == "9" && len(path) == 2 && d.find(path) != nil:
		paths = d.tree9(d.find(path).id)
	case len(path) == 3 && path[0] == "9" && d.find(path) != nil:
		paths = append(paths, joined(path))
	case path[0] == "3" && len(path) <= 2:
		paths = append(paths, "/3/0")
		for _, f := range d.deviceFields() {
			paths = append(paths, fmt.Sprintf("/3/0/%d", f.id))
		}
	default:
		return answer{code: lwm2m9.CodeNotFound}
	}
	var links []wire.Link
	for _, p := range paths {
		links = append(links, wire.Link{Path: d.cfg.Root + p})
	}
	payload, err := wire.AppendLinks([]byte{}, links...)
	if err != nil {
		return answer{code: lwm2m9.CodeInternal}
	}
	return answer{code: lwm2m9.CodeContent, format: linkFormat, payload: payload}
}

// mandatory lists what the simulator has of Object 9.
var mandatory = []lwm2m9.ResourceID{
	lwm2m9.RIDPkgName, lwm2m9.RIDPkgVersion, lwm2m9.RIDPackage, lwm2m9.RIDPackageURI, lwm2m9.RIDInstall,
	lwm2m9.RIDUninstall, lwm2m9.RIDUpdateState, lwm2m9.RIDUpdateResult, lwm2m9.RIDActivate,
	lwm2m9.RIDDeactivate, lwm2m9.RIDActivationState,
}

func (d *Device) tree9(id lwm2m9.InstanceID) []string {
	paths := []string{fmt.Sprintf("/9/%d", id)}
	for _, r := range mandatory {
		paths = append(paths, fmt.Sprintf("/9/%d/%d", id, r))
	}
	return paths
}
