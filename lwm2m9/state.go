package lwm2m9

import "fmt"

// UpdateState is resource 7 by meaning, not by number. The zero value is a
// state that is not known: never read, outside both tables, or ambiguous as
// long as the dialect is open.
type UpdateState uint8

// The states of the Package Installation machine (seed, 5.1.2).
const (
	StateUnknown UpdateState = iota
	Initial
	DownloadStarted
	Downloaded
	Delivered
	Installed
)

// UpdateResult is resource 9 by meaning. The zero value is a result that is
// not known.
type UpdateResult uint8

// The results of both dialects (seed, RID 9; registered Object 9 V1.0).
const (
	ResultUnknown UpdateResult = iota
	ResultInitial
	ResultDownloading
	ResultInstalled
	ResultVerified // registered only
	ResultNotEnoughStorage
	ResultOutOfMemory
	ResultConnectionLost
	ResultIntegrityFailure
	ResultUnsupportedType
	ResultInvalidURI
	ResultDeviceError
	ResultInstallFailure
	ResultUninstallFailure // registered only
)

// ActivationState is resource 12: DISABLED also when the activation machine
// is not alive. The zero value is "not known".
type ActivationState uint8

// The values of resource 12 (seed, 5.2).
const (
	ActivationUnknown ActivationState = iota
	Disabled
	Enabled
)

var stateNames = [...]string{
	StateUnknown:    "UNKNOWN",
	Initial:         "INITIAL",
	DownloadStarted: "DOWNLOAD STARTED",
	Downloaded:      "DOWNLOADED",
	Delivered:       "DELIVERED",
	Installed:       "INSTALLED",
}

var resultNames = [...]string{
	ResultUnknown:          "unknown",
	ResultInitial:          "initial",
	ResultDownloading:      "downloading",
	ResultInstalled:        "software successfully installed",
	ResultVerified:         "downloaded and integrity verified",
	ResultNotEnoughStorage: "not enough storage",
	ResultOutOfMemory:      "out of memory during download",
	ResultConnectionLost:   "connection lost during download",
	ResultIntegrityFailure: "package integrity check failure",
	ResultUnsupportedType:  "unsupported package type",
	ResultInvalidURI:       "invalid URI",
	ResultDeviceError:      "device defined update error",
	ResultInstallFailure:   "software installation failure",
	ResultUninstallFailure: "uninstallation failure",
}

var activationNames = [...]string{
	ActivationUnknown: "UNKNOWN",
	Disabled:          "DISABLED",
	Enabled:           "ENABLED",
}

func name[T ~uint8](names []string, kind string, v T) string {
	if int(v) < len(names) {
		return names[v]
	}
	return fmt.Sprintf("%s(%d)", kind, v)
}

// String is the state's name in the seed document.
func (s UpdateState) String() string { return name(stateNames[:], "UpdateState", s) }

// String is the result's name in words.
func (r UpdateResult) String() string { return name(resultNames[:], "UpdateResult", r) }

// String is ENABLED, DISABLED or UNKNOWN.
func (a ActivationState) String() string { return name(activationNames[:], "ActivationState", a) }

// Failed says whether the result reports an error of download or install.
func (r UpdateResult) Failed() bool { return r >= ResultNotEnoughStorage }

// InstanceID numbers an instance of Object 9, 0 to 65534.
type InstanceID uint16

// Dialect is one of the two numberings of states and results in the field.
// The zero value is "not decided yet".
type Dialect uint8

// The dialects (mapping.md, 1).
const (
	DialectUnknown Dialect = iota
	Draft                  // the seed document: states 1 to 5, results 0 to 10
	Registered             // the OMNA registry, V1.0 and later: states 0 to 4, results 0 to 59
)

// String is "draft", "registered" or "undecided".
func (d Dialect) String() string {
	switch d {
	case Draft:
		return "draft"
	case Registered:
		return "registered"
	}
	return "undecided"
}

// Instance is what one reading of an instance of Object 9 said.
type Instance struct {
	ID         InstanceID
	Name       string // PkgName (0), empty when absent
	Version    string // PkgVersion (1)
	State      UpdateState
	Result     UpdateResult
	Activation ActivationState
	// RawState and RawResult are the numbers as read, kept so that what no
	// table knows can be shown.
	RawState  int64
	RawResult int64
}
