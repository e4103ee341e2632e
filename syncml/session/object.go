package session

import (
	"encoding/base64"
	"strings"

	"github.com/fwbridge/fwbridge/syncml"
)

// Limits of large objects.
const (
	// DefaultMaxObject is the longest object that is put together, in bytes,
	// whatever lower MaxObjSize was announced: there are peers that do not keep it.
	DefaultMaxObject = 256 << 10
	// MaxChunks is how many chunks an object has at most: without it, empty
	// chunks would never end.
	MaxChunks = 4096
)

// assembler puts large objects together (OMA DM Protocol 1.2, "Large Object
// Handling"). There is at most one object under way, which is all that it
// keeps. The zero value is ready.
type assembler struct {
	max  int64 // bytes of an object; 0 stands for DefaultMaxObject
	open *object
	// refused is the object whose chunks are refused until its last one: that
	// one looks like a whole value, and must not become one.
	refused *refusedObject
}

// objectID tells which object a chunk is part of.
type objectID struct {
	cmd            syncml.Name
	target, source string
}

// object exists from its first chunk to its last.
type object struct {
	id     objectID
	meta   syncml.Meta // of the first chunk
	data   []byte
	chunks int
}

type refusedObject struct {
	id   objectID
	code syncml.Code
}

// take gives the assembler an Item whose Meta is what counts for it.
// With whole true, item is complete and to be carried out. With whole
// false and no error it was a chunk that is kept: its answer is 213. The error is a
// [*syncml.StatusError], and the object is given up: 411 for a first chunk
// without Size (nothing would show that a chunk is missing), 413 for an object
// over the limit, 424 for one that is not as long as its Size said. The rest
// of an object that was given up gets the same code. Call interrupted before.
func (a *assembler) take(cmd syncml.Name, item syncml.Item) (whole bool, all syncml.Item, err error) {
	id := objectID{cmd, item.Target.URI, item.Source.URI}
	if a.open == nil {
		if r := a.stillRefused(id, item); r != nil {
			return false, item, refuse(r.code, r.id.uri(), "the rest of an object that was refused")
		}
		if !item.MoreData {
			return true, item, nil
		}
		if code, why := a.admit(item.Meta.Size); why != "" {
			return false, item, a.giveUp(id, item, code, why)
		}
		a.open = &object{id: id, meta: item.Meta}
	}
	o := a.open
	if code, why := o.grow(item); why != "" {
		return false, item, a.giveUp(id, item, code, why)
	}
	if item.MoreData {
		return false, item, nil
	}
	a.open = nil
	item.Meta, item.Data = o.meta, o.data
	return true, item, nil
}

// limit is the longest object in bytes.
func (a *assembler) limit() int64 {
	if a.max > 0 {
		return a.max
	}
	return DefaultMaxObject
}

// admit looks at the size that a first chunk announces.
func (a *assembler) admit(size int64) (syncml.Code, string) {
	switch {
	case size <= 0:
		return syncml.StatusSizeRequired, "a first chunk without Size"
	case size > a.limit():
		return syncml.StatusTooLarge, "a Size over MaxObjSize"
	}
	return 0, ""
}

// grow adds a chunk and, after the last one, compares the length.
func (o *object) grow(chunk syncml.Item) (syncml.Code, string) {
	o.chunks++
	switch n := int64(len(o.data) + len(chunk.Data)); {
	case o.chunks > MaxChunks:
		return syncml.StatusTooLarge, "too many chunks"
	case n > mostCarried(o.meta.Size):
		return syncml.StatusSizeMismatch, "more data than Size says"
	}
	o.data = append(o.data, chunk.Data...)
	if !chunk.MoreData && !o.complete() {
		return syncml.StatusSizeMismatch, "not as long as Size says"
	}
	return 0, ""
}

// mostCarried is how long an object of a size can be as it is carried: base64
// with line ends adds half of its length and less.
func mostCarried(size int64) int64 { return size + size/2 + 4 }

// complete compares the length of the data with its Size. Senders count data
// in base64 as it is carried or as it is meant (oma-dm.md 11, row 30).
func (o *object) complete() bool {
	n, size := int64(len(o.data)), o.meta.Size
	switch strings.ToLower(o.meta.Format) {
	case "b64":
		return n == size || decodedLen(o.data) == size
	case "bin": // raw in WBXML, where the sender may have counted its base64
		return n == size || int64(base64.StdEncoding.EncodedLen(len(o.data))) == size
	}
	return n == size
}

// decodedLen is the length of what base64 text stands for, or -1.
func decodedLen(text []byte) int64 {
	b, err := base64.StdEncoding.DecodeString(string(text)) // it skips line ends
	if err != nil {
		return -1
	}
	return int64(len(b))
}

// giveUp drops the object under way and remembers to refuse the rest of it.
func (a *assembler) giveUp(id objectID, chunk syncml.Item, code syncml.Code, why string) error {
	a.open, a.refused = nil, nil
	if chunk.MoreData {
		a.refused = &refusedObject{id, code}
	}
	return refuse(code, id.uri(), why)
}

// stillRefused says whether an Item is the next chunk of an object that was
// given up; nil if not. One with a Size begins anew.
func (a *assembler) stillRefused(id objectID, item syncml.Item) *refusedObject {
	r := a.refused
	if r == nil {
		return nil
	}
	if r.id != id || !item.MoreData || item.Meta.Size > 0 {
		a.refused = nil
	}
	if r.id != id || item.MoreData && item.Meta.Size > 0 {
		return nil
	}
	return r
}

// interrupted says whether an Item comes between the chunks of another object.
// That one is dropped; the Alert 1225 is what its sender is told (OMA DM
// Protocol 1.2, "Large Object Handling": no Status could refer to it). Nil if
// nothing is lost. A sender that repeats the Size on every chunk is understood;
// another Size begins a new object.
func (a *assembler) interrupted(cmd syncml.Name, item syncml.Item) *syncml.Alert {
	id := objectID{cmd, item.Target.URI, item.Source.URI}
	if a.open == nil || a.open.id == id && (item.Meta.Size == 0 || item.Meta.Size == a.open.meta.Size) {
		return nil
	}
	return a.drop()
}

// drop gives up the object under way, as when another command or the end of
// the package comes before its last chunk. It returns the Alert 1225, or nil
// if there was no object.
func (a *assembler) drop() *syncml.Alert {
	o := a.open
	if o == nil {
		return nil
	}
	a.open = nil
	return &syncml.Alert{Code: syncml.AlertNoEndOfData, Items: []syncml.Item{{
		Target: syncml.Location{URI: o.id.target},
		Source: syncml.Location{URI: o.id.source},
	}}}
}

// awaits says whether an Item goes on with the object that is under way, or
// with one that was refused.
func (a *assembler) awaits(cmd syncml.Name, item syncml.Item) bool {
	id := objectID{cmd, item.Target.URI, item.Source.URI}
	return a.open != nil && a.open.id == id || a.refused != nil && a.refused.id == id
}

// waiting says whether an object is under way.
func (a *assembler) waiting() bool { return a.open != nil }

// uri is how a refusal names the object.
func (id objectID) uri() string {
	if id.target != "" {
		return id.target
	}
	return id.source
}
