package syncml

import (
	"strings"
	"unicode/utf8"
)

// What a byte is to the reader of usual XML.
const (
	inName     = 1 << iota // in a name, not at its beginning
	beginsName             // anywhere in a name
	special                // has to be looked at in text that is read
	forbidden              // cannot stand in XML, or not as it is
	asEntity               // is written as one of entities
	beyond                 // of a character beyond ASCII
)

var xmlBytes = func() (all [256]uint8) {
	for c := range ' ' {
		all[c] = special | forbidden
	}
	all['\t'], all['\n'] = 0, 0
	for _, c := range []byte("<&>") {
		all[c] = special
	}
	for _, e := range entities {
		all[e.text[0]] |= asEntity
	}
	for c := utf8.RuneSelf; c < len(all); c++ {
		all[c] = beyond
	}
	for c := 'a'; c <= 'z'; c++ {
		all[c], all[c-'a'+'A'] = beginsName, beginsName
	}
	all['_'] = beginsName
	for _, c := range []byte("0123456789-.") {
		all[c] = inName
	}
	return all
}()

// asItStands says that a text has no character that XML forbids, and no
// carriage return, which XML changes.
func asItStands(s string) bool {
	for i := range len(s) {
		if xmlBytes[s[i]]&forbidden != 0 {
			return false
		}
	}
	return true
}

// chars reads characters up to the next markup.
func (x *xmlText) chars() bool {
	from, i := x.pos, x.pos
	for i < len(x.text) && xmlBytes[x.text[i]]&special == 0 {
		i++
	}
	x.pos = i
	if i < len(x.text) && x.text[i] != '<' {
		return x.rewrite(from)
	}
	return x.put(x.text[from:i])
}

// rewrite is chars for a text that does not stand for itself: it has entities
// or carriage returns. It begins at from; x.pos is at the first of them.
func (x *xmlText) rewrite(from int) bool {
	size := strings.IndexByte(x.text[from:], '<')
	if size < 0 {
		return false // outside the root
	}
	raw := x.text[from : from+size]
	x.rewritten.room(size)
	out := &x.rewritten.texts
	begin, done := out.Len(), 0
	for i := x.pos - from; i < size; {
		skip, as := 1, ""
		switch c := raw[i]; {
		case xmlBytes[c]&special == 0:
			i++
			continue
		case c == '>':
			if strings.HasSuffix(raw[:i], "]]") { // which must not stand in text
				return false
			}
			i++
			continue
		case c == '&':
			if skip, as = entity(raw[i:]); skip == 0 {
				return false
			}
		case c == '\r': // ends a line, with or without a line feed (XML 1.0, 2.11)
			if as = "\n"; strings.HasPrefix(raw[i:], "\r\n") {
				as = ""
			}
		default:
			return false
		}
		out.WriteString(raw[done:i])
		out.WriteString(as)
		i += skip
		done = i
	}
	out.WriteString(raw[done:])
	x.pos = from + size
	return x.put(out.String()[begin:])
}

// entities are the five of XML.
var entities = [...]struct{ name, text string }{
	{"&amp;", "&"}, {"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", `"`}, {"&apos;", "'"},
}

// entity is the length of the entity that s begins with and what it stands
// for; 0 if it is another.
func entity(s string) (int, string) {
	for i := range entities {
		if e := &entities[i]; strings.HasPrefix(s, e.name) {
			return len(e.name), e.text
		}
	}
	return 0, ""
}

// entityOf is how c is written.
func entityOf(c byte) string {
	for i := range entities {
		if entities[i].text[0] == c {
			return entities[i].name
		}
	}
	return ""
}

// put makes s the text of the innermost element.
func (x *xmlText) put(s string) bool {
	n := x.cur
	switch {
	case s == "":
		return true
	case n != nil && elements[n.tag].holds.text():
		// Texts in pieces are not usual.
		if n.text != "" {
			return false
		}
		n.text, n.plain = s, s[0] > ' ' && s[len(s)-1] > ' '
		return true
	case n != nil && (n.tag == noTag || elements[n.tag].holds == isFlag):
		return true // nobody reads it
	}
	return blank(s)
}

const (
	commentBegin, commentEnd = "<!--", "-->"
	cdataBegin, cdataEnd     = "<![CDATA[", "]]>"
)

func (x *xmlText) comment() bool {
	text, rest, ok := strings.Cut(x.text[x.pos+len(commentBegin):], commentEnd)
	x.pos = len(x.text) - len(rest)
	return ok && asItStands(text) && !strings.Contains(text, "--") && !strings.HasSuffix(text, "-")
}

func (x *xmlText) cdata() bool {
	text, rest, ok := strings.Cut(x.text[x.pos+len(cdataBegin):], cdataEnd)
	x.pos = len(x.text) - len(rest)
	return ok && x.cur != nil && asItStands(text) && x.put(text)
}
