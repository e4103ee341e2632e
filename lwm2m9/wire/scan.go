package wire

// scanner reads text byte by byte. It keeps its first error; after it, and at
// the end, every byte is 0 and nothing moves.
type scanner struct {
	format string
	s      string
	off    int
	err    *SyntaxError
}

func (p *scanner) fail(reason string) {
	if p.err == nil {
		p.err = &SyntaxError{Format: p.format, Offset: p.off, Reason: reason}
	}
}

// error is err as an interface, nil when there is none.
func (p *scanner) error() error {
	if p.err == nil {
		return nil
	}
	return p.err
}

func (p *scanner) done() bool { return p.err != nil || p.off >= len(p.s) }

func (p *scanner) peek() byte {
	if p.done() {
		return 0
	}
	return p.s[p.off]
}

func (p *scanner) next() byte {
	c := p.peek()
	if !p.done() {
		p.off++
	}
	return c
}

// expect passes one byte that has to be c.
func (p *scanner) expect(c byte) {
	if p.done() || p.s[p.off] != c {
		p.fail("expected " + string(rune(c)))
		return
	}
	p.off++
}

func (p *scanner) skipSpace() {
	for !p.done() && isSpace(p.s[p.off]) {
		p.off++
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }
