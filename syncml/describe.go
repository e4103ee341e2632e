package syncml

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Describe writes m to w for a person: one element a line, indented, code
// names as comments beside the numbers. It looks like the XML of the message
// and is not meant to be parsed: bytes that are no text are shown by their
// number, and a message that no encoder would take is shown too. Credentials,
// nonces and the values of nodes that hold passwords are shown as [redacted]
// unless showSecrets is set. The error is that of w.
func Describe(w io.Writer, m *Message, showSecrets bool) error {
	p := &printSink{show: showSecrets}
	wr := &writer{sink: p, shown: true}
	wr.message(m)
	p.out.WriteByte('\n')
	_, err := w.Write(p.out.Bytes())
	return err
}

// printSink writes indented lines.
type printSink struct {
	out   bytes.Buffer
	show  bool
	depth int
	empty bool   // nothing was written since the element was opened
	uri   string // LocURI of the Item in hand
}

func (p *printSink) line() {
	if p.out.Len() > 0 {
		p.out.WriteByte('\n')
	}
	for range p.depth {
		p.out.WriteString("  ")
	}
}

func (p *printSink) open(t tag, name string) {
	p.line()
	p.tag("<", name)
	p.depth++
	p.empty = true
	if t == tagItem {
		p.uri = ""
	}
}

func (p *printSink) shut(_ tag, name string) {
	p.depth--
	if p.empty { // <Chal> becomes <Chal/>
		p.out.Truncate(p.out.Len() - 1)
		p.out.WriteString("/>")
	} else {
		p.line()
		p.tag("</", name)
	}
	p.empty = false
}

// tag writes a tag; the name of an unknown command is the sender's text.
func (p *printSink) tag(start, name string) {
	p.out.WriteString(start)
	escape(&p.out, visible(name))
	p.out.WriteByte('>')
}

// text writes the text of a leaf. An object in Data is easier to read as it is.
func (p *printSink) text(s string, kind leafKind) {
	s = visible(s)
	if kind == data && strings.Contains(s, "<") && !strings.Contains(s, "]]>") {
		p.out.WriteString("<![CDATA[" + s + "]]>")
		return
	}
	escape(&p.out, s)
}

func (p *printSink) leaf(t tag, text string, kind leafKind) string {
	p.empty = false
	p.line()
	name := elements[t].name
	if t == tagLocURI {
		p.uri = text
	}
	hidden := kind == secret || kind == data && secretNode(p.uri)
	comment := ""
	switch {
	case text == "":
		p.out.WriteString("<" + name + "/>")
		return ""
	case hidden && !p.show:
		text = redacted
	case kind == data && !utf8.ValidString(text):
		comment = fmt.Sprintf("%d bytes, not text", len(text))
	}
	p.out.WriteString("<" + name + ">")
	p.text(text, kind)
	p.out.WriteString("</" + name + ">")
	p.note(comment)
	return ""
}

func (p *printSink) note(text string) {
	if text != "" {
		p.out.WriteString(" <!-- " + text + " -->")
	}
}

// secretNodes are the names of nodes whose value is a credential: of the DM
// account, 1.2 and 1.1.2 (oma-dm.md 8.9).
var secretNodes = []string{"AAuthSecret", "AAuthData", "ServerPW", "ServerNonce", "ClientPW", "ClientNonce"}

func secretNode(uri string) bool {
	path, _, _ := strings.Cut(uri, "?")
	last := path[strings.LastIndexByte(path, '/')+1:]
	for _, n := range secretNodes {
		if strings.EqualFold(last, n) {
			return true
		}
	}
	return false
}

// visible is s without characters that a terminal would act on or hide: they,
// and bytes that are not UTF-8, become \xNN or \uNNNN. Line ends and tabs stay.
func visible(s string) string {
	clean := func(r rune) bool { return r != utf8.RuneError && (unicode.IsPrint(r) || r == '\n' || r == '\t') }
	var b strings.Builder
	for i, n := 0, 0; i < len(s); i += n {
		var r rune
		r, n = utf8.DecodeRuneInString(s[i:])
		switch {
		case clean(r) || r == utf8.RuneError && n > 1:
			b.WriteRune(r)
		case r < 0x100 || r == utf8.RuneError:
			for _, c := range []byte(s[i : i+n]) {
				fmt.Fprintf(&b, `\x%02x`, c)
			}
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}
