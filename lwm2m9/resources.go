package lwm2m9

import "github.com/fwbridge/fwbridge/lwm2m9/wire"

// ObjectID is the number of the Software Management object.
const ObjectID = 9

// ResourceID is the number of a resource of Object 9.
type ResourceID uint16

// The resources. 14 to 18 are in the registered dialect only.
const (
	RIDPkgName                 ResourceID = 0
	RIDPkgVersion              ResourceID = 1
	RIDPackage                 ResourceID = 2
	RIDPackageURI              ResourceID = 3
	RIDInstall                 ResourceID = 4
	RIDCheckpoint              ResourceID = 5
	RIDUninstall               ResourceID = 6
	RIDUpdateState             ResourceID = 7
	RIDUpdateSupportedObjects  ResourceID = 8
	RIDUpdateResult            ResourceID = 9
	RIDActivate                ResourceID = 10
	RIDDeactivate              ResourceID = 11
	RIDActivationState         ResourceID = 12
	RIDPackageSettings         ResourceID = 13
	RIDUserName                ResourceID = 14
	RIDPassword                ResourceID = 15
	RIDStatusReason            ResourceID = 16
	RIDSoftwareComponentLink   ResourceID = 17
	RIDSoftwareComponentLength ResourceID = 18
)

// MaxURI and MaxName are the longest Package URI and the longest PkgName,
// PkgVersion, User Name and Password, in bytes (seed, 6).
const (
	MaxURI  = 255
	MaxName = 255
)

// Operations is what a server may do with a resource.
type Operations uint8

// The operations; R/W is OpRead|OpWrite.
const (
	OpRead Operations = 1 << iota
	OpWrite
	OpExecute
)

// Presence says how a dialect has a resource.
type Presence uint8

// The presences.
const (
	Absent Presence = iota
	Optional
	Mandatory
)

// Resource is a row of the definition of Object 9.
type Resource struct {
	ID         ResourceID
	Name       string
	Operations Operations
	Type       wire.Type
	Multiple   bool
	MaxBytes   int // of a string; 0 is no limit of its own
	Draft      Presence
	Registered Presence
}

// In says how the dialect has the resource. Undecided, it is the best that
// either dialect promises.
func (r Resource) In(d Dialect) Presence {
	switch d {
	case Draft:
		return r.Draft
	case Registered:
		return r.Registered
	}
	return max(r.Draft, r.Registered)
}

// resources is the definition (seed, 6; OMNA registry, Object 9 V1.0),
// indexed by number. V1.1 of the registry adds 19 and more, for running what
// is active; the bridge has no use for them.
var resources = [...]Resource{
	{RIDPkgName, "PkgName", OpRead, wire.TypeString, false, MaxName, Mandatory, Mandatory},
	{RIDPkgVersion, "PkgVersion", OpRead, wire.TypeString, false, MaxName, Mandatory, Mandatory},
	{RIDPackage, "Package", OpWrite, wire.TypeOpaque, false, 0, Mandatory, Optional},
	{RIDPackageURI, "Package URI", OpWrite, wire.TypeString, false, MaxURI, Mandatory, Optional},
	{RIDInstall, "Install", OpExecute, wire.TypeNone, false, 0, Mandatory, Mandatory},
	{RIDCheckpoint, "Checkpoint", OpRead, wire.TypeObjlnk, false, 0, Optional, Optional},
	{RIDUninstall, "Uninstall", OpExecute, wire.TypeNone, false, 0, Mandatory, Mandatory},
	{RIDUpdateState, "Update State", OpRead, wire.TypeInteger, false, 0, Mandatory, Mandatory},
	{RIDUpdateSupportedObjects, "Update Supported Objects", OpRead | OpWrite, wire.TypeBoolean, false, 0, Optional, Optional},
	{RIDUpdateResult, "Update Result", OpRead, wire.TypeInteger, false, 0, Mandatory, Mandatory},
	{RIDActivate, "Activate", OpExecute, wire.TypeNone, false, 0, Mandatory, Mandatory},
	{RIDDeactivate, "Deactivate", OpExecute, wire.TypeNone, false, 0, Mandatory, Mandatory},
	{RIDActivationState, "Activation State", OpRead, wire.TypeBoolean, false, 0, Mandatory, Mandatory},
	{RIDPackageSettings, "Package Settings", OpRead | OpWrite, wire.TypeObjlnk, false, 0, Optional, Optional},
	{RIDUserName, "User Name", OpWrite, wire.TypeString, false, MaxName, Absent, Optional},
	{RIDPassword, "Password", OpWrite, wire.TypeString, false, MaxName, Absent, Optional},
	{RIDStatusReason, "Status Reason", OpRead, wire.TypeString, false, 0, Absent, Optional},
	{RIDSoftwareComponentLink, "Software Component Link", OpRead, wire.TypeObjlnk, true, 0, Absent, Optional},
	{RIDSoftwareComponentLength, "Software Component tree length", OpRead, wire.TypeInteger, false, 0, Absent, Optional},
}

// Definition is the row of a resource; false for a number that the object has
// not in any dialect.
func Definition(id ResourceID) (Resource, bool) {
	if int(id) >= len(resources) {
		return Resource{}, false
	}
	return resources[id], true
}

// Resources is the definition of the object in a dialect, in ascending order.
func Resources(d Dialect) []Resource {
	var list []Resource
	for _, r := range resources {
		if r.In(d) != Absent {
			list = append(list, r)
		}
	}
	return list
}
