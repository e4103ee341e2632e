package fwupdate

import (
	"errors"
	"fmt"

	"github.com/fwbridge/fwbridge/fwupdate/tree"
	"github.com/fwbridge/fwbridge/syncml"
)

// Exec accepts an update: an [Execution] is left behind, the package is
// [Cancellable] at once and its State is 10 until the drive says more, so that
// nobody takes the State of an earlier update for that of this one.
//
// It returns 202, or the errors 404, 405 for every node but DownloadAndUpdate,
// 406, 412 when PkgURL is missing or empty, 413 for a Correlator over
// [MaxCorrelator], 414, 417 while a drive of the device runs, 425. An argument
// (data) has no meaning here and is not looked at.
func (t *Tree) Exec(who, uri, correlator string, _ []byte) (syncml.Code, error) {
	at, err := t.existing(who, uri, tree.RightExec)
	switch {
	case err != nil:
		return 0, err
	case text(at.pkg.URL) == "":
		return 0, refuse(syncml.StatusIncomplete, uri, errors.New("PkgURL is missing or empty"))
	case len(correlator) > MaxCorrelator:
		return 0, refuse(syncml.StatusTooLarge, uri, fmt.Errorf("a correlator of %d bytes, at most %d", len(correlator), MaxCorrelator))
	case t.drive.Busy != NotBusy:
		return 0, refuse(syncml.StatusRetryLater, uri, errors.New("an update is running"))
	}
	t.executions = append(t.executions, Execution{
		Package:    at.id,
		Name:       text(at.pkg.Name),
		Version:    text(at.pkg.Version),
		URL:        text(at.pkg.URL),
		Correlator: correlator,
	})
	t.drive = driven{Package: at.id, Busy: Cancellable}
	t.SetState(at.id, StateIdle)
	return syncml.StatusAccepted, nil
}
