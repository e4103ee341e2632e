package client

import (
	"context"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9/wire"
)

// deviceObject is the number of Object 3, Device (LwM2M 1.1 Core, E.4).
const deviceObject = 3

// The resources of Object 3 that there are.
const (
	deviceManufacturer = 0
	deviceModel        = 1
	deviceSerial       = 2
	deviceFirmware     = 3
	deviceReboot       = 4
	deviceFactoryReset = 5
	deviceErrors       = 11
	deviceResetErrors  = 12
	deviceTime         = 13
	deviceBindings     = 16
	deviceType         = 17
	deviceHardware     = 18
	deviceSoftware     = 19
)

var deviceDefinition = &Definition{ID: deviceObject, Version: "1.1", Resources: []Resource{
	{deviceManufacturer, "Manufacturer", opR, wire.TypeString, false},
	{deviceModel, "Model Number", opR, wire.TypeString, false},
	{deviceSerial, "Serial Number", opR, wire.TypeString, false},
	{deviceFirmware, "Firmware Version", opR, wire.TypeString, false},
	{deviceReboot, "Reboot", opE, wire.TypeNone, false},
	{deviceFactoryReset, "Factory Reset", opE, wire.TypeNone, false},
	{deviceErrors, "Error Code", opR, wire.TypeInteger, true},
	{deviceResetErrors, "Reset Error Code", opE, wire.TypeNone, false},
	{deviceTime, "Current Time", opR, wire.TypeTime, false},
	{deviceBindings, "Supported Binding and Modes", opR, wire.TypeString, false},
	{deviceType, "Device Type", opR, wire.TypeString, false},
	{deviceHardware, "Hardware Version", opR, wire.TypeString, false},
	{deviceSoftware, "Software Version", opR, wire.TypeString, false},
}}

// DeviceInfo is what Object 3 says of a device. Empty fields have no value.
type DeviceInfo struct {
	Manufacturer, Model, Serial  string
	Firmware, Hardware, Software string // versions
	Type                         string
	Errors                       []int64 // error codes; none is said as 0
}

// DeviceActions are the executable resources of Object 3: nil is answered 4.05.
type DeviceActions struct {
	Reboot, FactoryReset, ResetErrors func(ctx context.Context) error
}

// Device is Object 3, ready to be given to [Host.Add].
type Device struct {
	info    func() DeviceInfo
	actions DeviceActions
}

var _ Executor = (*Device)(nil)

// NewDevice makes an Object 3. info is called for each Read, from any goroutine.
func NewDevice(info func() DeviceInfo, actions DeviceActions) *Device { return &Device{info, actions} }

// Definition is the table of Object 3.
func (d *Device) Definition() *Definition { return deviceDefinition }

// Instances is the one instance.
func (d *Device) Instances() []uint16 { return []uint16{0} }

// Read gives all values.
func (d *Device) Read(context.Context, wire.Path) ([]wire.Entry, error) {
	i := d.info()
	at := wire.PathOf(deviceObject, 0)
	var all []wire.Entry
	for _, s := range [...]struct {
		id    uint16
		value string
	}{
		{deviceManufacturer, i.Manufacturer}, {deviceModel, i.Model}, {deviceSerial, i.Serial},
		{deviceFirmware, i.Firmware}, {deviceBindings, "U"}, {deviceType, i.Type},
		{deviceHardware, i.Hardware}, {deviceSoftware, i.Software},
	} {
		if s.value != "" {
			all = append(all, wire.Entry{Path: at.Down(s.id), Value: wire.String(s.value)})
		}
	}
	if len(i.Errors) == 0 {
		i.Errors = []int64{0} // no error (E.4, resource 11)
	}
	for n, code := range i.Errors {
		all = append(all, wire.Entry{Path: at.Down(deviceErrors).Down(uint16(n)), Value: wire.Integer(code)})
	}
	return append(all, wire.Entry{Path: at.Down(deviceTime), Value: wire.Time(time.Now())}), nil
}

// Execute runs an action.
func (d *Device) Execute(ctx context.Context, path wire.Path, _ []wire.Argument) error {
	action := map[uint16]func(context.Context) error{
		deviceReboot: d.actions.Reboot, deviceFactoryReset: d.actions.FactoryReset, deviceResetErrors: d.actions.ResetErrors,
	}[path.ID(2)]
	if action == nil {
		return errNotAllowed
	}
	return action(ctx)
}
