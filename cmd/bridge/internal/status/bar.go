package status

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/transfer"
)

// barWidth is the width of a bar in characters.
const barWidth = 24

// Bar draws how many bytes of a total have come; without a total there is none.
func Bar(bytes, total int64) string {
	if total <= 0 {
		return "[" + strings.Repeat("?", barWidth) + "]"
	}
	full := int(min(bytes, total) * barWidth / total)
	return "[" + strings.Repeat("#", full) + strings.Repeat(".", barWidth-full) + "]"
}

// Bytes is a number of bytes for people: "1.2 MB".
func Bytes(n float64) string { return transfer.Bytes(n) }

// Line is a transfer in one line: bar, share, bytes, rate, and the time that is
// left at that rate.
func Line(bytes, total int64, rate float64) string {
	s := soFar(bytes, total, rate)
	if left := total - bytes; rate > 0 && left > 0 {
		s += "  " + time.Duration(float64(left)/rate*float64(time.Second)).Round(time.Second).String() + " left"
	}
	return s
}

// soFar is Line of what does not go on, or nobody knows how long.
func soFar(bytes, total int64, rate float64) string {
	s := Bar(bytes, total)
	if total > 0 {
		s += fmt.Sprintf(" %3d%%  %s of %s", min(bytes, total)*100/total, Bytes(float64(bytes)), Bytes(float64(total)))
	} else {
		s += "  " + Bytes(float64(bytes))
	}
	if rate > 0 {
		s += "  " + Bytes(rate) + "/s"
	}
	return s
}

// Progress shows one transfer to who waits for it: on a terminal as a bar that
// is drawn over and over, elsewhere as a plain line for each tenth. It is for
// one goroutine.
type Progress struct {
	Out      io.Writer
	Terminal bool
	Name     string // what is under way, in a word

	tenth int64
	drawn bool
}

// Show draws how far it is.
func (p *Progress) Show(bytes, total int64, rate float64) {
	if p.Terminal {
		fmt.Fprintf(p.Out, "\r\x1b[K%s %s", p.Name, Line(bytes, total, rate))
		p.drawn = true
		return
	}
	if total <= 0 || bytes <= 0 {
		return
	}
	if tenth := bytes * 10 / total; tenth > p.tenth {
		p.tenth = tenth
		fmt.Fprintf(p.Out, "%s %d%% (%s of %s)\n", p.Name, bytes*100/total, Bytes(float64(bytes)), Bytes(float64(total)))
	}
}

// Note prints a line of its own.
func (p *Progress) Note(text string) {
	p.End()
	p.tenth = 0 // it may begin again
	fmt.Fprintln(p.Out, text)
}

// End leaves the line of the bar.
func (p *Progress) End() {
	if p.drawn {
		fmt.Fprintln(p.Out)
		p.drawn = false
	}
}
