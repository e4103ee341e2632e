package fwupdate

import "slices"

// dmAcc is ./DMAcc (OMA DM Standardized Objects 1.2, "DMAcc"), which holds the
// accounts at DM 1.2 servers. There is one address with one port, and
// authentication for those directions that have some.
var dmAcc = &node{
	name: nameDMAcc, format: formatNode, access: canGet, occurs: zeroOrOne, about: "Accounts at DM servers",
	has: hasAccount(false),
	nodes: []*node{withMO(accountNode(false,
		ofAccount("AppID", "Always w7", func(*Account) string { return "w7" }),
		ofAccount("ServerID", "Identifier of the server", func(a *Account) string { return a.ServerID }),
		ofAccount("Name", "Name of the server for people", func(a *Account) string { return a.Name }).
			optional(func(a *Account) bool { return a.Name != "" }),
		group("AppAddr", "Addresses of the server", one, nil, single("One address",
			ofAccount("Addr", "URL of the server", func(a *Account) string { addr, _ := a.address(); return addr }),
			ofAccount("AddrType", "Kind of the address", func(*Account) string { return "URI" }),
			group("Port", "Ports of the server", zeroOrOne, hasPort, single("One port",
				ofAccount("PortNbr", "Number of the port", func(a *Account) string { _, port := a.address(); return port }))))),
		ofAccount("AAuthPref", "Preferred way of authentication", func(a *Account) string { return string(a.Client.Type) }).
			optional(func(a *Account) bool { return a.Client.Type != AuthNone }),
		group("AppAuth", "Authentication", zeroOrOne, func(a *Account) bool { return len(a.directions()) > 0 }, direction),
	), "urn:oma:mo:oma-dm-dmacc:1.0")},
}

// oldDMAcc is ./SyncML with ./SyncML/DMAcc of DM 1.1.2, whose accounts are
// flat.
var oldDMAcc = &node{
	name: nameSyncML, format: formatNode, access: canGet, occurs: zeroOrOne, about: "Objects of DM 1.1.2",
	has: hasAccount(true),
	nodes: []*node{{
		name: nameDMAcc, format: formatNode, access: canGet, occurs: one, about: "Accounts at DM 1.1.2 servers",
		nodes: []*node{accountNode(true,
			ofAccount("Addr", "URL of the server", func(a *Account) string { addr, _ := a.address(); return addr }),
			number(ofAccount("AddrType", "Kind of the address; 1 is HTTP", func(*Account) string { return "1" })),
			number(ofAccount("PortNbr", "Port of the server", func(a *Account) string { _, port := a.address(); return port })).optional(hasPort),
			ofAccount("ConRef", "Connection to use; empty is any", func(*Account) string { return "" }),
			ofAccount("ServerId", "Identifier of the server", func(a *Account) string { return a.ServerID }),
			ofAccount("UserName", "Name of the device at the server", func(a *Account) string { return a.Client.User }),
			secret("ServerPW", formatChr, "Password of the server"),
			secret("ServerNonce", formatBin, "Next nonce of the server"),
			secret("ClientPW", formatChr, "Password of the device"),
			secret("ClientNonce", formatBin, "Next nonce of the device"),
			ofAccount("AuthPref", "Preferred way of authentication", func(a *Account) string { return oldAuth[a.Client.Type] }),
			ofAccount("Name", "Name of the server for people", func(a *Account) string { return a.Name }),
		)},
	}},
}

func hasPort(a *Account) bool { _, port := a.address(); return port != "" }

func withMO(n *node, mo string) *node { n.mo = mo; return n }

func number(n *node) *node { n.format = formatInt; return n }

// group is an interior node of an account; when nil it is always there.
func group(name, about, occurs string, when func(*Account) bool, nodes ...*node) *node {
	n := &node{name: name, format: formatNode, access: canGet, occurs: occurs, dynamic: true, about: about, nodes: nodes}
	if when != nil {
		n.optional(when)
	}
	return n
}

// single is a list of one interior node, whose name says nothing.
func single(about string, nodes ...*node) *node {
	const name = "1"
	return &node{
		format: formatNode, access: canGet, occurs: oneOrMore, dynamic: true, about: about, nodes: nodes,
		names: func(*Tree, place) []string { return []string{name} },
		enter: func(_ *Tree, _ *place, asked string) bool { return asked == name },
	}
}

// The directions of authentication: the names are the values of AAuthLevel.
const (
	clientCred = "CLCRED"
	serverCred = "SRVCRED"
)

// directions are those that have credentials.
func (a *Account) directions() []string {
	var list []string
	if a.Client.Type != AuthNone {
		list = append(list, clientCred)
	}
	if a.Server.Type != AuthNone {
		list = append(list, serverCred)
	}
	return list
}

// direction is one AppAuth/<X>, named after its level.
var direction = &node{
	format: formatNode, access: canGet, occurs: oneOrMore, dynamic: true, about: "One direction",
	names: func(_ *Tree, at place) []string { return at.account.directions() },
	enter: func(_ *Tree, at *place, level string) bool {
		if at.account == nil || !slices.Contains(at.account.directions(), level) {
			return false
		}
		at.auth, at.level = &at.account.Client, level
		if level == serverCred {
			at.auth = &at.account.Server
		}
		return true
	},
	nodes: []*node{
		ofDirection("AAuthLevel", "CLCRED or SRVCRED", func(at place) string { return at.level }),
		ofDirection("AAuthType", "Way of authentication", func(at place) string { return string(at.auth.Type) }),
		ofDirection("AAuthName", "Name of the user", func(at place) string { return at.auth.User }),
		secret("AAuthSecret", formatChr, "Password"),
		sometimes(secret("AAuthData", formatBin, "Next nonce"), func(at place) bool { return at.auth != nil && at.auth.Type.nonce() }),
	},
}

func ofDirection(name, about string, value func(place) string) *node {
	return &node{
		name: name, format: formatChr, access: canGet, occurs: one, dynamic: true, about: about,
		show: func(_ *Tree, at place) string { return printable(value(at)) },
	}
}

func sometimes(n *node, when func(place) bool) *node {
	n.has = func(_ *Tree, at place) bool { return when(at) }
	return n
}
