package bridge

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/dmserver"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/lwm2mdevice"
	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/syncml"
)

// plan is all that happens to one device of a chaos run. It follows from the
// seed and the device's number alone, so that one device can be run again.
type plan struct {
	n         int
	endpoint  string
	dialect   lwm2m9.Dialect
	faults    []lwm2mdevice.Fault
	quirks    []dmserver.Quirk
	style     dmserver.Style
	behaviour string // of the package server
	version   syncml.Version
	encoding  syncml.Encoding
	instances []lwm2mdevice.Software
	object    string // LwM2M version
	root      string
	queue     bool
	non       bool
	respURI   bool
	poll      bool
	remove    bool
	lifetime  time.Duration
}

func (p plan) String() string {
	var faults, quirks []string
	for _, f := range p.faults {
		faults = append(faults, f.String())
	}
	for _, q := range p.quirks {
		quirks = append(quirks, q.String())
	}
	return fmt.Sprintf("%s: %s, faults [%s], quirks [%s], %s, package %s, DM %s %v, instances %v, queue %t, non %t, remove %t, poll %t, lifetime %v",
		p.endpoint, p.dialect, strings.Join(faults, " "), strings.Join(quirks, " "), p.style, p.behaviour,
		p.version.DTD, p.encoding, p.instances, p.queue, p.non, p.remove, p.poll, p.lifetime)
}

func (p plan) has(kinds ...lwm2mdevice.FaultKind) bool {
	for _, f := range p.faults {
		for _, k := range kinds {
			if f.Kind == k {
				return true
			}
		}
	}
	return false
}

func (p plan) quirky(kinds ...dmserver.QuirkKind) bool {
	for _, q := range p.quirks {
		for _, k := range kinds {
			if q.Kind == k {
				return true
			}
		}
	}
	return false
}

// What a plan draws from. {step} and the like stand for one of a list.
var (
	chaosFaults = []string{
		"download={result}", "integrity", "install", "install={result}", "activate", "uninstall",
		"refuse@{op}={code}*2", "refuse@{op}={code}*4", "refuse@{op}={code}", "refuse@any=5.03*3",
		"lose-answer@{op}*1", "lose-answer@{op}*2", "lose-answer@install*1", "lose-answer@install*1",
		"reboot@{step}", "reboot@{step}=lose", "reboot@{step}=hide", "reboot@{step}*2", "rebind@{step}",
		"silent@{step}", "stuck@{work}", "slow@{work}=150ms", "slow@{work}=400ms", "slow@{work}=4s", "slow@installing=300ms",
		"coalesce", "no-verified", "torn", "torn=20ms", "torn=40ms", "quiet", "stale-result", "ignore-unformatted", "wrong-state={code}",
		"nonsense=text", "nonsense=state*3", "nonsense=result*3", "nonsense=tlv", "nonsense=state", "no-observe",
		"drop=0.05", "drop=0.15", "drop=0.3", "repeat=0.3", "repeat=1", "delay=5ms", "delay=30ms",
	}
	chaosQuirks = []string{
		"drop-answer", "drop-answer@first", "drop-answer@exec", "drop-answer@alert", "drop-answer*2", "drop-answer@exec*2", "drop-answer@alert*2",
		"late=50ms", "late@alert=700ms", "late@exec=700ms", "http=500*2", "http=503", "http@alert=500", "http@first=404",
		"malformed", "malformed@exec", "malformed@alert", "stale-nonce", "stale-nonce*3", "unknown-device", "refuse-alert=500", "refuse-alert=401*2",
		"lose-alert", "lose-alert*2", "second-exec", "delete-running", "empty-session", "abort",
	}
	chaosWords = map[string][]string{
		"{result}": {"not-enough-storage", "out-of-memory", "connection-lost", "integrity-failure", "unsupported-type", "invalid-uri", "device-error"},
		"{op}":     {"read", "observe", "observe-resource", "discover", "write-uri", "install", "uninstall", "activate", "create", "any"},
		"{code}":   {"4.00", "4.04", "4.05", "4.06", "4.13", "5.00", "5.03"},
		"{step}":   {"registered", "downloading", "downloaded", "delivered", "installing", "installed", "activating", "enabled", "uninstalling", "uninstalled"},
		"{work}":   {"downloading", "downloaded", "installing", "activating", "uninstalling"},
	}
	chaosBehaviours = []string{"corrupt", "foreign", "announced", "wrong-digest", "short", "reset", "chunked", "redirect", "status-404", "status-503"}
	chaosInstances  = [][]lwm2mdevice.Software{
		{{ID: 0, Name: "radio", Version: "1.0", State: lwm2m9.Installed, Activation: lwm2m9.Enabled}},
		{{ID: 0, Name: "other", Version: "1.0", State: lwm2m9.Installed, Activation: lwm2m9.Enabled}},
		{{ID: 0, Name: "radio", Version: "1.0", State: lwm2m9.Delivered, Result: lwm2m9.ResultInstallFailure}},
		{{ID: 3, State: lwm2m9.DownloadStarted, Result: lwm2m9.ResultDownloading}},
		{{ID: 0, Name: "radio", State: lwm2m9.Delivered}, {ID: 1}},
		{{ID: 0, Result: lwm2m9.ResultConnectionLost}},
		{{ID: 0, Name: "a", State: lwm2m9.Installed}, {ID: 7, Name: "b", State: lwm2m9.Delivered}},
		{},
	}
)

