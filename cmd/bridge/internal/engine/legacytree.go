package engine

import (
	"context"
	"fmt"

	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/mapping"
	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// showAccount makes the tree ready for a turn: what time it is, for the stamps
// of its nodes, and the device's account as it is configured now. A server
// whose account is gone is taken out of all access control lists.
func (t *turn) showAccount() {
	t.rec.Tree.SetTime(t.now)
	info, acc, ok := t.account()
	if !ok {
		t.rec.Tree.SetAccounts(nil)
		return
	}
	t.rec.Tree.SetAccounts([]fwupdate.Account{accountOf(acc, info)})
}

// accountOf is what the device shows of its account: everything but secrets,
// and under the name of the server.
func accountOf(acc session.Account, info ServerInfo) fwupdate.Account {
	id := info.Name
	if id == "" {
		id = acc.ServerID
	}
	return fwupdate.Account{
		ID: id, ServerID: acc.ServerID, Name: info.Name, URL: acc.URL, Old: acc.Version == syncml.DM112,
		Client: authOf(acc.Client), Server: authOf(acc.Server),
	}
}

// authTypes are the schemes as DMAcc calls them.
var authTypes = map[session.Scheme]fwupdate.AuthType{
	session.SchemeBasic: fwupdate.AuthBasic,
	session.SchemeMD5:   fwupdate.AuthDigest,
	session.SchemeMAC:   fwupdate.AuthHMAC,
}

func authOf(c session.Credentials) fwupdate.AccountAuth {
	return fwupdate.AccountAuth{Type: authTypes[c.Scheme], User: c.User}
}

// inventory reads what is installed, before any drive: DM servers ask for it
// before they send a package. nil when the device does not say; then it is
// known from the first drive on.
func (a asker) inventory(ctx context.Context) *mapping.Answer {
	if !a.hasObject() {
		return nil
	}
	list, torn, err := a.survey(ctx)
	if err != nil {
		return nil
	}
	return &mapping.Answer{Outcome: mapping.Accepted, Instances: list, Torn: torn}
}

// showInstalled gives the tree the packages of Object 9 that are installed, as
// last read. Their nodes are named after their instances: names of packages
// need not differ, and a new version stays where the old one was.
func (t *turn) showInstalled() {
	var list []fwupdate.Installed
	for _, i := range t.rec.Object {
		if i.State == lwm2m9.Installed {
			list = append(list, fwupdate.Installed{ID: fmt.Sprintf("%d.%d", lwm2m9.ObjectID, i.ID), Name: i.Name, Version: i.Version})
		}
	}
	t.rec.Tree.SetInstalled(list)
}
