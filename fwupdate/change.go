package fwupdate

import (
	"errors"
	"fmt"
	"mime"
	"strings"

	"github.com/fwbridge/fwbridge/fwupdate/tree"
	"github.com/fwbridge/fwbridge/syncml"
)

// Add creates a node and the interior nodes above it that are missing, or a
// whole sub-tree of ./FwUpdate from a TNDS document: 404 outside the objects,
// 405 where the tables allow no Add, 406, 412 without data, 413, 414, 415, 418
// when it exists, 420 when there are [MaxPackages] packages, 425. Where a node
// above it cannot be created, the error names that one (RepPro 1.2, "Add").
func (t *Tree) Add(who string, item syncml.Item) error {
	uri := item.Target.URI
	at, err := t.locate(uri)
	switch {
	case err != nil:
		return err
	case at.node == nil && at.last == root:
		return refuse(syncml.StatusNotFound, uri, errNotFound)
	case at.isPart():
		return refuse(syncml.StatusNotAllowed, uri, errProperty)
	case isTNDS(item.Meta):
		return t.addTNDS(who, at, item)
	case at.there && at.node.access.has(tree.RightAdd):
		return refuse(syncml.StatusAlreadyExists, uri, errors.New("the node exists"))
	case !t.allowed(who, tree.RightAdd, at.above):
		return refuse(syncml.StatusPermissionDenied, at.uppermost(), errNoRight)
	case at.node == nil || !at.node.access.has(tree.RightAdd):
		// What the objects do not define, and what exists by itself: ./FwUpdate,
		// State, ./DevInfo and ./DevDetail.
		return refuse(syncml.StatusNotAllowed, uri, errAccess)
	}
	value, err := at.node.accept(item)
	if err != nil {
		return err
	}
	if at.pkg == nil && len(t.packages) >= MaxPackages {
		return refuse(syncml.StatusDeviceFull, at.uppermost(), fmt.Errorf("there are %d packages", MaxPackages))
	}
	acl := t.creatorACL(who, at.above)
	t.put(at, value)
	t.created(at, acl)
	return nil
}

// uppermost is the address of the first node that an Add has to create: of the
// one that was asked for, as it was written, unless one above it is missing.
func (at place) uppermost() string {
	p := at.Path
	for p.Parent() != at.above {
		p = p.Parent()
	}
	if p == at.Path {
		return at.uri
	}
	return p.URI()
}

// created begins the properties of new nodes: the one of the command and those
// above it that came along. The list is that of the uppermost; below it they
// inherit.
func (t *Tree) created(at place, acl tree.ACL) {
	t.book.Touch(at.above)
	for p := at.Path; p != at.above; p = p.Parent() {
		own := tree.ACL{}
		if p.Parent() == at.above {
			own = acl
		}
		t.book.Create(p, own)
	}
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

// Replace overwrites the value of a leaf, a property, or with a TNDS document
// a sub-tree of ./FwUpdate; a leaf it never creates: 404, 405, 406, 412 without
// data, 413, 414, 415, 425. A running drive has its own copy.
func (t *Tree) Replace(who string, item syncml.Item) error {
	uri := item.Target.URI
	if at, err := t.locate(uri); err == nil && at.there && at.Property != tree.NoProperty {
		return t.replaceProperty(who, at, item)
	}
	if isTNDS(item.Meta) {
		at, err := t.found(who, uri, tree.RightReplace)
		if err != nil {
			return err
		}
		return t.replaceTNDS(who, at, item)
	}
	at, err := t.existing(who, uri, tree.RightReplace)
	if err != nil {
		return err
	}
	value, err := at.node.accept(item)
	if err != nil {
		return err
	}
	*at.node.slot(at.pkg) = &value
	t.book.Touch(at.Path)
	return nil
}

// accept checks what a server wants to store in n, in the order format and
// type (415), data (412), size (413).
func (n *node) accept(item syncml.Item) (string, error) {
	uri, why := item.Target.URI, errors.New("the node has another format or type")
	if !n.leaf() {
		// A node without Meta is taken too: old servers leave Format out.
		if f := item.Meta.Format; f != formatNode && (f != "" || len(item.Data) > 0) || strings.HasPrefix(mediaType(item.Meta.Type), anyTNDS) {
			return "", refuse(syncml.StatusUnsupportedFormat, uri, why)
		}
		return "", nil
	}
	// Base64 is refused, because it may mean a value that is base64 text as
	// well as an encoded one (DM Tree and Description 1.2, "Format").
	if f := item.Meta.Format; f != "" && f != n.format || item.Meta.Type != "" && mediaType(item.Meta.Type) != mimeText {
		return "", refuse(syncml.StatusUnsupportedFormat, uri, why)
	}
	switch value := string(item.Data); {
	case item.Data == nil:
		return "", refuse(syncml.StatusIncomplete, uri, errors.New("no data"))
	case len(value) > n.max:
		return "", refuse(syncml.StatusTooLarge, uri, fmt.Errorf("%d bytes, at most %d", len(value), n.max))
	case !tree.IsValue(value):
		return "", refuse(syncml.StatusUnsupportedFormat, uri, errors.New("not text"))
	default:
		return value, nil
	}
}

// anyTNDS begins the types of documents. Where a document cannot be taken, it
// must not become a value.
const anyTNDS = "application/vnd.syncml.dmtnds"

// mediaType is a type without its parameters; "" when it is none.
func mediaType(t string) string {
	media, _, err := mime.ParseMediaType(t)
	if err != nil {
		return ""
	}
	return media
}

// Delete removes a node with all below it: 403 for a package whose drive can
// no longer be stopped, 404, 405, 406, 414, 425. Only deleting the package
// itself cancels its drive; without its nodes the drive goes on, since it has
// its own copy of them.
func (t *Tree) Delete(who, uri string) error {
	at, err := t.existing(who, uri, tree.RightDelete)
	if err != nil {
		return err
	}
	if at.node.slot != nil {
		*at.node.slot(at.pkg) = nil
		for _, n := range at.node.nodes {
			*n.slot(at.pkg) = nil
		}
	} else if err := t.deletePackage(at); err != nil {
		return err
	}
	t.book.Forget(at.Path)
	t.book.Touch(at.Path.Parent())
	return nil
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
