package legacy

import (
	"context"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/client"
	"github.com/fwbridge/fwbridge/lwm2m9/wire"
)

// deviceRow is a resource of /3 and the node of the legacy device that it comes
// from.
type deviceRow struct {
	resource client.Resource
	uri      string
}

// deviceRows is /3 (LwM2M 1.1 Core, E.4) as far as a legacy device knows it.
var deviceRows = []deviceRow{
	{client.Resource{ID: 0, Name: "Manufacturer", Operations: lwm2m9.OpRead, Type: wire.TypeString}, "./DevInfo/Man"},
	{client.Resource{ID: 1, Name: "Model Number", Operations: lwm2m9.OpRead, Type: wire.TypeString}, "./DevInfo/Mod"},
	{client.Resource{ID: 2, Name: "Serial Number", Operations: lwm2m9.OpRead, Type: wire.TypeString}, "./DevInfo/DevId"},
	{client.Resource{ID: 3, Name: "Firmware Version", Operations: lwm2m9.OpRead, Type: wire.TypeString}, "./DevDetail/FwV"},
	{client.Resource{ID: 4, Name: "Reboot", Operations: lwm2m9.OpExecute}, ""},
	{client.Resource{ID: 11, Name: "Error Code", Operations: lwm2m9.OpRead, Type: wire.TypeInteger, Multiple: true}, ""},
	{client.Resource{ID: 16, Name: "Supported Binding and Modes", Operations: lwm2m9.OpRead, Type: wire.TypeString}, ""},
	{client.Resource{ID: 17, Name: "Device Type", Operations: lwm2m9.OpRead, Type: wire.TypeString}, "./DevDetail/DevTyp"},
	{client.Resource{ID: 18, Name: "Hardware Version", Operations: lwm2m9.OpRead, Type: wire.TypeString}, "./DevDetail/HwV"},
	{client.Resource{ID: 19, Name: "Software Version", Operations: lwm2m9.OpRead, Type: wire.TypeString}, "./DevDetail/SwV"},
}

const (
	deviceObject   = 3
	deviceErrors   = 11
	deviceBindings = 16
)

var deviceDefinition = func() *client.Definition {
	d := &client.Definition{ID: deviceObject}
	for _, row := range deviceRows {
		d.Resources = append(d.Resources, row.resource)
	}
	return d
}()

// object3 is /3 of a legacy device.
type object3 struct {
	e  *Engine
	id string
}

var (
	_ client.Object   = (*object3)(nil)
	_ client.Executor = (*object3)(nil)
)

// Object3 is /3 of a device, for an LwM2M client.
func (e *Engine) Object3(id string) client.Object { return &object3{e: e, id: id} }

// Definition implements [client.Object].
func (o *object3) Definition() *client.Definition { return deviceDefinition }

// Instances implements [client.Object].
func (o *object3) Instances() []uint16 { return []uint16{0} }

// Read implements [client.Object].
func (o *object3) Read(context.Context, wire.Path) ([]wire.Entry, error) {
	at := wire.PathOf(deviceObject, 0)
	out := []wire.Entry{
		{Path: at.Down(deviceErrors).Down(0), Value: wire.Integer(0)},
		{Path: at.Down(deviceBindings), Value: wire.String("U")},
	}
	err := o.e.look(o.id, func(r *record) {
		for _, row := range deviceRows {
			value := r.Info[row.uri]
			if row.uri == "./DevInfo/DevId" && value == "" {
				value = o.id
			}
			if row.uri != "" && value != "" {
				out = append(out, wire.Entry{Path: at.Down(row.resource.ID), Value: wire.String(value)})
			}
		}
	})
	return out, err
}

// Execute implements [client.Executor]: a legacy device cannot be made to
// reboot.
func (o *object3) Execute(context.Context, wire.Path, []wire.Argument) error {
	return refuse(lwm2m9.CodeMethodNotAllowed)
}
