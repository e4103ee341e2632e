package mapping

import (
	"strings"
	"testing"

	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/lwm2m9"
)

func TestRoute(t *testing.T) {
	all := WaysOf(WayDirect, WayProxyCoAP, WayProxyHTTP, WayPush)
	long := "http://h/" + strings.Repeat("p", lwm2m9.MaxURI-8)
	for _, test := range []struct {
		name  string
		route Route
		uri   string
		want  []Way
	}{
		{"nothing said", Route{}, "http://h/p", []Way{WayDirect}},
		{"nothing said, too long", Route{}, long, nil},
		{"at the limit", Route{}, long[:lwm2m9.MaxURI], []Way{WayDirect}},
		{"auto", Route{Can: all}, "http://h/p", []Way{WayDirect, WayProxyCoAP, WayProxyHTTP, WayPush}},
		{"auto, too long", Route{Can: all}, long, []Way{WayProxyCoAP, WayProxyHTTP, WayPush}},
		{"auto, no scheme of devices", Route{Can: all}, "ftp://h/p", []Way{WayProxyCoAP, WayProxyHTTP, WayPush}},
		{"auto, upper case", Route{Can: all}, "HTTP://h/p", []Way{WayDirect, WayProxyCoAP, WayProxyHTTP, WayPush}},
		{"remembered", Route{Can: all, Worked: WayPush}, "http://h/p", []Way{WayPush, WayDirect, WayProxyCoAP, WayProxyHTTP}},
		{"remembered, not at hand", Route{Can: WaysOf(WayDirect), Worked: WayPush}, "http://h/p", []Way{WayDirect}},
		{"remembered, too long", Route{Can: all, Worked: WayDirect}, long, []Way{WayProxyCoAP, WayProxyHTTP, WayPush}},
		{"configured", Route{Can: all, Only: WayProxyHTTP}, "http://h/p", []Way{WayProxyHTTP}},
		{"configured, odd scheme", Route{Can: all, Only: WayDirect}, "x-vendor://h/p", []Way{WayDirect}},
	} {
		var got []Way
		for tried := Ways(0); ; {
			w := test.route.next(test.uri, tried)
			if w == 0 {
				break
			}
			got = append(got, w)
			tried |= WaysOf(w)
		}
		if len(got) != len(test.want) {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
			continue
		}
		for i := range got {
			if got[i] != test.want[i] {
				t.Errorf("%s: %v, want %v", test.name, got, test.want)
			}
		}
	}
}

// TestOtherWays runs a drive against a device that takes a package by one way
// only.
func TestOtherWays(t *testing.T) {
	all := WaysOf(WayDirect, WayProxyCoAP, WayProxyHTTP, WayPush)
	for takes := WayDirect; takes <= WayPush; takes++ {
		for _, refusal := range []lwm2m9.ResponseCode{0, lwm2m9.CodeBadRequest, lwm2m9.CodeMethodNotAllowed} {
			o := Order{Execution: fwupdate.Execution{Package: "x", URL: "http://h/p"}, Route: Route{Can: all}}
			d, acts := Start(epoch, o, true, explorePolicy)
			w := world{d: d, m: lwm2m9.NewMachine(), exists: true}
			w = w.act(acts).normal(epoch)
			fetches := 0
			for range 400 {
				if w.d.Over() {
					break
				}
				if w.d.Asked == OpFetch {
					fetches++
				}
				write := w.d.Asked == OpWriteURI || w.d.Asked == OpPush
				switch {
				case write && w.asked.Way != takes && refusal != 0:
					w = w.drive(epoch, Answer{Seq: w.asked.Seq, Outcome: Refused, Code: refusal, Dialect: lwm2m9.Registered})
				case w.m.State == lwm2m9.DownloadStarted && w.d.Way != takes:
					w = w.change(lwm2m9.Event{Kind: lwm2m9.EventDownloadFailed, Result: lwm2m9.ResultInvalidURI})
				default:
					w = w.helpful()
				}
			}
			if !w.d.Over() || !w.d.Verdict.Success() || w.d.Way != takes || fetches > int(takes-WayDirect) {
				t.Errorf("a device that takes %v, and else answers %v: %v by %v with %d fetches", takes, refusal, w.d.Verdict, w.d.Way, fetches)
			}
		}
	}
}

// TestFetchFails: a package that does not come ends the drive as section 4
// says, and is not looked for by another way.
func TestFetchFails(t *testing.T) {
	for _, row := range faultRows {
		o := Order{Execution: fwupdate.Execution{Package: "x", URL: "http://h/p"}, Route: Route{Can: WaysOf(WayProxyCoAP, WayPush)}}
		d, acts := Start(epoch, o, true, explorePolicy)
		w := world{d: d, m: lwm2m9.NewMachine(), exists: true}
		w = w.act(acts).normal(epoch)
		for w.d.Asked != OpFetch {
			w = w.helpful()
		}
		w = w.drive(epoch, Answer{Seq: w.asked.Seq, Outcome: Refused, Fault: row.Fault})
		if !w.d.Over() || w.d.Verdict != row.Download {
			t.Errorf("%s: %+v, want %+v", row.Meaning, w.d.Verdict, row.Download)
		}
	}
}
