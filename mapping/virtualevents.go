package mapping

import (
	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/lwm2m9"
)

// VirtualEvent is what happened to a [Virtual]: an operation of an LwM2M
// server, a package that came or did not, a session with the device, [Tick] or
// [Resumed].
type VirtualEvent interface {
	virtual(s *vstep) lwm2m9.ResponseCode
}

// The operations of an LwM2M server on Object 9. Each is answered with a code.
type (
	// WroteURI is a Write of Package URI (3).
	WroteURI struct {
		Instance lwm2m9.InstanceID
		URI      string
	}
	// PushBegun is the first block of a Write of Package (2). When it is
	// answered 2.04 a [Receive] says under which Seq its end is to be told.
	PushBegun struct{ Instance lwm2m9.InstanceID }
	// InstallAsked is an Execute of Install (4). Package and Correlator name
	// the campaign, if one begins: they must never have been used before.
	InstallAsked struct {
		Instance   lwm2m9.InstanceID
		Package    string
		Correlator string
	}
	// UninstallAsked is an Execute of Uninstall (6), with or without "for
	// update": a package that leaves makes room either way.
	UninstallAsked struct{ Instance lwm2m9.InstanceID }
	// ActivateAsked is an Execute of Activate (10).
	ActivateAsked struct{ Instance lwm2m9.InstanceID }
	// DeactivateAsked is an Execute of Deactivate (11).
	DeactivateAsked struct{ Instance lwm2m9.InstanceID }
	// CreateAsked is a Create in /9, of any instance or, with Named, of that
	// one. A [Created] says which came to be.
	CreateAsked struct {
		Named    bool
		Instance lwm2m9.InstanceID
	}
	// DeleteAsked is a Delete of an instance.
	DeleteAsked struct{ Instance lwm2m9.InstanceID }
)

// What becomes of a package on its way into the store.
type (
	// Received says that the package of the fetch Seq is in the store, whole.
	Received struct {
		Instance lwm2m9.InstanceID
		Seq      uint32
		Package  PackageInfo // without the URI
	}
	// Verified is the outcome of a [Verify].
	Verified struct {
		Instance lwm2m9.InstanceID
		Seq      uint32
		OK       bool
	}
	// FetchFailed says that the package of the fetch Seq did not come. Result
	// is an error of a download (FromFetch makes one of a Fault); Reason is
	// for people and goes to the server as Status Reason.
	FetchFailed struct {
		Instance lwm2m9.InstanceID
		Seq      uint32
		Result   lwm2m9.UpdateResult
		Reason   string
		Notify   string // as in PackageInfo
	}
)

// What the legacy device does.
type (
	// Opened says that a session with the device is open and both sides are
	// authenticated.
	Opened struct{}
	// Spoken says that the device has said what it had to say, and is to be
	// answered now, in the session that is open. Nothing is asked of a device
	// at any other time.
	Spoken struct{}
	// Withheld says that the Exec of a TaskExec has not gone out with its Adds,
	// and will not: they did not fit into one message, or the answer could hold
	// no commands. The task is a TaskOffer from then on.
	Withheld struct{ Seq uint32 }
	// Done is the outcome of a task: the Status of its command. Added is the
	// worst Status of Adds, as TaskOffer judges them, 200 without any. State is
	// what TaskState read.
	Done struct {
		Seq    uint32
		Status int
		Added  int
		State  fwupdate.State
	}
	// Closed says that the session has ended, however: a task that has no
	// outcome will not get one.
	Closed struct{}
	// Alerted is a final alert of DownloadAndUpdate, of a device that is
	// authenticated.
	Alerted struct {
		Package    string // of the alert's Source
		Correlator string
		Code       fwupdate.Code
	}
)

// The actions of a Virtual, besides [Note] and [Report].
type (
	// Fetch asks for the package at URI; Received or FetchFailed answers. It
	// may be asked again after a restart, with the same Seq.
	Fetch struct {
		Instance lwm2m9.InstanceID
		Seq      uint32
		URI      string
	}
	// Receive gives a push its Seq.
	Receive struct {
		Instance lwm2m9.InstanceID
		Seq      uint32
	}
	// StopFetch ends a fetch or a push whose package nobody wants any more.
	StopFetch struct{ Seq uint32 }
	// Verify asks whether the package in the store is what was announced.
	Verify struct {
		Instance lwm2m9.InstanceID
		Seq      uint32
		Digest   string
	}
	// Drop says that the instance needs the package no more.
	Drop struct{ Digest string }
	// Wake asks to send the device a trigger, if there is a way to.
	Wake struct{}
	// Do asks for a task, in answer to Spoken; Done tells its outcome, or
	// Closed that there is none.
	Do struct {
		Seq        uint32
		Task       Task
		Instance   lwm2m9.InstanceID // of a campaign's task
		Package    string
		Correlator string // TaskExec
		Offered    bool   // TaskExec: the Adds are done, in this session
	}
	// Created says which instance a CreateAsked made.
	Created struct{ Instance lwm2m9.InstanceID }
)

func (Fetch) action()     {}
func (Receive) action()   {}
func (StopFetch) action() {}
func (Verify) action()    {}
func (Drop) action()      {}
func (Wake) action()      {}
func (Do) action()        {}
func (Created) action()   {}
