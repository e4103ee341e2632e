package tree

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"
)

// StampFormat is how TStamp is written: ISO 8601, basic, UTC.
const StampFormat = "20060102T150405Z"

// MaxTitle is how many bytes a Title may have (TND 1.2, "Title").
const MaxTitle = 255

// Properties are those of a node that neither its definition nor its value
// gives. The zero value is a node that never changed.
type Properties struct {
	ACL   ACL       `json:"acl,omitzero"` // the node's own
	Title string    `json:"title,omitempty"`
	VerNo uint16    `json:"verNo,omitempty"`
	Stamp time.Time `json:"stamp,omitzero"` // of the last change; zero: since the tree is there
}

// Book holds the Properties of the nodes that have any. It is a plain value
// but for [Book.Clone]; the zero value is ready for use.
type Book struct {
	now   time.Time
	born  time.Time // the stamp of nodes that never changed
	nodes map[Path]Properties
}

// SetTime says what time it is, for the changes that follow, to the second.
func (b *Book) SetTime(now time.Time) {
	b.now = now.UTC().Truncate(time.Second)
	if b.born.IsZero() {
		b.born = b.now
	}
}

// Of returns the properties of a node.
func (b *Book) Of(p Path) Properties {
	q := b.nodes[p]
	if q.Stamp.IsZero() {
		q.Stamp = b.born
	}
	return q
}

// change stores what f makes of a node's properties, as one change of it.
func (b *Book) change(p Path, f func(*Properties)) {
	q := b.nodes[p]
	f(&q)
	q.VerNo++ // 65535 is followed by 0
	q.Stamp = b.now
	b.set(p, q)
}

func (b *Book) set(p Path, q Properties) {
	if b.nodes == nil {
		b.nodes = make(map[Path]Properties)
	}
	b.nodes[p] = q
}

// Touch counts a change of the node's value or of its children.
func (b *Book) Touch(p Path) { b.change(p, func(*Properties) {}) }

// SetACL replaces the node's own access control list.
func (b *Book) SetACL(p Path, a ACL) { b.change(p, func(q *Properties) { q.ACL = a }) }

// SetTitle replaces the node's title.
func (b *Book) SetTitle(p Path, title string) { b.change(p, func(q *Properties) { q.Title = title }) }

// Create begins the properties of a new node.
func (b *Book) Create(p Path, acl ACL) { b.set(p, Properties{ACL: acl, Stamp: b.now}) }

// Forget drops the properties of a node that is gone, and of all below it.
func (b *Book) Forget(top Path) {
	maps.DeleteFunc(b.nodes, func(p Path, _ Properties) bool { return p.In(top) })
}

// Rename moves the properties of a node and of all below it.
func (b *Book) Rename(from, to Path) {
	moved := map[Path]Properties{}
	for p, q := range b.nodes {
		if p.In(from) {
			moved[to+p[len(from):]] = q
		}
	}
	b.Forget(from)
	for p, q := range moved {
		b.set(p, q)
	}
}

// DropServer takes a server that is no more out of all access control lists.
// Those of the root keep an entry for everybody.
func (b *Book) DropServer(id string) {
	for p, q := range b.nodes {
		if a := q.ACL.Without(id, p == Root); a.String() != q.ACL.String() {
			b.SetACL(p, a)
		}
	}
}

// Clone returns a copy that shares nothing.
func (b *Book) Clone() Book {
	c := *b
	c.nodes = maps.Clone(b.nodes)
	return c
}

// Nodes calls f for every node that has properties, in no order, until it
// returns false.
func (b *Book) Nodes(f func(Path) bool) {
	for p := range b.nodes {
		if !f(p) {
			return
		}
	}
}

// storedBook is the JSON form of a Book; the time of day is not stored.
type storedBook struct {
	Born  time.Time           `json:"born,omitzero"`
	Nodes map[Path]Properties `json:"nodes,omitempty"`
}

// IsZero says whether there is nothing to store.
func (b Book) IsZero() bool { return b.born.IsZero() && len(b.nodes) == 0 }

// MarshalJSON implements [json.Marshaler].
func (b Book) MarshalJSON() ([]byte, error) { return json.Marshal(storedBook{b.born, b.nodes}) }

// UnmarshalJSON implements [json.Unmarshaler]: titles over the limit and
// paths that name no node are errors.
func (b *Book) UnmarshalJSON(text []byte) error {
	var s storedBook
	if err := json.Unmarshal(text, &s); err != nil {
		return fmt.Errorf("tree: properties: %w", err)
	}
	for p, q := range s.Nodes {
		if !p.Valid() || len(q.Title) > MaxTitle || !IsValue(q.Title) {
			return errors.New("tree: properties that no node can have")
		}
	}
	*b = Book{born: s.Born, nodes: s.Nodes}
	return nil
}
