package tree

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Right is a command as an access control list names it. There is none for
// Copy: that needs Get at its source and Replace or Add at its target.
type Right uint8

// The rights, in the order in which they are written.
const (
	RightAdd Right = iota
	RightDelete
	RightExec
	RightGet
	RightReplace
)

// AllRights is every right.
var AllRights = []Right{RightAdd, RightDelete, RightExec, RightGet, RightReplace}

var rightNames = [...]string{"Add", "Delete", "Exec", "Get", "Replace"}

// String is the command.
func (r Right) String() string {
	if int(r) < len(rightNames) {
		return rightNames[r]
	}
	return fmt.Sprintf("right %d", r)
}

// MaxACL is how many bytes an access control list may have.
const MaxACL = 1024

// anyone is the server id that stands for all.
const anyone = "*"

// ErrACL means that a text is no access control list, or one over [MaxACL].
var ErrACL = errors.New("not an access control list")

// ACL is an access control list (TND 1.2, "ACL syntax"): which servers have
// which rights. The zero value is the empty list, which inherits. An ACL is
// not changed, its methods return new ones; two are equal when their texts
// are. It keeps the order in which a server wrote it.
type ACL struct {
	entries []entry
}

type entry struct {
	right Right
	ids   []string // never empty
}

// ParseACL reads an access control list; "" is the empty one. The error is
// ErrACL.
func ParseACL(s string) (ACL, error) {
	if s == "" {
		return ACL{}, nil
	}
	if len(s) > MaxACL {
		return ACL{}, ErrACL
	}
	var a ACL
	for part := range strings.SplitSeq(s, "&") {
		name, list, _ := strings.Cut(part, "=")
		right := slices.Index(rightNames[:], name)
		ids := strings.Split(list, "+")
		if right < 0 || a.find(Right(right)) >= 0 || slices.ContainsFunc(ids, func(id string) bool { return id != anyone && !IsServerID(id) }) {
			return ACL{}, ErrACL
		}
		a.entries = append(a.entries, entry{Right(right), ids})
	}
	return a, nil
}

// IsServerID says whether a list can name the server: printable ASCII without
// "=", "&", "*", "+" and spaces.
func IsServerID(id string) bool {
	return id != "" && !strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("=&*+", r) })
}

// Grant is the list that gives the servers the rights. Where one of them has
// an id that no list can hold, it says "*": leaving it out would lock it out.
// Without servers it is empty.
func Grant(servers []string, rights ...Right) ACL {
	if len(servers) == 0 {
		return ACL{}
	}
	ids := slices.Compact(slices.Sorted(slices.Values(servers)))
	if slices.ContainsFunc(ids, func(id string) bool { return !IsServerID(id) }) {
		ids = []string{anyone}
	}
	var a ACL
	for _, r := range rights {
		a.entries = append(a.entries, entry{r, ids})
	}
	return a
}

// String is the list as it goes over the wire.
func (a ACL) String() string {
	parts := make([]string, len(a.entries))
	for i, e := range a.entries {
		parts[i] = e.right.String() + "=" + strings.Join(e.ids, "+")
	}
	return strings.Join(parts, "&")
}

// IsZero says whether the list is empty, and inherits.
func (a ACL) IsZero() bool { return len(a.entries) == 0 }

// Allows says whether the list gives the server the right.
func (a ACL) Allows(server string, r Right) bool {
	i := a.find(r)
	return i >= 0 && (slices.Contains(a.entries[i].ids, anyone) || slices.Contains(a.entries[i].ids, server))
}

// Entry is one entry of the list: "" when nobody has the right.
func (a ACL) Entry(r Right) string {
	if i := a.find(r); i >= 0 {
		return strings.Join(a.entries[i].ids, "+")
	}
	return ""
}

func (a ACL) find(r Right) int {
	return slices.IndexFunc(a.entries, func(e entry) bool { return e.right == r })
}

// With is the list with the rights given to one more server.
func (a ACL) With(server string, rights ...Right) ACL {
	b := ACL{slices.Clone(a.entries)}
	id := server
	if !IsServerID(id) {
		id = anyone
	}
	for _, r := range rights {
		switch i := b.find(r); {
		case i < 0:
			b.entries = append(b.entries, entry{r, []string{id}})
		case !b.Allows(server, r):
			b.entries[i].ids = append(slices.Clip(b.entries[i].ids), id)
		}
	}
	return b
}

// Without is the list after a server is gone: entries that lose their last
// server are dropped, or with keep (for the root) become "*".
func (a ACL) Without(server string, keep bool) ACL {
	var b ACL
	for _, e := range a.entries {
		ids := slices.DeleteFunc(slices.Clone(e.ids), func(id string) bool { return id == server })
		if len(ids) == 0 && keep {
			ids = []string{anyone}
		}
		if len(ids) > 0 {
			b.entries = append(b.entries, entry{e.right, ids})
		}
	}
	return b
}

// MarshalText implements [encoding.TextMarshaler], for the store.
func (a ACL) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (a *ACL) UnmarshalText(b []byte) (err error) {
	*a, err = ParseACL(string(b))
	return err
}
