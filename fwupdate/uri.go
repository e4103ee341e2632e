package fwupdate

import (
	"github.com/fwbridge/fwbridge/fwupdate/tree"
	"github.com/fwbridge/fwbridge/syncml"
)

// Limits of the tree. Those of URIs are shown in ./DevDetail/URI; an
// [Identity] may lower them.
const (
	MaxDepth         = 8    // segments of a URI, without the leading "."
	MaxTotalLength   = 1024 // bytes of a URI as it was written, properties included
	MaxSegmentLength = 256  // bytes of a segment as it was written
	MaxPackages      = 64   // children of ./FwUpdate
	MaxName          = 512  // bytes of PkgName
	MaxVersion       = 255  // bytes of PkgVersion
	MaxURL           = 2048 // bytes of PkgURL
	MaxCorrelator    = 255  // bytes of the Correlator of an Exec
)

// limits returns the identity with the limits in force: its own where they
// are stricter than the constants.
func (t *Tree) limits() Identity {
	id := t.identity
	id.MaxDepth = stricter(id.MaxDepth, MaxDepth)
	id.MaxTotalLength = stricter(id.MaxTotalLength, MaxTotalLength)
	id.MaxSegmentLength = stricter(id.MaxSegmentLength, MaxSegmentLength)
	return id
}

func stricter(configured, limit int) int {
	if configured > 0 && configured < limit {
		return configured
	}
	return limit
}

// locate finds the place that a URI names. The error is about the URI itself:
// 404, 406 or 414.
func (t *Tree) locate(uri string) (place, error) {
	lim := t.limits()
	addr, err := tree.ParseURI(uri, tree.Limits{Depth: lim.MaxDepth, Total: lim.MaxTotalLength, Segment: lim.MaxSegmentLength})
	if err != nil {
		return place{}, err
	}
	at := t.at(addr.Path)
	at.uri, at.Address = uri, addr
	return at, nil
}

// Escape writes a name as one segment of a URI: every byte of its UTF-8 that
// a segment cannot hold is %-escaped, "/" included.
func Escape(name string) string { return tree.Escape(name) }

// UpdateURI is the address of the DownloadAndUpdate of a package, as the final
// notification names it.
func UpdateURI(id string) string {
	return "./" + fwUpdate.name + "/" + Escape(id) + "/" + fwUpdate.nodes[0].nodes[0].name
}

// packagePath is ./FwUpdate/x.
func packagePath(id string) tree.Path { return tree.Root.Child(fwUpdate.name).Child(id) }

func refuse(code syncml.Code, uri string, why error) error {
	return tree.Refuse(code, uri, why)
}
