package session

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fwbridge/fwbridge/syncml"
)

func TestAlertOptions(t *testing.T) {
	for _, tt := range []struct {
		text string
		want alertOptions
	}{
		{"", alertOptions{}},
		{"MINDT=30&MAXDT=90", alertOptions{minShown: 30 * time.Second, maxWait: 90 * time.Second}},
		{"MAXDT=60&DR=2", alertOptions{maxWait: time.Minute, preset: "2", given: true}},
		{"DR=", alertOptions{given: true}},
		{"DR=John+Doe%26Co%3D", alertOptions{preset: "John Doe&Co=", given: true}},
		{"DR=a=b", alertOptions{preset: "a=b", given: true}},
		{"DR=1&DR=2", alertOptions{preset: "2", given: true}},
		{"MAXLEN=30&IT=N&ET=P", alertOptions{maxLength: 30, input: inputNumber, hidden: true}},
		{"IT=A&ET=T", alertOptions{input: inputAny}},
		{"it=D", alertOptions{input: inputDate}},
		{" MAXDT = 5 ", alertOptions{maxWait: 5 * time.Second}},
		{"NEW=1&&=&x&MAXDT=5", alertOptions{maxWait: 5 * time.Second}},
		{"DR=%zz&MAXDT=5", alertOptions{maxWait: 5 * time.Second}},
		{"MAXDT=-1&MINDT=x&MAXLEN=1.5&IT=X&IT=NN&ET=X", alertOptions{}},
		{fmt.Sprintf("MAXDT=%d&MAXLEN=%d", maxOption-1, maxOption-1), alertOptions{maxWait: (maxOption - 1) * time.Second, maxLength: maxOption - 1}},
		{fmt.Sprintf("MAXDT=%d&MAXLEN=%d&MINDT=%d", maxOption, maxOption, math.MaxInt64), alertOptions{}},
	} {
		if d := cmp.Diff(tt.want, parseAlertOptions(tt.text), cmp.AllowUnexported(alertOptions{})); d != "" {
			t.Errorf("%q: %s", tt.text, d)
		}
	}
}

// TestInputTypes: which presets a user could have entered.
func TestInputTypes(t *testing.T) {
	for _, tt := range []struct {
		it      inputType
		yes, no string // separated by blanks
	}{
		{0, "a 1 €", ""},
		{inputAny, "a 1 €", ""},
		{inputNumber, "0 12 -3.5 +1 .5", "a 1e3 1-2 - NaN 0x10 Inf"},
		{inputDate, "31122026 29022024", "31022026 311226 2026-01-01"},
		{inputTime, "000000 235959", "240000 2359 23:59:59"},
		{inputPhone, "+4930123 0800p12w3s4 1", "12+3 0800-1 +x"},
		{inputIPv4, "10.0.0.1 255.255.255.255 010.000.000.001", "256.0.0.1 10.0.0 10.0.0.0.1 a.b.c.d 1.2.3.-4"},
	} {
		for _, text := range strings.Fields(tt.yes) {
			if !tt.it.takes(text) {
				t.Errorf("%c does not take %q", tt.it, text)
			}
		}
		for _, text := range strings.Fields(tt.no) {
			if tt.it.takes(text) {
				t.Errorf("%c takes %q", tt.it, text)
			}
		}
	}
}

// FuzzAlertOptions: anything is read, and durations stay what they are.
func FuzzAlertOptions(f *testing.F) {
	for _, s := range []string{"MINDT=30&MAXDT=90&DR=1-2&MAXLEN=5&IT=N&ET=P", "DR=%", "MAXDT=99999999999999999999", "=&&=="} {
		f.Add(s, 1104)
	}
	f.Fuzz(func(t *testing.T, text string, code int) {
		o := parseAlertOptions(text)
		if o.minShown < 0 || o.maxWait < 0 || o.maxLength < 0 {
			t.Errorf("%q: %+v", text, o)
		}
		a := asking(syncml.AlertDisplay+syncml.AlertCode(uint(code)%5), text, "x", "y")
		for u := range InteractTimeout + 1 {
			if got, entered := u.respond(a); len(entered) > 2 || len(entered) > 0 && got != syncml.StatusOK {
				t.Errorf("%q: %d with %d Items", text, got, len(entered))
			}
		}
	})
}

