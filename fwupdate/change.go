package fwupdate

import (
	"errors"
	"fmt"
	"mime"
	"strings"
	"unicode/utf8"

	"github.com/fwbridge/fwbridge/syncml"
)

// Add creates a node and the interior nodes above it that are missing: 404
// outside the objects, 405 where the tables allow no Add, 406, 412 without
// data, 413, 414, 415, 418 when it exists, 420 when there are [MaxPackages]
// packages, 425.
func (t *Tree) Add(who string, item syncml.Item) error {
	uri := item.Target.URI
	at, err := t.locate(uri)
	switch {
	case err != nil:
		return err
	case at.node == nil && at.last == root:
		return refuse(syncml.StatusNotFound, uri, errNotFound)
	case at.exists() && at.node.access&canAdd != 0:
		return refuse(syncml.StatusAlreadyExists, uri, errors.New("the node exists"))
	case !t.allowed(who):
		return refuse(syncml.StatusPermissionDenied, uri, errNoRight)
	case at.node == nil || at.node.access&canAdd == 0:
		// What the objects do not define, and what exists by itself: ./FwUpdate,
		// State, ./DevInfo and ./DevDetail.
		return refuse(syncml.StatusNotAllowed, uri, errAccess)
	}
	value, err := at.node.accept(item)
	if err != nil {
		return err
	}
	if at.pkg == nil && len(t.packages) >= MaxPackages {
		return refuse(syncml.StatusDeviceFull, uri, fmt.Errorf("there are %d packages", MaxPackages))
	}
	t.put(at, value)
	return nil
}

// put creates the node at a place, with all that is missing above it.
func (t *Tree) put(at place, value string) {
	p := at.pkg
	if p == nil {
		p = &pkg{State: StateIdle}
		if t.packages == nil {
			t.packages = make(map[string]*pkg)
		}
		t.packages[at.id] = p
	}
	if at.node.slot == nil {
		return // the package itself
	}
	*at.node.slot(p) = &value
	if p.URL != nil && p.Update == nil {
		p.Update = new(string)
	}
}

// Replace overwrites the value of a leaf; it never creates one: 404, 405,
// 406, 412 without data, 413, 414, 415, 425. A running drive has its own copy.
func (t *Tree) Replace(who string, item syncml.Item) error {
	at, err := t.existing(who, item.Target.URI, canReplace)
	if err != nil {
		return err
	}
	value, err := at.node.accept(item)
	if err != nil {
		return err
	}
	*at.node.slot(at.pkg) = &value
	return nil
}

// accept checks what a server wants to store in n, in the order format and
// type (415), data (412), size (413).
func (n *node) accept(item syncml.Item) (string, error) {
	uri, why := item.Target.URI, errors.New("the node has another format or type")
	if !n.leaf() {
		// A node without Meta is taken too: old servers leave Format out.
		if f := item.Meta.Format; f != formatNode && (f != "" || len(item.Data) > 0) || isTNDS(item.Meta.Type) {
			return "", refuse(syncml.StatusUnsupportedFormat, uri, why)
		}
		return "", nil
	}
	// Base64 is refused, because it may mean a value that is base64 text as
	// well as an encoded one (DM Tree and Description 1.2, "Format").
	if f := item.Meta.Format; f != "" && f != n.format || !isPlainText(item.Meta.Type) {
		return "", refuse(syncml.StatusUnsupportedFormat, uri, why)
	}
	switch value := string(item.Data); {
	case item.Data == nil:
		return "", refuse(syncml.StatusIncomplete, uri, errors.New("no data"))
	case len(value) > n.max:
		return "", refuse(syncml.StatusTooLarge, uri, fmt.Errorf("%d bytes, at most %d", len(value), n.max))
	case !utf8.ValidString(value) || strings.ContainsFunc(value, func(r rune) bool { return !isText(r) }):
		return "", refuse(syncml.StatusUnsupportedFormat, uri, errors.New("not text"))
	default:
		return value, nil
	}
}

// isPlainText accepts the default type, spelled out or not.
func isPlainText(t string) bool {
	if t == "" {
		return true
	}
	media, _, err := mime.ParseMediaType(t)
	return err == nil && media == mimeText
}

// isTNDS recognizes a whole sub-tree in one object, which is not supported.
func isTNDS(t string) bool { return strings.HasPrefix(t, "application/vnd.syncml.dmtnds") }

// Delete removes a node with all below it: 403 for a package whose drive can
// no longer be stopped, 404, 405, 406, 414, 425. Only deleting the package
// itself cancels its drive; without its nodes the drive goes on, since it has
// its own copy of them.
func (t *Tree) Delete(who, uri string) error {
	at, err := t.existing(who, uri, canDelete)
	if err != nil {
		return err
	}
	if at.node.slot != nil {
		*at.node.slot(at.pkg) = nil
		for _, n := range at.node.nodes {
			*n.slot(at.pkg) = nil
		}
		return nil
	}
	return t.deletePackage(at)
}

func (t *Tree) deletePackage(at place) error {
	if t.drives(at.id) {
		if t.drive.Busy == Committed {
			return refuse(syncml.StatusForbidden, at.uri, errors.New("the package is being installed"))
		}
		t.cancel(at.id)
	}
	delete(t.packages, at.id)
	return nil
}

// cancel leaves word for the drive of a package, or takes the Exec back that
// has not become a drive yet.
func (t *Tree) cancel(id string) {
	for i, e := range t.executions {
		if e.Package == id {
			t.executions = append(t.executions[:i:i], t.executions[i+1:]...)
			t.drive = driven{}
			return
		}
	}
	t.deletions = append(t.deletions, id)
	t.drive.Orphan = true
}
