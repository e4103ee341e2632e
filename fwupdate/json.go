package fwupdate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/fwbridge/fwbridge/fwupdate/tree"
)

// storedVersion is the version of trees written. Version 1, without a number,
// had no accounts, nothing installed and no properties of nodes.
const storedVersion = 2

// stored is the JSON form of a Tree.
type stored struct {
	V          int             `json:"v,omitempty"`
	Identity   Identity        `json:"identity"`
	Accounts   []Account       `json:"accounts,omitempty"`
	Installed  []Installed     `json:"installed,omitempty"`
	Packages   map[string]*pkg `json:"packages,omitempty"`
	Properties tree.Book       `json:"properties,omitzero"`
	Drive      *driven         `json:"drive,omitempty"`
	Executions []Execution     `json:"executions,omitempty"`
	Deletions  []string        `json:"deletions,omitempty"`
}

// MarshalJSON is the form for the store: everything but the roles. Equal trees
// give equal bytes.
func (t *Tree) MarshalJSON() ([]byte, error) {
	s := stored{
		V: storedVersion, Identity: t.identity, Accounts: t.accounts, Installed: t.installed, Packages: t.packages,
		Properties: t.book, Executions: t.executions, Deletions: t.deletions,
	}
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
	if s.V > storedVersion {
		return fmt.Errorf("fwupdate: tree: version %d; this program knows up to %d", s.V, storedVersion)
	}
	read := Tree{
		identity: s.Identity, roles: t.roles, granted: t.granted, accounts: s.Accounts, installed: s.Installed, packages: s.Packages,
		book: s.Properties, executions: s.Executions, deletions: s.Deletions,
	}
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
		if !isName(id) {
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
	if err := t.checkOthers(); err != nil {
		return err
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

// checkOthers is check for what does not belong to packages.
func (t *Tree) checkOthers() error {
	for i, a := range t.accounts {
		if !isName(a.ID) || slices.ContainsFunc(t.accounts[:i], func(b Account) bool { return b.ID == a.ID }) {
			return errors.New("an account with an impossible name")
		}
	}
	for i, r := range t.installed {
		if !isName(r.ID) || slices.ContainsFunc(t.installed[:i], func(b Installed) bool { return b.ID == r.ID }) {
			return errors.New("an installed package with an impossible name")
		}
	}
	for p := range t.book.Nodes {
		if !t.at(p).there {
			return errors.New("properties of a node that is not there")
		}
	}
	return nil
}

// isName says whether a node can have the name.
func isName(name string) bool {
	back, ok := tree.Unescape(Escape(name))
	return ok && back == name
}
