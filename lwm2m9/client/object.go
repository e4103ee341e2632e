package client

import (
	"context"
	"slices"

	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/lwm2m9/wire"
)

// Object is one object of a device, with its instances. Paths that it is called
// with are of this object and of instances and resources that it has said it
// has, with operations that its definition allows, and values of the type of
// their resource; only Read may be asked for a resource of an instance that is
// gone, which has no value. It may be called from several goroutines at once.
//
// An error that is or wraps an [*Error] answers with its code, any other with
// 5.00. What a call has changed is durable when it returns: then the server is
// told.
type Object interface {
	// Definition is the object's table. It never changes.
	Definition() *Definition
	// Instances are the numbers of the instances there are, ascending.
	Instances() []uint16
	// Read gives the values at a path of two to four numbers, in any order:
	// those of readable resources of an instance, of a resource, of a resource
	// instance. What is not below the path, or not readable, is dropped. A
	// resource without a value is left out; asked for alone, it is answered 4.04.
	Read(ctx context.Context, path wire.Path) ([]wire.Entry, error)
}

// Writer is an [Object] that has something to write.
type Writer interface {
	Write(ctx context.Context, w Write) error
}

// Write is one Write to an instance, a resource or a resource instance.
type Write struct {
	Path wire.Path
	// Replace says that resources of an instance, or instances of a resource,
	// which are not among the entries are to go (LwM2M 1.1 Core, 6.3.3).
	Replace bool
	// Entries are the values, each at the path of a resource that is not
	// multiple or of a resource instance. The value of a resource instance
	// that is to be deleted is null (LwM2M 1.2).
	Entries []wire.Entry
}

// Executor is an [Object] with resources that can be executed.
type Executor interface {
	Execute(ctx context.Context, path wire.Path, args []wire.Argument) error
}

// Creator is an [Object] whose instances servers can create and delete.
type Creator interface {
	// Create makes an instance with that number, or any number when id is
	// wire.NoInstance, and gives its number. The paths of the entries have the
	// number id; they are of resources that the definition knows.
	Create(ctx context.Context, id uint16, entries []wire.Entry) (uint16, error)
	// Delete removes an instance.
	Delete(ctx context.Context, id uint16) error
}

// Limiter is an [Object] that bounds what is written to it: MaxBytes is the
// most bytes that the payload of a Write or Create at a path may have, 0 for no
// bound but [Options.MaxBody]. More is answered 4.13.
type Limiter interface {
	MaxBytes(path wire.Path) int
}

// Definition is the table of an object: the resources that this device has of
// it.
type Definition struct {
	ID        uint16
	Version   string     // "1.1"; "" says nothing, which is 1.0
	Resources []Resource // ascending by ID
}

// Resource is a row of a [Definition].
type Resource struct {
	ID         uint16
	Name       string
	Operations lwm2m9.Operations
	Type       wire.Type
	Multiple   bool
}

// Resource finds a row.
func (d *Definition) Resource(id uint16) (Resource, bool) {
	i, ok := slices.BinarySearchFunc(d.Resources, id, func(r Resource, id uint16) int { return int(r.ID) - int(id) })
	if !ok {
		return Resource{}, false
	}
	return d.Resources[i], true
}

// types gives the types of the object's resources for wire.Decode.
func (d *Definition) types(p wire.Path) wire.Type {
	if p.ID(0) != d.ID {
		return wire.TypeNone
	}
	r, _ := d.Resource(p.ID(2))
	return r.Type
}

// Object9 is the definition of Software Management in a dialect, in version 1.0
// (lwm2m9.Resources). Of the optional resources it has those named.
func Object9(dialect lwm2m9.Dialect, optional ...lwm2m9.ResourceID) *Definition {
	d := &Definition{ID: lwm2m9.ObjectID}
	for _, r := range lwm2m9.Resources(dialect) {
		if r.In(dialect) == lwm2m9.Mandatory || slices.Contains(optional, r.ID) {
			d.Resources = append(d.Resources, Resource{uint16(r.ID), r.Name, r.Operations, r.Type, r.Multiple})
		}
	}
	return d
}
