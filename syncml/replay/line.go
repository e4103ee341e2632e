package replay

import (
	"bytes"
	"strings"

	"github.com/fwbridge/fwbridge/syncml"
)

// line is one line of a message as [syncml.Describe] shows it.
type line struct {
	depth int
	path  string // elements from the root: "SyncML/SyncBody/Status/Data"
	key   string // what is compared
	text  string // what is shown: without secrets
}

// lines renders a canonical message. Its secrets take part in the comparison
// and are not shown.
func lines(m *syncml.Message, ignore []string) []line {
	keys, texts := describe(m, true), describe(m, false)
	var (
		out  []line
		path []string
		skip = -1 // depth of an element that is ignored
	)
	for i, key := range keys {
		depth := (len(key) - len(strings.TrimLeft(key, " "))) / 2
		key = strings.TrimSpace(key)
		name, closing := elementOf(key)
		path = append(path[:min(depth, len(path))], name)
		if skip >= 0 && (depth > skip || depth == skip && closing) {
			continue
		}
		skip = -1
		l := line{depth: depth, path: strings.Join(path, "/"), key: key, text: strings.TrimSpace(texts[i])}
		if blank, ok := l.hidden(); ok {
			l.key, l.text = blank, blank
		}
		switch {
		case key == "<CmdID/>", key == "<MsgID/>": // numbers that fit, see canonical
		case ignored(l.path, ignore):
			if !strings.Contains(key, "</") && !strings.Contains(key, "/>") {
				skip = depth
			}
		default:
			out = append(out, l)
		}
	}
	return out
}

// describe is the message in lines.
func describe(m *syncml.Message, secrets bool) []string {
	var b bytes.Buffer
	_ = syncml.Describe(&b, m, secrets) // a bytes.Buffer takes everything
	return strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
}

// elementOf is the name of the element that a line begins or ends.
func elementOf(text string) (name string, closing bool) {
	name = strings.TrimPrefix(text, "<")
	name, closing = strings.CutPrefix(name, "/")
	if i := strings.IndexAny(name, "/> "); i >= 0 {
		name = name[:i]
	}
	return name, closing
}

// hidden says what stands for a value that may differ.
func (l line) hidden() (string, bool) {
	if l.key == "<NextNonce/>" || l.key == "<Data/>" {
		return "", false
	}
	switch {
	case strings.HasSuffix(l.path, "/NextNonce"):
		return "<NextNonce>(nonce)</NextNonce>", true
	case strings.HasSuffix(l.path, "/Cred/Data"):
		return "<Data>(" + strings.TrimSuffix(strings.TrimPrefix(l.key, "<Data>"), "</Data>") + ")</Data>", true
	}
	return "", false
}

// ignored says whether the path ends in one of the patterns, element by
// element.
func ignored(path string, patterns []string) bool {
	for _, p := range patterns {
		if strings.HasSuffix("/"+path, "/"+strings.Trim(p, "/")) {
			return true
		}
	}
	return false
}
