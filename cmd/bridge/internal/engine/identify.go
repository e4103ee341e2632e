package engine

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/lwm2m9/server"
	"github.com/fwbridge/fwbridge/lwm2m9/wire"
	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// maxIdentity is the longest text that is taken from /3/0, in bytes; more is
// cut off.
const maxIdentity = 128

// identity is what a device says of itself in /3/0 (LwM2M 1.1 Core, E.4).
type identity struct {
	Manufacturer string `json:"manufacturer,omitempty"`
	Model        string `json:"model,omitempty"`
	Serial       string `json:"serial,omitempty"`
	Firmware     string `json:"firmware,omitempty"`
	Hardware     string `json:"hardware,omitempty"`
	Software     string `json:"software,omitempty"`
	DeviceType   string `json:"deviceType,omitempty"`
}

// field is where a resource of /3/0 goes; nil for what is not needed.
func (i *identity) field(rid uint16) *string {
	switch rid {
	case 0:
		return &i.Manufacturer
	case 1:
		return &i.Model
	case 2:
		return &i.Serial
	case 3:
		return &i.Firmware
	case 17:
		return &i.DeviceType
	case 18:
		return &i.Hardware
	case 19:
		return &i.Software
	}
	return nil
}

const devicePath = "/3/0"

// identify reads /3/0, whole or resource by resource. What a device does not
// have stays empty; the error is for a device that does not answer.
func (a asker) identify(ctx context.Context) (identity, error) {
	var who identity
	err := a.read(ctx, devicePath, func(f wire.Format, base wire.Path, payload []byte) error {
		entries, err := wire.Decode(f, base, payload, nil)
		if err == nil {
			who.take(entries)
		}
		return err
	})
	if !otherForm(err) {
		return who, err
	}
	for _, rid := range []uint16{0, 1, 2, 3, 17, 18, 19} {
		resp, err := a.get(ctx, devicePath+"/"+strconv.Itoa(int(rid)), server.TextPlain)
		_, refused := errors.AsType[*server.Refused](err)
		if err != nil && !refused && !isGarbage(err) {
			return who, err
		}
		path := wire.PathOf(deviceObject, 0, rid)
		if err == nil {
			if entries, broken := wire.Decode(resp.PayloadFormat(path), path, resp.Payload, nil); broken == nil {
				who.take(entries)
			}
		}
	}
	return who, nil
}

// take fills in what values of /3/0 say.
func (i *identity) take(entries []wire.Entry) {
	for _, e := range entries {
		if e.Path.Len() != resourceDepth || e.Path.Up(2) != wire.PathOf(deviceObject, 0) {
			continue
		}
		if f := i.field(e.Path.ID(2)); f != nil {
			switch e.Value.Type {
			case wire.TypeString, wire.TypeRawText, wire.TypeRawTLV: // tidy mends what is no UTF-8
				*f = tidy(e.Value.Str)
			}
		}
	}
}

// tidy makes text of a device fit for XML and for people.
func tidy(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError || r >= 0xfffe {
			return -1
		}
		return r
	}, s)
	for len(s) > maxIdentity {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	return s
}

// asLegacy is what ./DevInfo and ./DevDetail show. Man and Mod may not be
// empty there: servers look devices up by them.
func (i identity) asLegacy(acc session.Account) fwupdate.Identity {
	version := "1.2"
	if acc.Version == syncml.DM112 {
		version = "1.1.2"
	}
	return fwupdate.Identity{
		DeviceID:        acc.DeviceID,
		Manufacturer:    orUnknown(i.Manufacturer),
		Model:           orUnknown(i.Model),
		Language:        "en",
		DeviceType:      orUnknown(i.DeviceType),
		OEM:             orUnknown(i.Manufacturer),
		FirmwareVersion: orUnknown(i.Firmware),
		SoftwareVersion: orUnknown(i.Software),
		HardwareVersion: orUnknown(i.Hardware),
		DMVersion:       version,
	}
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}
