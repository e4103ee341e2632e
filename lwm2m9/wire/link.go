package wire

import (
	"fmt"
	"strings"
)

// The limits of a link-format payload.
const (
	MaxLinkSize   = 64 << 10 // bytes in all
	MaxLinks      = 4096     // links in all
	MaxLinkParams = 32       // attributes of one link
)

// Link is one link of a link-format payload (RFC 6690): what stands between
// the angle brackets, and its attributes in order.
type Link struct {
	Path   string // as written, "/9/0"
	Params []Param
}

// Param is one attribute of a link. Quoted says whether the value stands in
// quotes; the same value means the same with and without.
type Param struct {
	Name     string
	Value    string
	HasValue bool
	Quoted   bool
}

// Param is the value of the first attribute of that name, and whether there is
// one; an attribute without a value has the value "".
func (l Link) Param(name string) (string, bool) {
	for _, p := range l.Params {
		if strings.EqualFold(p.Name, name) {
			return p.Value, true
		}
	}
	return "", false
}

// ParseLinks reads a link-format payload (RFC 6690, 2). Accepted beyond the
// grammar: white space around links and attributes, empty links between
// commas, and values without quotes that should have them. An empty payload is
// no links. The error is a [*SyntaxError].
func ParseLinks(b []byte) ([]Link, error) {
	p := scanner{format: "link-format", s: string(b)}
	if len(b) > MaxLinkSize {
		p.off = MaxLinkSize
		p.fail("payload is too long")
	}
	var links []Link
	for p.skipSpace(); !p.done(); p.skipSpace() {
		if p.peek() == ',' {
			p.next()
			continue
		}
		if len(links) == MaxLinks {
			p.fail("too many links")
			break
		}
		links = append(links, p.link())
		if p.skipSpace(); !p.done() {
			p.expect(',')
		}
	}
	if p.err != nil {
		return nil, p.err
	}
	return links, nil
}

func (p *scanner) link() Link {
	p.expect('<')
	start := p.off
	for isTarget(p.peek()) {
		p.next()
	}
	l := Link{Path: p.s[start:p.off]}
	if l.Path == "" {
		p.fail("a link without a target")
	}
	p.expect('>')
	for p.skipSpace(); p.peek() == ';'; p.skipSpace() {
		p.next()
		p.skipSpace()
		if c := p.peek(); c == ';' || c == ',' || c == 0 && p.done() {
			continue // an empty attribute, seen as a stray semicolon
		}
		if len(l.Params) == MaxLinkParams {
			p.fail("too many attributes")
		}
		l.Params = append(l.Params, p.param())
	}
	return l
}

func (p *scanner) param() Param {
	start := p.off
	for isParamName(p.peek()) {
		p.next()
	}
	a := Param{Name: p.s[start:p.off]}
	if a.Name == "" {
		p.fail("an attribute without a name")
	}
	if p.skipSpace(); p.peek() != '=' {
		return a
	}
	p.next()
	p.skipSpace()
	a.HasValue = true
	if p.peek() == '"' {
		a.Value, a.Quoted = p.quoted(), true
		return a
	}
	start = p.off
	for isUnquoted(p.peek()) {
		p.next()
	}
	a.Value = p.s[start:p.off]
	a.Quoted = mustQuote(a.Value)
	return a
}

// quoted reads a quoted-string (RFC 2616, 2.2): a backslash takes the next
// character as it is.
func (p *scanner) quoted() string {
	p.expect('"')
	var v strings.Builder
	for !p.done() && p.peek() != '"' {
		if p.peek() == '\\' {
			p.next()
		}
		if !isQuotable(p.peek()) {
			p.fail("a character that may not stand in a quoted value")
		}
		v.WriteByte(p.next())
	}
	p.expect('"')
	return v.String()
}

// AppendLinks appends the links as RFC 6690 writes them. It fails for what
// the grammar has no form for: an empty target, a target or a name with
// forbidden characters, control characters in a value. dst is returned
// unchanged then.
func AppendLinks(dst []byte, links ...Link) ([]byte, error) {
	out := dst
	for i, l := range links {
		if l.Path == "" || !all(l.Path, isTarget) {
			return dst, fmt.Errorf("wire: link %d: its target is empty or has a forbidden character", i)
		}
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, '<')
		out = append(out, l.Path...)
		out = append(out, '>')
		for _, a := range l.Params {
			if a.Name == "" || !all(a.Name, isParamName) || !all(a.Value, isQuotable) {
				return dst, fmt.Errorf("wire: link %d: an attribute that cannot be written", i)
			}
			out = appendParam(out, a)
		}
	}
	return out, nil
}

func appendParam(dst []byte, a Param) []byte {
	dst = append(dst, ';')
	dst = append(dst, a.Name...)
	if !a.HasValue {
		return dst
	}
	dst = append(dst, '=')
	if !a.Quoted && !mustQuote(a.Value) {
		return append(dst, a.Value...)
	}
	dst = append(dst, '"')
	for i := range len(a.Value) {
		if c := a.Value[i]; c == '"' || c == '\\' {
			dst = append(dst, '\\')
		}
		dst = append(dst, a.Value[i])
	}
	return append(dst, '"')
}
