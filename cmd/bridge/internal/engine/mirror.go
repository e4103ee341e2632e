package engine

import (
	"fmt"
	"slices"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/wire"
)

// deviceObject is the Device object, of which there is one instance.
const deviceObject = 3

// resourceDepth is how many numbers the path of a resource has.
const resourceDepth = 3

// mirror takes in what the device told without being asked, in a notification
// or a Send: values of Object 9 and of /3/0. They are no readings: whether state
// and result belong together is not known, so the detector does not see them,
// and a drive reads for itself.
func (t *turn) mirror(entries []wire.Entry) {
	object, who := slices.Clone(t.rec.Object), t.rec.Who
	who.take(entries)
	for _, e := range entries {
		if e.Path.Len() != resourceDepth {
			continue
		}
		if e.Path.ID(0) == lwm2m9.ObjectID {
			at := slices.IndexFunc(object, func(i lwm2m9.Instance) bool { return i.ID == lwm2m9.InstanceID(e.Path.ID(1)) })
			if at >= 0 { // one that is not known is found by the next reading
				object[at] = told(object[at], lwm2m9.ResourceID(e.Path.ID(2)), e.Value)
			}
		}
	}
	t.nowIs(who)
	if !slices.Equal(object, t.rec.Object) {
		for n := range object {
			object[n] = object[n].In(t.rec.Detector.Dialect())
		}
		t.rec.Object = object
		t.showInstalled()
	}
}

// told is an instance with one value changed. What is not of the resource's
// type changes nothing.
func told(i lwm2m9.Instance, rid lwm2m9.ResourceID, v wire.Value) lwm2m9.Instance {
	def, ok := lwm2m9.Definition(rid)
	if !ok {
		return i
	}
	v, err := v.As(def.Type)
	if err != nil {
		return i
	}
	switch rid {
	case lwm2m9.RIDPkgName:
		i.Name = v.Str
	case lwm2m9.RIDPkgVersion:
		i.Version = v.Str
	case lwm2m9.RIDUpdateState:
		i.RawState = v.Int
	case lwm2m9.RIDUpdateResult:
		i.RawResult = v.Int
	case lwm2m9.RIDActivationState:
		i.Activation = lwm2m9.Disabled
		if v.Int != 0 {
			i.Activation = lwm2m9.Enabled
		}
	}
	return i
}

// nowIs keeps what the device says of itself. One with other versions than
// before may have another dialect too.
func (t *turn) nowIs(who identity) {
	old := t.rec.Who
	t.rec.Who = who
	if old == (identity{}) || old == who || old.software() == who.software() {
		return
	}
	t.rec.Detector = t.rec.Detector.Changed()
	t.note(fmt.Sprintf("the device has changed: firmware %q to %q, software %q to %q", old.Firmware, who.Firmware, old.Software, who.Software))
}

// software is what runs on the device.
func (i identity) software() [4]string {
	return [...]string{i.Model, i.Firmware, i.Software, i.Hardware}
}

// instancesIn are the instances of Object 9 that a path and values speak of,
// each once.
func instancesIn(path string, entries []wire.Entry) []lwm2m9.InstanceID {
	paths := []wire.Path{}
	if p, ok := wire.ParsePath(path); ok {
		paths = append(paths, p)
	}
	for _, e := range entries {
		paths = append(paths, e.Path)
	}
	var ids []lwm2m9.InstanceID
	for _, p := range paths {
		if id := lwm2m9.InstanceID(p.ID(1)); p.Len() > 1 && p.ID(0) == lwm2m9.ObjectID && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}