func draw[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// fill replaces the {words} of a text.
func fill(r *rand.Rand, s string) string {
	for _, word := range []string{"{result}", "{op}", "{code}", "{step}", "{work}"} {
		s = strings.Replace(s, word, draw(r, chaosWords[word]), 1)
	}
	return s
}

func newPlan(tb testing.TB, seed uint64, n int) plan {
	r := rand.New(rand.NewPCG(seed, uint64(n)))
	p := plan{
		n: n, endpoint: fmt.Sprintf("urn:imei:%015d", n), dialect: lwm2m9.Registered, behaviour: "ok",
		version: syncml.DM12, encoding: syncml.XML, style: dmserver.Style(r.IntN(int(dmserver.StyleSessions) + 1)),
		object: draw(r, lwm2mdevice.Versions), queue: r.IntN(10) == 0, non: r.IntN(5) == 0, respURI: r.IntN(5) == 0,
		poll: r.IntN(4) == 0, remove: r.IntN(3) == 0, lifetime: draw(r, []time.Duration{2, 3, 60}) * time.Second,
	}
	if r.IntN(2) == 0 {
		p.dialect = lwm2m9.Draft
	}
	if r.IntN(4) == 0 {
		p.version = syncml.DM112
	}
	if r.IntN(2) == 0 {
		p.encoding = syncml.WBXML
	}
	if r.IntN(4) == 0 {
		p.behaviour = draw(r, chaosBehaviours)
	}
	if r.IntN(3) == 0 {
		p.instances = draw(r, chaosInstances)
	}
	if r.IntN(10) == 0 {
		p.root = "/lwm2m"
	}
	for range r.IntN(4) {
		p.fault(tb, fill(r, draw(r, chaosFaults)))
	}
	if r.IntN(6) == 0 { // what would make a bridge install twice
		p.fault(tb, "lose-answer@install*1")
		p.fault(tb, draw(r, []string{"install*1", "install=out-of-memory*1", "slow@installing=700ms", "reboot@installing"}))
	}
	for range r.IntN(3) {
		p.quirk(tb, draw(r, chaosQuirks))
	}
	return p
}

func (p *plan) fault(tb testing.TB, text string) {
	f, err := lwm2mdevice.ParseFault(text)
	if err != nil {
		tb.Fatal(err)
	}
	p.faults = append(p.faults, f)
}

func (p *plan) quirk(tb testing.TB, text string) {
	q, err := dmserver.ParseQuirk(text)
	if err != nil {
		tb.Fatal(err)
	}
	p.quirks = append(p.quirks, q)
}
