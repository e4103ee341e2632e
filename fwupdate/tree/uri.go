package tree

import (
	"errors"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/fwbridge/fwbridge/syncml"
)

// Limits of an address, as ./DevDetail/URI shows them; all are in force.
type Limits struct {
	Depth   int // segments, without the leading "."
	Total   int // bytes of the URI as it was written, properties included
	Segment int // bytes of a segment, as it was written and as it is shown
}

var (
	errMalformed = errors.New("malformed URI")
	errTooLong   = errors.New("URI over the limits of ./DevDetail/URI")
	errSuffix    = errors.New("unknown property or list")
)

// Address is a parsed URI: a node, one of its properties, or a list.
type Address struct {
	Path     Path
	Property Property // of ?prop=; NoProperty without one
	List     List     // of ?list=; the zero value without one
}

// ParseURI reads a URI (TND 1.2, "The Management Tree" and "Property
// addressing"). "./A" and "A" are the same, and so are {x}, %7Bx%7D and
// %7bx%7d.
//
// Over a limit it is 414, with a property or a list that is not known 406.
// What cannot be the address of any node ("/A", "A/", "A//B", "A/../B", a
// broken escape) is 404: the node does not exist, and 404 is what servers
// expect for a wrong address, while 400 speaks of the message as a whole.
func ParseURI(uri string, lim Limits) (Address, error) {
	if len(uri) > lim.Total {
		return Address{}, Refuse(syncml.StatusURITooLong, uri[:lim.Total], errTooLong)
	}
	name, suffix, isSuffix := strings.Cut(uri, "?")
	at := Address{Path: Root}
	if name != "." {
		raw := strings.Split(strings.TrimPrefix(name, "./"), "/")
		if len(raw) > lim.Depth {
			return Address{}, Refuse(syncml.StatusURITooLong, uri, errTooLong)
		}
		at.Path = Path(strings.TrimPrefix(name, "./"))
		asPath := true // it is written as paths are
		for i, r := range raw {
			s, err := segment(uri, r, lim.Segment)
			if err != nil {
				return Address{}, err
			}
			raw[i], asPath = s, asPath && s == r
		}
		if !asPath {
			at.Path = Path(strings.Join(raw, "/"))
		}
	}
	if isSuffix && !at.suffix(suffix) {
		return Address{}, Refuse(syncml.StatusUnsupportedFeature, uri, errSuffix)
	}
	return at, nil
}

// segment is one segment as paths have it. A name that is too long as lists show
// it is refused too: it could not be asked for.
func segment(uri, raw string, limit int) (string, error) {
	if len(raw) > limit {
		return "", Refuse(syncml.StatusURITooLong, uri, errTooLong)
	}
	name, ok := Unescape(raw)
	if !ok {
		return "", Refuse(syncml.StatusNotFound, uri, errMalformed)
	}
	s := Escape(name)
	if len(s) > limit {
		return "", Refuse(syncml.StatusURITooLong, uri, errTooLong)
	}
	return s, nil
}

// suffix reads what stands behind the "?".
func (a *Address) suffix(s string) (ok bool) {
	what, value, _ := strings.Cut(s, "=")
	switch what {
	case "prop":
		a.Property, ok = propertyNamed(value)
	case "list":
		a.List, ok = parseList(value)
	}
	return ok
}

// Unescape turns a segment as written into the name it stands for. It is
// false for names that no node can have: of dots they would not be
// addressable, with control characters not printable.
func Unescape(segment string) (string, bool) {
	name, err := url.PathUnescape(segment)
	if err != nil || name == "" || name == "." || name == ".." || !utf8.ValidString(name) {
		return "", false
	}
	for _, r := range name {
		if r < ' ' || !IsText(r) {
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
	first := 0
	for first < len(name) && isPlain(name[first]) {
		first++
	}
	if first == len(name) {
		return name
	}
	var b strings.Builder
	b.WriteString(name[:first])
	for i := first; i < len(name); i++ {
		if c := name[i]; isPlain(c) {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	return b.String()
}

// isPlain says whether a byte stands for itself in a segment.
func isPlain(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte(plain, c) >= 0
}

// IsText says whether XML 1.0 can carry the character.
func IsText(r rune) bool {
	switch {
	case r == '\t', r == '\n', r == '\r':
		return true
	case r < ' ', r == 0x7f, r == 0xfffe, r == 0xffff:
		return false
	}
	return true
}

// IsValue says whether a value can stand in a leaf of text.
func IsValue(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !IsText(r) })
}

// Refuse is the error for a refused command.
func Refuse(code syncml.Code, uri string, why error) error {
	return &syncml.StatusError{Code: code, URI: uri, Err: why}
}