// asking is a user-interaction alert: options, a text and choices.
func asking(code syncml.AlertCode, options string, choices ...string) *syncml.Alert {
	a := &syncml.Alert{Code: code}
	for _, s := range append([]string{options, "Sure?"}, choices...) {
		a.Items = append(a.Items, syncml.Item{Data: []byte(s)})
	}
	return a
}

// TestInteraction: who answers what (oma-dm.md 4).
func TestInteraction(t *testing.T) {
	const (
		display  = syncml.AlertDisplay
		confirm  = syncml.AlertConfirm
		input    = syncml.AlertInput
		single   = syncml.AlertSingleChoice
		multiple = syncml.AlertMultipleChoice
	)
	for _, tt := range []struct {
		alert                 *syncml.Alert
		accept, refuse, tmout string // code, and what was entered
	}{
		{asking(display, ""), "200", "200", "200"},
		{asking(confirm, ""), "200", "304", "408"},
		{asking(confirm, "DR=1"), "200", "304", "200"},
		{asking(confirm, "DR=0"), "200", "304", "304"},
		{asking(confirm, "DR=x"), "200", "304", "408"},
		{asking(input, ""), "200 []", "214", "408"},
		{asking(input, "DR="), "200 []", "214", "200 []"},
		{asking(input, "DR=ab+c"), "200 [ab c]", "214", "200 [ab c]"},
		{asking(input, "DR=%C3%A9%C3%A9&MAXLEN=2"), "200 [éé]", "214", "200 [éé]"},
		{asking(input, "DR=abc&MAXLEN=2"), "200 []", "214", "408"},
		{asking(input, "DR=abc&IT=N"), "200 []", "214", "408"},
		{asking(single, "", "a", "b"), "200 [1]", "214", "408"},
		{asking(single, "DR=2", "a", "b"), "200 [2]", "214", "200 [2]"},
		{asking(single, "DR=3", "a", "b"), "200 [1]", "214", "408"},
		{asking(single, "DR=1-2", "a", "b"), "200 [1]", "214", "408"},
		{asking(multiple, "", "a", "b"), "200", "214", "408"},
		{asking(multiple, "DR=2-1-2", "a", "b"), "200 [2] [1]", "214", "200 [2] [1]"},
		{asking(multiple, "DR=2-3", "a", "b"), "200", "214", "408"},
		{asking(single, ""), "412", "412", "412"},
		{asking(multiple, ""), "412", "412", "412"},
		{&syncml.Alert{Code: display}, "412", "412", "412"},
		{&syncml.Alert{Code: confirm, Items: []syncml.Item{{}, {Data: []byte{}}}}, "412", "412", "412"},
		{&syncml.Alert{Code: confirm, Items: []syncml.Item{{}, {Data: []byte("Sure?")}}}, "200", "304", "408"},
	} {
		for u, want := range map[Interaction]string{InteractNone: "406", InteractAccept: tt.accept, InteractRefuse: tt.refuse, InteractTimeout: tt.tmout} {
			code, entered := u.respond(tt.alert)
			got := code.String()
			for _, it := range entered {
				got += fmt.Sprintf(" [%s]", it.Data)
			}
			if got != want {
				t.Errorf("%s %s, user %d: %s, want %s", tt.alert.Code, optionsOf(tt.alert), u, got, want)
			}
		}
	}
}

func optionsOf(a *syncml.Alert) string {
	if len(a.Items) == 0 {
		return ""
	}
	return string(a.Items[0].Data)
}

