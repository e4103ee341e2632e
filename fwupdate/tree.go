package fwupdate

// Tree is the management tree of one device. The zero value is an empty tree;
// its JSON form is for the store.
type Tree struct {
	identity Identity
}

// Package is a copy of one ./FwUpdate/x.
type Package struct {
	ID      string // the x, unescaped
	Name    string
	Version string
	URL     string
	State   State
	Busy    Busy
	Bound   uint32 // the Object 9 instance of an earlier drive, plus one; 0 is none
}

// NewTree returns a tree without packages.
func NewTree(id Identity) *Tree { return &Tree{identity: id} }

// SetRoles sets who may do something: server id to role. It is not stored:
// set it after every load. A server without a role gets 425.
func (t *Tree) SetRoles(roles map[string]Role) {}

// Identity returns what ./DevInfo and ./DevDetail show.
func (t *Tree) Identity() Identity { return t.identity }

// SetIdentity replaces what ./DevInfo and ./DevDetail show.
func (t *Tree) SetIdentity(id Identity) { t.identity = id }

// Packages returns the packages, in order of their ids.
func (t *Tree) Packages() []Package { return nil }

// Package returns one package.
func (t *Tree) Package(id string) (Package, bool) { return Package{}, false }

// TakeExecutions returns the accepted Execs since the last call.
func (t *Tree) TakeExecutions() []Execution { return nil }

// TakeDeletions returns the packages that were deleted while their drive ran,
// since the last call. That drive must be told (mapping.Deleted) before the
// Executions are started.
func (t *Tree) TakeDeletions() []string { return nil }

// SetState sets ./FwUpdate/x/State on behalf of the drive of pkg. It does
// nothing when that package was deleted, even if it was added again.
func (t *Tree) SetState(pkg string, s State) {}

// SetBusy says how far the drive of pkg is. NotBusy ends it: call it also for
// a drive whose package was deleted, since until then every Exec is answered
// 417. Call SetState before SetBusy(pkg, NotBusy).
func (t *Tree) SetBusy(pkg string, b Busy) {}

// SetBound notes the instance that the drive of pkg uses, plus one.
func (t *Tree) SetBound(pkg string, bound uint32) {}
