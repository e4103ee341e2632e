package fwupdate

import (
	"net/url"
	"slices"

	"github.com/fwbridge/fwbridge/fwupdate/tree"
)

// AuthType is a way of authentication as AAuthType calls it; "" is none.
type AuthType string

// The ways of authentication of DM sessions.
const (
	AuthNone   AuthType = ""
	AuthBasic  AuthType = "BASIC"
	AuthDigest AuthType = "DIGEST"
	AuthHMAC   AuthType = "HMAC"
)

// oldAuth is how accounts of DM 1.1.2 call them: like the Type of a Cred.
var oldAuth = map[AuthType]string{AuthBasic: "syncml:auth-basic", AuthDigest: "syncml:auth-md5", AuthHMAC: "syncml:auth-MAC"}

// nonce says whether the way needs one.
func (a AuthType) nonce() bool { return a == AuthDigest || a == AuthHMAC }

// AccountAuth is one direction of an account. Secrets and nonces have nodes,
// which nobody may read; the tree does not even get them.
type AccountAuth struct {
	Type AuthType `json:"type,omitempty"`
	User string   `json:"user,omitempty"`
}

// Account is what a device shows of its account at a DM server.
type Account struct {
	ID       string      `json:"id"` // the name of its node
	ServerID string      `json:"serverId"`
	Name     string      `json:"name,omitempty"` // of the server, for people
	URL      string      `json:"url,omitempty"`  // of the server; shown without a user and password
	Old      bool        `json:"old,omitempty"`  // DM 1.1.2: below ./SyncML/DMAcc, in the flat layout of that version
	Client   AccountAuth `json:"client,omitzero"`
	Server   AccountAuth `json:"server,omitzero"`
}

// The names on the way to accounts.
const (
	nameDMAcc  = "DMAcc"
	nameSyncML = "SyncML"
)

// path is the account's node.
func (a *Account) path() tree.Path {
	p := tree.Root
	if a.Old {
		p = p.Child(nameSyncML)
	}
	return p.Child(nameDMAcc).Child(a.ID)
}

// address is the URL for everybody, and its port: the one that its scheme
// has where it names none.
func (a *Account) address() (addr, port string) {
	u, err := url.Parse(a.URL)
	if err != nil {
		return "", ""
	}
	u.User = nil
	if port = u.Port(); port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.String(), port
}

// Accounts returns the accounts that the tree shows.
func (t *Tree) Accounts() []Account { return slices.Clone(t.accounts) }

// SetAccounts replaces the accounts. A server that had one and has none any
// more is taken out of all access control lists, as [Tree.DropServer] does.
// Entries with an ID that no node can have, or that was there before, are
// left out.
func (t *Tree) SetAccounts(list []Account) {
	var kept []Account
	for _, a := range list {
		if isName(a.ID) && !slices.ContainsFunc(kept, func(k Account) bool { return k.ID == a.ID }) {
			kept = append(kept, a)
		}
	}
	if slices.Equal(kept, t.accounts) {
		return
	}
	gone := t.accounts
	t.noting(func() { t.accounts = kept }, dmAcc, oldDMAcc)
	for _, a := range gone {
		if !slices.ContainsFunc(kept, func(k Account) bool { return k.ServerID == a.ServerID }) {
			t.DropServer(a.ServerID)
		}
	}
}

// accountNode is one <x> with the accounts of one layout.
func accountNode(old bool, nodes ...*node) *node {
	return &node{
		format: formatNode, access: canGet, occurs: zeroOrMore, dynamic: true, about: "One account", nodes: nodes,
		names: func(t *Tree, _ place) []string {
			var ids []string
			for _, a := range t.accounts {
				if a.Old == old {
					ids = append(ids, a.ID)
				}
			}
			return ids
		},
		enter: func(t *Tree, at *place, id string) bool {
			i := slices.IndexFunc(t.accounts, func(a Account) bool { return a.ID == id && a.Old == old })
			if i >= 0 {
				at.account = &t.accounts[i]
			}
			return i >= 0
		},
	}
}

// hasAccount says whether there is an account in a layout: without one its
// object is not there.
func hasAccount(old bool) func(*Tree, place) bool {
	return func(t *Tree, _ place) bool {
		return slices.ContainsFunc(t.accounts, func(a Account) bool { return a.Old == old })
	}
}

// ofAccount is a leaf of an account.
func ofAccount(name, about string, value func(*Account) string) *node {
	return &node{
		name: name, format: formatChr, access: canGet, occurs: one, dynamic: true, about: about,
		show: func(_ *Tree, at place) string { return printable(value(at.account)) },
	}
}

// optional makes a leaf of an account one that is there only sometimes.
func (n *node) optional(when func(*Account) bool) *node {
	n.occurs = zeroOrOne
	n.has = func(_ *Tree, at place) bool { return at.account != nil && when(at.account) }
	return n
}

// secret is a leaf that nobody may read, and that the tree does not hold.
func secret(name, format, about string) *node {
	return &node{name: name, format: format, occurs: zeroOrOne, dynamic: true, about: about}
}
