package syncml

import "fmt"

// Where a pointer inside a structure meets a verb that does not fit it, such
// as %s, fmt prints what it points to without calling any method, Secret's
// included. The types below therefore print themselves, under every verb.

// Format implements [fmt.Formatter].
func (m *Message) Format(f fmt.State, _ rune) { show(f, m) }

// Format implements [fmt.Formatter].
func (c *Cred) Format(f fmt.State, _ rune) { show(f, c) }

// Format implements [fmt.Formatter].
func (c *Chal) Format(f fmt.State, _ rune) { show(f, c) }

// Format implements [fmt.Formatter].
func (s *Status) Format(f fmt.State, _ rune) { show(f, s) }

// Format implements [fmt.Formatter].
func (r *Results) Format(f fmt.State, _ rune) { show(f, r) }

// Format implements [fmt.Formatter].
func (a *Alert) Format(f fmt.State, _ rune) { show(f, a) }

// Format implements [fmt.Formatter].
func (o *Op) Format(f fmt.State, _ rune) { show(f, o) }

// Format implements [fmt.Formatter].
func (b *Block) Format(f fmt.State, _ rune) { show(f, b) }

// show writes *p, whose own fields do have their methods called.
func show[T any](f fmt.State, p *T) {
	if p == nil {
		fmt.Fprint(f, "<nil>")
		return
	}
	fmt.Fprintf(f, "&%+v", *p)
}
