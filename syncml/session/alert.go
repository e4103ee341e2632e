package session

import (
	"errors"

	"github.com/fwbridge/fwbridge/syncml"
)

// alert answers an alert of the server. What is not for clients, or unknown,
// gets 406.
func (x *turn) alert(a *syncml.Alert) []reply {
	switch {
	case a.CmdID == "":
		return x.nameless(a)
	case a.Code == syncml.AlertNextMessage:
		r := whole(a, syncml.StatusOK)
		r.first = x.alone && x.blocks == 0
		return []reply{r}
	case a.Code == syncml.AlertNoEndOfData:
		x.c.abandon()
		return []reply{whole(a, syncml.StatusOK)}
	case userAlert(a.Code):
		return x.ask(a)
	}
	return x.failed(a, syncml.StatusUnsupportedFeature, errors.New("alert "+a.Code.String()))
}

// ask puts an alert to the user. A "no", a time-out and a cancel skip what
// follows in a Sequence and undo an Atomic; a cancel skips all that follows in
// the message (OMA DM Protocol 1.2, "User Interaction Commands").
func (x *turn) ask(a *syncml.Alert) []reply {
	code, entered := x.c.acc.Interaction.respond(a)
	switch code {
	case syncml.StatusOK:
	case syncml.StatusCancelled:
		x.cancelled, x.declined = true, true
	case syncml.StatusNotModified, syncml.StatusRequestTimeout:
		x.declined = true
	default:
		return x.failed(a, code, errors.New("alert "+a.Code.String()+" that cannot be shown"))
	}
	r := whole(a, code)
	r.entered = entered
	return []reply{r}
}
