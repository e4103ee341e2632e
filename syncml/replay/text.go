package replay

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
)

// The colours of a diff: red for what is missing, green for what is new, as
// other tools have it.
var colours = map[Op]string{Missing: "\x1b[31m", Extra: "\x1b[32m"}

const noColour = "\x1b[0m"

// WriteText writes what was different, for people: per message the path of
// each difference and its lines, those only recorded with -, those only live
// with +. Nothing is written for a message that was as recorded. The error is
// that of w.
func (r *Result) WriteText(w io.Writer, colour bool) error {
	var b strings.Builder
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "  note: %s\n", n)
	}
	for _, s := range r.Steps {
		s.write(&b, colour)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (s Step) write(b *strings.Builder, colour bool) {
	if s.OK() {
		return
	}
	fmt.Fprintf(b, "  %s", s.Message)
	if s.Fault != "" {
		fmt.Fprintf(b, ": %s", s.Fault)
	}
	b.WriteByte('\n')
	for _, h := range s.Diff.Hunks() {
		fmt.Fprintf(b, "    %s", strings.TrimPrefix(h.Path, "SyncML/"))
		if h.URI != "" {
			fmt.Fprintf(b, " (%s)", h.URI)
		}
		b.WriteByte('\n')
		shallow := slices.MinFunc(h.Lines, func(x, y Line) int { return cmp.Compare(x.Depth, y.Depth) }).Depth
		for _, l := range h.Lines {
			l.Depth -= shallow // what is around it is in the path
			l.write(b, "      ", colour)
		}
	}
}

// String is the whole diff without colours, one line a line of the message.
func (d Diff) String() string {
	var b strings.Builder
	for _, l := range d {
		l.write(&b, "", false)
	}
	return b.String()
}

func (l Line) write(b *strings.Builder, margin string, colour bool) {
	text := margin + l.Op.String() + " " + strings.Repeat("  ", l.Depth) + l.Text
	if c := colours[l.Op]; c != "" && colour {
		text = c + text + noColour
	}
	b.WriteString(text + "\n")
}
