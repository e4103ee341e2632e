package fwupdate

import (
	"strconv"
	"strings"

	"github.com/fwbridge/fwbridge/fwupdate/tree"
	"github.com/fwbridge/fwbridge/syncml"
)

// devInfo is ./DevInfo (OMA DM Standardized Objects 1.2).
var devInfo = &node{
	name: "DevInfo", format: formatNode, access: canGet, occurs: one,
	mo: "urn:oma:mo:oma-dm-devinfo:1.0", about: "The device, as every session tells it",
	nodes: []*node{
		shown("DevId", "Unique identifier of the device", func(id Identity) string { return id.DeviceID }),
		shown("Man", "Manufacturer", func(id Identity) string { return id.Manufacturer }),
		shown("Mod", "Model", func(id Identity) string { return id.Model }),
		shown("DmV", "Version of the management client", func(id Identity) string { return id.DMVersion }),
		shown("Lang", "Language of the device", func(id Identity) string { return id.Language }),
	},
}

// devDetail is ./DevDetail (OMA DM Standardized Objects 1.2).
var devDetail = &node{
	name: "DevDetail", format: formatNode, access: canGet, occurs: one,
	mo: "urn:oma:mo:oma-dm-devdetail:1.0", about: "Details of the device",
	nodes: []*node{
		{
			name: "URI", format: formatNode, access: canGet, occurs: one, about: "Limits of URIs, 0 is none",
			nodes: []*node{
				limit("MaxDepth", "Segments", func(id Identity) int { return id.MaxDepth }),
				limit("MaxTotLen", "Characters of a URI", func(id Identity) int { return id.MaxTotalLength }),
				limit("MaxSegLen", "Characters of a segment", func(id Identity) int { return id.MaxSegmentLength }),
			},
		},
		shown("DevTyp", "Type of the device", func(id Identity) string { return id.DeviceType }),
		shown("OEM", "Original equipment manufacturer", func(id Identity) string { return id.OEM }),
		shown("FwV", "Firmware version", func(id Identity) string { return id.FirmwareVersion }),
		shown("SwV", "Software version", func(id Identity) string { return id.SoftwareVersion }),
		shown("HwV", "Hardware version", func(id Identity) string { return id.HardwareVersion }),
		{
			// The session puts large objects together.
			name: "LrgObj", format: formatBool, access: canGet, occurs: one, about: "Whether large objects are supported",
			show: func(*Tree, place) string { return "true" },
		},
	},
}

// shown is a leaf that shows a text of the identity.
func shown(name, about string, value func(Identity) string) *node {
	return &node{
		name: name, format: formatChr, access: canGet, occurs: one, about: about,
		show: func(t *Tree, _ place) string { return printable(value(t.identity)) },
	}
}

// limit is a leaf that shows a limit as it is enforced.
func limit(name, about string, value func(Identity) int) *node {
	return &node{
		name: name, format: formatChr, access: canGet, occurs: one, about: about,
		show: func(t *Tree, _ place) string { return strconv.Itoa(value(t.limits())) },
	}
}

// printable drops what an XML document cannot carry. What LwM2M devices call
// themselves is not under our control, and DevInfo has to go out all the same.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !tree.IsText(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
}

// DevInfo returns the leaves of ./DevInfo for package 1, in the order of the
// table.
func (t *Tree) DevInfo() []syncml.Item {
	items := make([]syncml.Item, 0, len(devInfo.nodes))
	for _, n := range devInfo.nodes {
		items = append(items, syncml.Item{
			Source: syncml.Location{URI: "./" + devInfo.name + "/" + n.name},
			Meta:   syncml.Meta{Format: n.format, Type: mimeText},
			Data:   []byte(n.show(t, place{})),
		})
	}
	return items
}
