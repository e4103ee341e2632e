package fwupdate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// stored is the JSON form of a Tree.
type stored struct {
	Identity   Identity        `json:"identity"`
	Packages   map[string]*pkg `json:"packages,omitempty"`
	Drive      *driven         `json:"drive,omitempty"`
	Executions []Execution     `json:"executions,omitempty"`
	Deletions  []string        `json:"deletions,omitempty"`
}

// MarshalJSON is the form for the store: everything but the roles. Equal trees
// give equal bytes.
func (t *Tree) MarshalJSON() ([]byte, error) {
	s := stored{Identity: t.identity, Packages: t.packages, Executions: t.executions, Deletions: t.deletions}
	if t.drive != (driven{}) {
		s.Drive = &t.drive
	}
	return json.Marshal(s)
}

// UnmarshalJSON reads what [Tree.MarshalJSON] wrote and nothing else: unknown
// fields and trees that no sequence of commands can lead to are errors. The
// roles stay as they are.
func (t *Tree) UnmarshalJSON(b []byte) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	var s stored
	if err := dec.Decode(&s); err != nil {
		return fmt.Errorf("fwupdate: tree: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return errors.New("fwupdate: tree: more than one value")
	}
	read := Tree{identity: s.Identity, roles: t.roles, packages: s.Packages, executions: s.Executions, deletions: s.Deletions}
	if s.Drive != nil {
		read.drive = *s.Drive
	}
	if err := read.check(); err != nil {
		return fmt.Errorf("fwupdate: tree: %w", err)
	}
	*t = read
	return nil
}

// check tells a tree that commands can lead to from one that is damaged.
func (t *Tree) check() error {
	for id, p := range t.packages {
		if name, ok := unescape(Escape(id)); !ok || name != id {
			return errors.New("a package with an impossible name")
		}
		switch {
		case p == nil:
			return errors.New("a package without content")
		case p.State == 0:
			return errors.New("a package without a state")
		case p.URL != nil && p.Update == nil:
			return errors.New("a PkgURL without DownloadAndUpdate")
		}
	}
	switch {
	case t.drive.Busy > Committed:
		return errors.New("an unknown degree of Busy")
	case t.drive.Busy == NotBusy && t.drive != (driven{}):
		return errors.New("a drive that does not run")
	case t.drive.Busy != NotBusy && !t.drive.Orphan && t.packages[t.drive.Package] == nil:
		return errors.New("a drive without its package")
	}
	return nil
}
