package dmdevice

import (
	"errors"
	"strings"

	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// view is the tree as a session sees it: the device's own, with its quirks and
// faults before it.
type view struct {
	*fwupdate.Tree
	d *Device
}

var _ session.Tree = view{}

var errUnlike = errors.New("the device is like that")

// refuses is what a quirk or a fault has against a command; nil for nothing.
func (v view) refuses(cmd syncml.Name, uri string) error {
	if v.d.quirks.has(BracesFail) && strings.ContainsAny(uri, "{}") {
		return &syncml.StatusError{Code: syncml.StatusCommandFailed, URI: uri, Err: errUnlike}
	}
	if !strings.HasPrefix(strings.TrimPrefix(uri, "./"), "FwUpdate") {
		return nil
	}
	f, ok := v.d.faults.strike(Refuse, func(f Fault) bool { return f.Command == AnyCommand || f.Command == cmd })
	if !ok {
		return nil
	}
	return &syncml.StatusError{Code: f.Status, URI: uri, Err: errUnlike}
}

// noted reports a refusal.
func (v view) noted(cmd syncml.Name, uri string, err error) error {
	if err == nil {
		return nil
	}
	text := string(cmd) + " " + uri
	if refused, ok := errors.AsType[*syncml.StatusError](err); ok {
		text += ": " + refused.Code.String() + " " + refused.Code.Name()
	}
	v.d.event(Event{Kind: EventRefused, Text: text})
	return err
}

// Get implements [session.Tree].
func (v view) Get(who, uri string) ([]syncml.Item, error) {
	if err := v.refuses(syncml.CmdGet, uri); err != nil {
		return nil, v.noted(syncml.CmdGet, uri, err)
	}
	items, err := v.Tree.Get(who, uri)
	if strings.TrimPrefix(uri, "./") == "DevDetail/LrgObj" && err == nil && v.d.quirks.has(NoLargeObjects) {
		items[0].Data = []byte("false")
	}
	return items, v.noted(syncml.CmdGet, uri, err)
}

// Add implements [session.Tree].
func (v view) Add(who string, item syncml.Item) error {
	uri := item.Target.URI
	err := v.refuses(syncml.CmdAdd, uri)
	if err == nil && v.d.quirks.has(NoImplicitAdd) {
		err = v.hasParent(who, uri)
	}
	if err == nil {
		err = v.Tree.Add(who, item)
	}
	return v.noted(syncml.CmdAdd, uri, err)
}

// hasParent is 404 for a node whose parent is missing.
func (v view) hasParent(who, uri string) error {
	i := strings.LastIndexByte(uri, '/')
	if i <= 0 {
		return nil
	}
	_, err := v.Tree.Get(who, uri[:i])
	if refused, ok := errors.AsType[*syncml.StatusError](err); ok && refused.Code == syncml.StatusNotFound {
		return &syncml.StatusError{Code: syncml.StatusNotFound, URI: uri, Err: errUnlike}
	}
	return nil
}

// Replace implements [session.Tree].
func (v view) Replace(who string, item syncml.Item) error {
	uri := item.Target.URI
	err := v.refuses(syncml.CmdReplace, uri)
	if err == nil {
		err = v.Tree.Replace(who, item)
	}
	return v.noted(syncml.CmdReplace, uri, err)
}

// Delete implements [session.Tree].
func (v view) Delete(who, uri string) error {
	err := v.refuses(syncml.CmdDelete, uri)
	if err == nil {
		err = v.Tree.Delete(who, uri)
	}
	return v.noted(syncml.CmdDelete, uri, err)
}

// Exec implements [session.Tree].
func (v view) Exec(who, uri, correlator string, data []byte) (syncml.Code, error) {
	if err := v.refuses(syncml.CmdExec, uri); err != nil {
		return 0, v.noted(syncml.CmdExec, uri, err)
	}
	if correlator == "" && v.d.quirks.has(CorrelatorRequired) {
		return 0, v.noted(syncml.CmdExec, uri, &syncml.StatusError{Code: syncml.StatusIncomplete, URI: uri, Err: errUnlike})
	}
	code, err := v.Tree.Exec(who, uri, correlator, data)
	if code == syncml.StatusAccepted && v.d.quirks.has(ExecIsDone) {
		code = syncml.StatusOK
	}
	return code, v.noted(syncml.CmdExec, uri, err)
}

// DevInfo implements [session.Tree].
func (v view) DevInfo() []syncml.Item {
	items := v.Tree.DevInfo()
	if v.d.quirks.has(TargetDevInfo) {
		for i := range items {
			items[i].Target, items[i].Source = items[i].Source, syncml.Location{}
		}
	}
	return items
}
