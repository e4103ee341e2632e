package demo

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/engine"
	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/lwm2m9"
)

// printer writes what happens, in the order in which it became durable. Only
// its own goroutine and, before and after the devices run, the stage write.
type printer struct {
	out     io.Writer
	color   bool
	names   map[string]string
	last    map[string]string // the last line of each device
	began   time.Time
	entries chan engine.Entry
	drained chan struct{}
}

// backlog is how many lines may wait for a slow terminal; more are dropped,
// because the engine must not wait for it.
const backlog = 1 << 14

func newPrinter(out io.Writer, color bool, parts []part) *printer {
	p := &printer{out: out, color: color, names: map[string]string{}, last: map[string]string{}, began: time.Now(), entries: make(chan engine.Entry, backlog), drained: make(chan struct{})}
	for _, part := range parts {
		p.names[part.endpoint] = part.name
	}
	return p
}

// entry takes a line of the time line; it never waits.
func (p *printer) entry(e engine.Entry) {
	select {
	case p.entries <- e:
	default:
	}
}

func (p *printer) run(ctx context.Context) {
	defer close(p.drained)
	for {
		select {
		case e := <-p.entries:
			if e.Endpoint == "" { // a mark: all before it is written
				p.drained <- struct{}{}
				continue
			}
			p.line(e)
		case <-ctx.Done():
			return
		}
	}
}

// flush returns when every line so far is written.
func (p *printer) flush() {
	p.entries <- engine.Entry{}
	<-p.drained
}

func (p *printer) line(e engine.Entry) {
	object := e.Object()
	if e.View.Object == lwm2m9.StateUnknown {
		object = "-"
	}
	note := e.Note
	if note == "" && e.View.Result.Failed() {
		note = e.View.Result.String()
	}
	line := fmt.Sprintf("%s %-18s %s", p.paint(e.View.State, fmt.Sprintf("%-26s", e.Legacy())), object, note)
	if p.last[e.Endpoint] == line {
		return // only the phase has changed
	}
	p.last[e.Endpoint] = line
	fmt.Fprintf(p.out, "%7.3fs  %-10s %s\n", time.Since(p.began).Seconds(), p.names[e.Endpoint], line)
}

const (
	green = "\x1b[32m"
	red   = "\x1b[31m"
	plain = "\x1b[0m"
)

func (p *printer) paint(s fwupdate.State, text string) string {
	switch {
	case !p.color || !s.Final():
		return text
	case s == fwupdate.StateUpdateSuccessful:
		return green + text + plain
	}
	return red + text + plain
}

func (p *printer) title(s *stage) {
	fmt.Fprintf(p.out, `A legacy OMA DM server that knows only ./FwUpdate updates %d LwM2M devices that know only Object 9.

  DM server %s  <-- SyncML/HTTP -->  bridge  <-- CoAP -->  %d devices
  packages  %s        API of the bridge: %s/api/v1/devices

`, len(s.parts), s.dmURL, len(s.parts), s.packs, s.apiURL)
	fmt.Fprintf(p.out, "%8s  %-10s %-26s %-18s %s\n", "time", "device", "./FwUpdate State", "Object 9", "")
}

// ending is how one device ended, seen from both sides.
type ending struct {
	part
	told   string // what the DM server was told
	object string // what the device shows
	good   bool
}

// summary writes the table and says whether all ended well.
func (p *printer) summary(ends []ending) bool {
	p.flush()
	fmt.Fprintln(p.out)
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "device\tstory\tDM server was told\tdevice shows\tas it should")
	all := true
	for _, e := range ends {
		all = all && e.good
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", e.name, e.story, e.told, e.object, map[bool]string{true: "yes", false: "NO"}[e.good])
	}
	w.Flush()
	return all
}

func (p *printer) goOn(api string) {
	fmt.Fprintf(p.out, "\nThe bridge goes on: look at %s/api/v1/devices; Ctrl-C ends it.\n", api)
}
