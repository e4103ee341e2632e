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
	resp, err := a.get(ctx, devicePath, server.TLV)
	if err == nil && isTLV(resp.Format) {
		items, broken := wire.DecodeTLV(resp.Payload)
		if broken == nil {
			who.take(items)
			return who, nil
		}
		err = broken
	} else if err == nil {
		err = server.ErrGarbage
	}
	if !otherForm(err) {
		return who, err
	}
	for _, rid := range []uint16{0, 1, 2, 3, 17, 18, 19} {
		resp, err := a.get(ctx, devicePath+"/"+strconv.Itoa(int(rid)), server.TextPlain)
		_, refused := errors.AsType[*server.Refused](err)
		if err != nil && !refused && !isGarbage(err) {
			return who, err
		}
		if err == nil && (resp.Format == server.TextPlain || resp.Format == server.NoFormat) {
			*who.field(rid) = tidy(string(resp.Payload))
		}
	}
	return who, nil
}

// take fills in what a TLV of the instance has, with or without the instance
// around it.
func (i *identity) take(items []wire.TLV) {
	if len(items) == 1 && items[0].Kind == wire.KindInstance {
		items = items[0].Items
	}
	for _, t := range items {
		if f := i.field(t.ID); f != nil && t.Kind == wire.KindResource {
			*f = tidy(string(t.Value))
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
