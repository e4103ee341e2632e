package delivery

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/mapping"
)

// InstallStatus is a status of an installation (OMA Download OTA 1.0, 5.4).
type InstallStatus int

// The statuses, as numbered there.
const (
	StatusSuccess            InstallStatus = 900
	StatusInsufficientMemory InstallStatus = 901
	StatusUserCancelled      InstallStatus = 902
	StatusLossOfService      InstallStatus = 903
	StatusAttributeMismatch  InstallStatus = 905
	StatusInvalidDescriptor  InstallStatus = 906
	StatusDeviceAborted      InstallStatus = 952
	StatusNonAcceptable      InstallStatus = 953
	StatusLoaderError        InstallStatus = 954
)

// statusTexts are the texts that go with the numbers.
var statusTexts = map[InstallStatus]string{
	StatusSuccess:            "Success",
	StatusInsufficientMemory: "Insufficient memory",
	StatusUserCancelled:      "User Cancelled",
	StatusLossOfService:      "Loss of Service",
	StatusAttributeMismatch:  "Attribute mismatch",
	StatusInvalidDescriptor:  "Invalid descriptor",
	StatusDeviceAborted:      "Device Aborted",
	StatusNonAcceptable:      "Non-Acceptable Content",
	StatusLoaderError:        "Loader Error",
}

// String is number and text, "900 Success": what is posted.
func (s InstallStatus) String() string {
	if text, ok := statusTexts[s]; ok {
		return fmt.Sprintf("%d %s", int(s), text)
	}
	return fmt.Sprintf("%d", int(s))
}

// installStatuses is how an Update Result is told; what is not here is a loader
// error.
var installStatuses = map[lwm2m9.UpdateResult]InstallStatus{
	lwm2m9.ResultInstalled:        StatusSuccess,
	lwm2m9.ResultNotEnoughStorage: StatusInsufficientMemory,
	lwm2m9.ResultOutOfMemory:      StatusInsufficientMemory,
	lwm2m9.ResultConnectionLost:   StatusLossOfService,
	lwm2m9.ResultIntegrityFailure: StatusAttributeMismatch,
	lwm2m9.ResultUnsupportedType:  StatusNonAcceptable,
	lwm2m9.ResultInvalidURI:       StatusInvalidDescriptor,
	lwm2m9.ResultDeviceError:      StatusDeviceAborted,
}

// InstallStatusOf is how an end is told to an installNotifyURI.
func InstallStatusOf(r lwm2m9.UpdateResult) InstallStatus {
	if s, ok := installStatuses[r]; ok {
		return s
	}
	return StatusLoaderError
}

// InstallStatusOfCode is the same for the result of FUMO, which also knows of
// updates that somebody gave up.
func InstallStatusOfCode(c fwupdate.Code) InstallStatus {
	if c == fwupdate.CodeUserCancelled {
		return StatusUserCancelled
	}
	return InstallStatusOf(mapping.FromCode(c))
}

// Final says that an error of [Fetcher.Notify] will be the same next time: the
// place is none, may not be asked, or refuses the report.
func Final(err error) bool {
	e := asError(err)
	switch e.Kind {
	case KindURI, KindNotAllowed, KindAuth:
		return true
	}
	return e.Kind == KindRefused && !mayPass[e.Status]
}

// notified are the answers to a status report that settle it: OMA Download
// takes any of class 2 for received, and some servers say 302 or 404 when they
// do not care.
var notified = []int{200, 201, 202, 204, 205, 206}

// Notify posts the status of an installation to a descriptor's
// installNotifyURI, with the limits and repetitions of a fetch. Errors are
// [*Error].
func (f *Fetcher) Notify(ctx context.Context, uri string, s InstallStatus) error {
	u, err := f.parseURI(uri)
	if err == nil && u.Scheme != "http" && u.Scheme != "https" {
		err = fault(KindURI, nil, "an installNotifyURI of scheme %s", u.Scheme)
	}
	if err != nil {
		return asError(err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, f.o.TotalTimeout, errTotal)
	defer cancel()
	header := http.Header{"Content-Type": {"text/plain; charset=utf-8"}}
	err = f.retry(ctx, nil, func(ctx context.Context) (bool, error) {
		a, err := f.open(ctx, ask{method: http.MethodPost, u: u, header: header, body: s.String()})
		if err != nil {
			return false, err
		}
		defer a.close()
		if slices.Contains(notified, a.StatusCode) {
			return false, nil
		}
		return false, a.ok()
	})
	if err != nil {
		return asError(err)
	}
	return nil
}
