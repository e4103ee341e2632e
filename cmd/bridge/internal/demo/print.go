package demo

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/engine"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/legacy"
	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/lwm2m9"
)

// printer writes what happens, in the order in which it became durable. Only
// its own goroutine and, before and after the devices run, the stage write.
type printer struct {
	out     io.Writer
	color   bool
	names   map[string]string // of devices, by what the bridge calls them
	last    map[string]string // the last line of each device
	began   time.Time
	rows    chan row
	drained chan struct{}
}

// row is one line of either direction. An empty key is a mark.
type row struct {
	key      string // what the bridge calls the device
	state    fwupdate.State
	fwUpdate string // State and its name
	object9  string
	note     string
}

// backlog is how many lines may wait for a slow terminal; more are dropped,
// because the bridge must not wait for it.
const backlog = 1 << 14

func newPrinter(s *stage) *printer {
	p := &printer{
		out: s.cfg.Out, color: s.cfg.Color, names: map[string]string{}, last: map[string]string{}, began: time.Now(),
		rows: make(chan row, backlog), drained: make(chan struct{}),
	}
	for _, part := range s.parts {
		p.names[part.endpoint] = part.name
	}
	if s.legacy != nil {
		for _, part := range s.legacy.parts {
			p.names[part.deviceID] = part.name
		}
	}
	return p
}

// entry takes a line of direction A; it never waits.
func (p *printer) entry(e engine.Entry) {
	r := row{key: e.Endpoint, state: e.View.State, fwUpdate: e.Legacy(), object9: e.Object(), note: e.Note}
	if e.View.Object == lwm2m9.StateUnknown {
		r.object9 = "-"
	}
	if r.note == "" && e.View.Result.Failed() {
		r.note = e.View.Result.String()
	}
	p.take(r)
}

// legacyEntry takes a line of direction B; it never waits.
func (p *printer) legacyEntry(e legacy.Entry) {
	r := row{key: e.Device, fwUpdate: cmp.Or(e.FwUpdate, "-"), object9: cmp.Or(e.Object9, "-"), note: e.Note}
	if number, _, ok := strings.Cut(e.FwUpdate, " "); ok {
		n, _ := strconv.ParseUint(number, 10, 8)
		r.state = fwupdate.State(n)
	}
	if _, name, ok := strings.Cut(e.Object9, " "); ok {
		r.object9 = name // every device has one instance
	}
	p.take(r)
}

func (p *printer) take(r row) {
	select {
	case p.rows <- r:
	default:
	}
}

func (p *printer) run(ctx context.Context) {
	defer close(p.drained)
	for {
		select {
		case r := <-p.rows:
			if r.key == "" { // a mark: all before it is written
				p.drained <- struct{}{}
				continue
			}
			p.line(r)
		case <-ctx.Done():
			return
		}
	}
}

// flush returns when every line so far is written.
func (p *printer) flush() {
	p.rows <- row{}
	<-p.drained
}

func (p *printer) line(r row) {
	line := fmt.Sprintf("%s %-18s %s", p.paint(r.state, fmt.Sprintf("%-26s", r.fwUpdate)), r.object9, r.note)
	if p.last[r.key] == line {
		return // only the phase has changed
	}
	p.last[r.key] = line
	fmt.Fprintf(p.out, "%7.3fs  %-10s %s\n", time.Since(p.began).Seconds(), p.names[r.key], line)
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
	n := len(s.parts)
	if s.dm != nil {
		fmt.Fprintf(p.out, `A: a legacy OMA DM server that knows only ./FwUpdate updates %d LwM2M devices that know only Object 9 ("device").

   DM server %s  <-- SyncML/HTTP -->  bridge  <-- CoAP -->  %d devices

`, n, s.dmURL, n)
	}
	if s.legacy != nil {
		n := len(s.legacy.parts)
		fmt.Fprintf(p.out, `B: an LwM2M server that knows only Object 9 updates %d legacy DM devices that know only ./FwUpdate ("legacy").

   LwM2M server %s  <-- CoAP -->  bridge %s  <-- SyncML/HTTP -->  %d devices

`, n, s.legacy.server.Addr(), s.legacy.url, n)
	}
	fmt.Fprintf(p.out, "   packages %s        API of the bridge: %s/api/v1\n\n", s.packs, s.apiURL)
	fmt.Fprintf(p.out, "%8s  %-10s %-26s %-18s %s\n", "time", "device", "./FwUpdate State", "Object 9", "")
}

// ending is how one device ended, seen from both sides.
type ending struct {
	part
	told   string // what the DM server was told
	object string // what the device shows
	good   bool
}

// summary writes the table of direction A and says whether all ended well.
func (p *printer) summary(ends []ending) bool {
	all := true
	var rows [][]string
	for _, e := range ends {
		all = all && e.good
		rows = append(rows, []string{e.name, e.story, e.told, e.object, yes(e.good)})
	}
	p.table([]string{"device", "story", "DM server was told", "device shows", "as it should"}, rows)
	return all
}

// legacySummary is summary for direction B.
func (p *printer) legacySummary(ends []legacyEnding) bool {
	all := true
	var rows [][]string
	for _, e := range ends {
		all = all && e.good
		rows = append(rows, []string{e.name, e.story, e.object, e.shows, yes(e.good)})
	}
	p.table([]string{"device", "story", "LwM2M server sees", "device shows", "as it should"}, rows)
	return all
}

func yes(good bool) string {
	if good {
		return "yes"
	}
	return "NO"
}

func (p *printer) table(head []string, rows [][]string) {
	fmt.Fprintln(p.out)
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	for _, r := range append([][]string{head}, rows...) {
		fmt.Fprintln(w, strings.Join(r, "\t"))
	}
	w.Flush()
}

func (p *printer) goOn(s *stage) {
	var at []string
	if s.dm != nil {
		at = append(at, s.apiURL+"/api/v1/devices")
	}
	if s.legacy != nil {
		at = append(at, s.apiURL+"/api/v1/legacy")
	}
	fmt.Fprintf(p.out, "\nThe bridge goes on: look at %s; Ctrl-C ends it.\n", strings.Join(at, " and "))
}