// TestInteractionEffects: what a user's answer does to the commands around
// (oma-dm.md 4.3).
func TestInteractionEffects(t *testing.T) {
	ask, choose := asking(syncml.AlertConfirm, ""), asking(syncml.AlertInput, "")
	addName, addURL := "Status Add "+pkgName, "Status Add "+pkgURL
	both := func(a *syncml.Alert) []syncml.Command {
		return []syncml.Command{add(pkgName, "n"), a, add(pkgURL, "u")}
	}
	for _, tt := range []struct {
		name string
		user Interaction
		cmds []syncml.Command
		want string
	}{
		{"yes", InteractAccept, both(ask), lines(addName+" 200", "Status Alert  200", addURL+" 200")},
		{"no", InteractRefuse, both(ask), lines(addName+" 200", "Status Alert  304", addURL+" 200")},
		{"nobody there", InteractTimeout, both(ask), lines(addName+" 200", "Status Alert  408", addURL+" 200")},
		{"cancel", InteractRefuse, both(choose), lines(addName+" 200", "Status Alert  214", addURL+" 215")},
		{"reserved", InteractAccept, []syncml.Command{alert(1105), alert(1199)}, lines("Status Alert  406", "Status Alert  406")},
		{"yes in a Sequence", InteractAccept, []syncml.Command{sequence(both(ask)...)},
			lines("Status Sequence  200", addName+" 200", "Status Alert  200", addURL+" 200")},
		{"no in a Sequence", InteractRefuse, []syncml.Command{sequence(both(ask)...), get("./FwUpdate")},
			lines("Status Sequence  200", addName+" 200", "Status Alert  304", addURL+" 215", "Status Get ./FwUpdate 200", "Results ./FwUpdate=x")},
		{"nobody there in a Sequence", InteractTimeout, []syncml.Command{sequence(both(ask)...)},
			lines("Status Sequence  200", addName+" 200", "Status Alert  408", addURL+" 215")},
		{"cancel in a Sequence", InteractRefuse, []syncml.Command{sequence(both(choose)...), get("./FwUpdate")},
			lines("Status Sequence  200", addName+" 200", "Status Alert  214", addURL+" 215", "Status Get ./FwUpdate 215")},
		{"no in a Sequence in a Sequence", InteractRefuse, []syncml.Command{sequence(sequence(ask), add(pkgName, "n"))},
			lines("Status Sequence  200", "Status Sequence  200", "Status Alert  304", addName+" 215")},
		{"no in one Sequence of two", InteractRefuse, []syncml.Command{sequence(ask), sequence(add(pkgName, "n"))},
			lines("Status Sequence  200", "Status Alert  304", "Status Sequence  200", addName+" 200")},
		{"no in an Atomic in a Sequence", InteractRefuse, []syncml.Command{sequence(atomic(ask), add(pkgName, "n"))},
			lines("Status Sequence  200", "Status Atomic  507", "Status Alert  304", addName+" 215")},
		{"not shown in a Sequence", InteractNone, []syncml.Command{sequence(both(ask)...)},
			lines("Status Sequence  200", addName+" 200", "Status Alert  406", addURL+" 200")},
		{"yes in an Atomic", InteractAccept, []syncml.Command{atomic(both(ask)...)},
			lines("Status Atomic  200", addName+" 200", "Status Alert  200", addURL+" 200")},
		{"no in an Atomic", InteractRefuse, []syncml.Command{atomic(both(ask)...)},
			lines("Status Atomic  507", addName+" 216", "Status Alert  304", addURL+" 215")},
		{"nobody there in an Atomic", InteractTimeout, []syncml.Command{atomic(both(ask)...)},
			lines("Status Atomic  507", addName+" 216", "Status Alert  408", addURL+" 215")},
		{"cancel in an Atomic", InteractRefuse, []syncml.Command{atomic(both(choose)...), get("./FwUpdate")},
			lines("Status Atomic  507", addName+" 216", "Status Alert  214", addURL+" 215", "Status Get ./FwUpdate 215")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			acc := account()
			acc.Interaction = tt.user
			p, _ := start(t, acc, Nonces{})
			p.say(p.message(syncml.StatusOK, tt.cmds...))
			if d := cmp.Diff("Status SyncHdr - 212\n"+tt.want+"Final\n", brief(p.last)); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestEntered: what the user entered is in the Items of the Status.
func TestEntered(t *testing.T) {
	acc := account()
	acc.Interaction = InteractAccept
	p, _ := start(t, acc, Nonces{})
	p.say(p.message(syncml.StatusOK, asking(syncml.AlertMultipleChoice, "DR=1-3", "a", "b", "c")))
	want := []syncml.Item{{Data: []byte("1")}, {Data: []byte("3")}}
	if d := cmp.Diff(want, p.last.Body[1].(*syncml.Status).Items); d != "" {
		t.Error(d)
	}
}
