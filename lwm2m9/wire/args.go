package wire

import (
	"fmt"
	"strings"
)

// MaxArguments is how many arguments an Execute can have: they are numbered
// with one digit, and none comes twice.
const MaxArguments = 10

// Argument is one argument of an Execute: a digit, and a value if there is one.
type Argument struct {
	ID       uint8 // 0 to 9
	Value    string
	HasValue bool // 0='' has an empty value, 0 has none
}

// ParseArguments reads the arguments of an Execute, 0='x',1 (LwM2M 1.1 Core,
// 6.3.5). An empty payload is no arguments. Spaces around an argument are
// accepted. The error is a [*SyntaxError].
func ParseArguments(b []byte) ([]Argument, error) {
	p := scanner{format: "arguments", s: string(b)}
	if len(b) > MaxText {
		p.off = MaxText
		p.fail("payload is too long")
	}
	p.skipSpace()
	if p.done() {
		return nil, p.error()
	}
	var args []Argument
	var seen [MaxArguments]bool
	for {
		start := p.off
		a := p.argument()
		if p.err == nil && seen[a.ID] {
			p.off = start
			p.fail("an argument comes twice")
		}
		if p.err != nil {
			return nil, p.err
		}
		seen[a.ID] = true
		args = append(args, a)
		p.skipSpace()
		if p.done() {
			return args, nil
		}
		p.expect(',')
		p.skipSpace()
	}
}

// argument reads a digit and, after an equals sign, a value in single quotes.
func (p *scanner) argument() Argument {
	c := p.peek()
	if c < '0' || c > '9' {
		p.fail("an argument begins with a digit")
		return Argument{}
	}
	p.next()
	a := Argument{ID: c - '0'}
	if p.peek() != '=' {
		return a
	}
	p.next()
	p.expect('\'')
	start := p.off
	for argumentChar(p.peek()) {
		p.next()
	}
	a.Value, a.HasValue = p.s[start:p.off], true
	p.expect('\'')
	return a
}

// argumentChar is CHAR of the grammar: printable ASCII but the space, both
// quotes and the backslash.
func argumentChar(c byte) bool {
	return c > ' ' && c < 0x7f && c != '"' && c != '\'' && c != '\\'
}

// AppendArguments appends the arguments as text. It fails for a number over
// 9, one that comes twice, and characters that no value may have; dst is
// returned unchanged then.
func AppendArguments(dst []byte, args ...Argument) ([]byte, error) {
	out := dst
	var seen [MaxArguments]bool
	for i, a := range args {
		if a.ID >= MaxArguments || seen[a.ID] {
			return dst, fmt.Errorf("wire: argument %d: not one digit, or twice", a.ID)
		}
		seen[a.ID] = true
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, '0'+a.ID)
		if !a.HasValue {
			continue
		}
		if strings.IndexFunc(a.Value, func(r rune) bool { return r > 0x7f || !argumentChar(byte(r)) }) >= 0 {
			return dst, fmt.Errorf("wire: argument %d: a character that may not stand in a value", a.ID)
		}
		out = append(out, '=', '\'')
		out = append(out, a.Value...)
		out = append(out, '\'')
	}
	return out, nil
}
