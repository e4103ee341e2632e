package session

import (
	"strconv"
	"strings"

	"github.com/fwbridge/fwbridge/syncml"
)

// Interaction is the user that alerts ask (1100 to 1104). There is none; this
// is how one would act.
type Interaction uint8

// The users.
const (
	// InteractNone: there is no user interface, every such alert gets 406.
	InteractNone Interaction = iota
	// InteractAccept confirms, and takes what the alert proposes: the preset
	// text, the preset choice or else the first.
	InteractAccept
	// InteractRefuse says no to a question (304) and cancels all other alerts
	// that want an answer (214).
	InteractRefuse
	// InteractTimeout does not react: 408, or the default response if the alert
	// gives one.
	InteractTimeout
)

// respond is the Status for a user-interaction alert and what the user
// entered (OMA DM Protocol 1.2, "User Interaction Commands"). The first Item
// of the alert holds its options, the second its text, the others choices.
func (u Interaction) respond(a *syncml.Alert) (syncml.Code, []syncml.Item) {
	var choices []syncml.Item
	if len(a.Items) > 2 {
		choices = a.Items[2:]
	}
	choosing := a.Code == syncml.AlertSingleChoice || a.Code == syncml.AlertMultipleChoice
	switch {
	case u == InteractNone:
		return syncml.StatusUnsupportedFeature, nil
	case len(a.Items) < 2, len(a.Items[1].Data) == 0, choosing && len(choices) == 0:
		return syncml.StatusIncomplete, nil
	}
	o := parseAlertOptions(string(a.Items[0].Data))
	switch a.Code {
	case syncml.AlertDisplay:
		return syncml.StatusOK, nil // nothing is asked
	case syncml.AlertConfirm:
		return u.confirm(o), nil
	}
	entered, preset := o.entry(a.Code, len(choices))
	switch {
	case u == InteractRefuse:
		return syncml.StatusCancelled, nil
	case u == InteractTimeout && !preset:
		return syncml.StatusRequestTimeout, nil
	}
	return syncml.StatusOK, entered
}

func (u Interaction) confirm(o alertOptions) syncml.Code {
	switch {
	case u == InteractAccept, u == InteractTimeout && o.preset == "1":
		return syncml.StatusOK
	case u == InteractRefuse, o.preset == "0":
		return syncml.StatusNotModified
	}
	return syncml.StatusRequestTimeout
}

// entry is what a user enters who takes what is proposed; preset says that
// the options propose something that the alert allows.
func (o alertOptions) entry(code syncml.AlertCode, choices int) (entered []syncml.Item, preset bool) {
	data := func(s string) syncml.Item { return syncml.Item{Data: []byte(s)} }
	switch code {
	case syncml.AlertInput:
		text, ok := o.text()
		return []syncml.Item{data(text)}, ok
	case syncml.AlertSingleChoice:
		if n := o.chosen(choices); len(n) == 1 {
			return []syncml.Item{data(strconv.Itoa(n[0]))}, true
		}
		return []syncml.Item{data("1")}, false
	}
	for _, n := range o.chosen(choices) {
		entered = append(entered, data(strconv.Itoa(n)))
	}
	return entered, len(entered) > 0
}

// text is the preset text, if it is one that a user could enter.
func (o alertOptions) text() (string, bool) {
	if !o.given || o.maxLength > 0 && len([]rune(o.preset)) > o.maxLength || !o.input.takes(o.preset) {
		return "", false
	}
	return o.preset, true
}

// chosen are the preset choices, 1 is the first, each once; none if one of
// them does not exist.
func (o alertOptions) chosen(choices int) []int {
	var all []int
	seen := make(map[int]bool)
	for part := range strings.SplitSeq(o.preset, "-") {
		n, err := strconv.Atoi(part)
		if err != nil || n < 1 || n > choices {
			return nil
		}
		if !seen[n] {
			all = append(all, n)
		}
		seen[n] = true
	}
	return all
}

// userAlert says whether an alert is for the user. 1105 to 1199 are reserved
// and unknown.
func userAlert(code syncml.AlertCode) bool {
	return code >= syncml.AlertDisplay && code <= syncml.AlertMultipleChoice
}
