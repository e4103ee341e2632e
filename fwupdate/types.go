package fwupdate

// Busy says how far the drive of a package has come; it decides what Exec and
// Delete may do (mapping.md, 5.4).
type Busy uint8

// The degrees of Busy.
const (
	NotBusy     Busy = iota
	Cancellable      // a drive runs, Install was not sent: Delete cancels it
	Committed        // Install was sent: Delete is refused with 403
)

// Execution is an accepted Exec of DownloadAndUpdate: a copy of the package
// node as it was then, because later Replaces must not reach a running drive.
type Execution struct {
	Package    string // the x of ./FwUpdate/x
	Name       string
	Version    string
	URL        string
	Correlator string
}

// Identity is what ./DevInfo and ./DevDetail show.
type Identity struct {
	DeviceID         string
	Manufacturer     string
	Model            string
	Language         string
	DeviceType       string
	OEM              string
	FirmwareVersion  string
	SoftwareVersion  string
	HardwareVersion  string
	DMVersion        string // "1.2"
	MaxDepth         int    // ./DevDetail/URI, 0 is unlimited
	MaxTotalLength   int
	MaxSegmentLength int
}

// Role is a right of access that a DM server holds (seed, "Roles allowed").
type Role uint8

// The roles of the seed. A server without a role may nothing (425).
const (
	NoRole Role = iota
	Manager
	OperatorTPS
)
