package fwupdate

import (
	"errors"
	"net/url"
	"strings"
	"unicode/utf8"

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

var (
	errMalformed = errors.New("malformed URI")
	errTooLong   = errors.New("URI over the limits of ./DevDetail/URI")
	errSuffix    = errors.New("properties and lists are not supported")
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

// parse splits a URI into its unescaped segments; the root gives none. "./A"
// and "A" are the same (DM Tree and Description 1.2, "The Management Tree").
//
// What cannot be the address of any node ("/A", "A/", "A//B", "A/../B", a
// broken escape) is 404: the node does not exist, and 404 is what servers
// expect for a wrong address, while 400 speaks of the message as a whole.
func (t *Tree) parse(uri string) ([]string, error) {
	lim := t.limits()
	if len(uri) > lim.MaxTotalLength {
		return nil, refuse(syncml.StatusURITooLong, uri[:lim.MaxTotalLength], errTooLong)
	}
	path, _, suffix := strings.Cut(uri, "?")
	var segments []string
	if path != "." {
		raw := strings.Split(strings.TrimPrefix(path, "./"), "/")
		if len(raw) > lim.MaxDepth {
			return nil, refuse(syncml.StatusURITooLong, uri, errTooLong)
		}
		for _, r := range raw {
			if len(r) > lim.MaxSegmentLength {
				return nil, refuse(syncml.StatusURITooLong, uri, errTooLong)
			}
			s, ok := unescape(r)
			if !ok {
				return nil, refuse(syncml.StatusNotFound, uri, errMalformed)
			}
			if len(Escape(s)) > lim.MaxSegmentLength {
				// A list would show a name that cannot be asked for.
				return nil, refuse(syncml.StatusURITooLong, uri, errTooLong)
			}
			segments = append(segments, s)
		}
	}
	if suffix {
		return nil, refuse(syncml.StatusUnsupportedFeature, uri, errSuffix)
	}
	return segments, nil
}

// unescape turns a segment as written into the name it stands for, so that
// {x}, %7Bx%7D and %7bx%7d are one node. A name of dots would not be
// addressable, and one with control characters not printable.
func unescape(segment string) (string, bool) {
	name, err := url.PathUnescape(segment)
	if err != nil || name == "" || name == "." || name == ".." || !utf8.ValidString(name) {
		return "", false
	}
	for _, r := range name {
		if r < ' ' || !isText(r) {
			return "", false
		}
	}
	return name, true
}

// plain holds the characters beside letters and digits that stand for
// themselves in a segment: those that deployed clients take there.
const plain = ":@&=+$,-_!~*'()."

// Escape writes a name as one segment of a URI: every byte of its UTF-8 that
// a segment cannot hold is %-escaped, "/" included.
func Escape(name string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(name) {
		c := name[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte(plain, c) >= 0:
			b.WriteByte(c)
		default:
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	return b.String()
}

// UpdateURI is the address of the DownloadAndUpdate of a package, as the final
// notification names it.
func UpdateURI(id string) string {
	return "./" + fwUpdate.name + "/" + Escape(id) + "/" + fwUpdate.nodes[0].nodes[0].name
}

// isText says whether XML 1.0 can carry the character.
func isText(r rune) bool {
	switch {
	case r == '\t', r == '\n', r == '\r':
		return true
	case r < ' ', r == 0x7f, r == 0xfffe, r == 0xffff:
		return false
	}
	return true
}

func refuse(code syncml.Code, uri string, why error) error {
	return &syncml.StatusError{Code: code, URI: uri, Err: why}
}
