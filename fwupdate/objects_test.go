package fwupdate

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fwbridge/fwbridge/syncml"
)

// full holds every node of the tables: a package, both layouts of accounts,
// something installed.
func full() *Tree {
	t := withPackage()
	t.SetAccounts([]Account{
		{ID: "a", ServerID: server, Name: "Operator", URL: "https://user:geheim@dm.example.com/oma?x=1",
			Client: AccountAuth{AuthDigest, "phone"}, Server: AccountAuth{AuthHMAC, "dm"}},
		{ID: "old", ServerID: server, Name: "Old", URL: "http://old.example.com:8080/dm", Old: true, Client: AccountAuth{AuthBasic, "u"}},
	})
	t.SetInstalled([]Installed{{ID: "9.0", Name: "app", Version: "2.1"}})
	return t
}

// value is the one value of a Get.
func value(t *testing.T, tree *Tree, who, uri string) string {
	t.Helper()
	items, err := tree.Get(who, uri)
	if err != nil || len(items) != 1 {
		t.Fatalf("%s: %v %v", uri, items, err)
	}
	return string(items[0].Data)
}

// TestObjects is what accounts and installed packages show.
func TestObjects(t *testing.T) {
	tree := full()
	for uri, want := range map[string]string{
		".":                                     "FwUpdate/DevInfo/DevDetail/DMAcc/SyncML/Vendor",
		"./DMAcc":                               "a",
		"./DMAcc/a":                             "AppID/ServerID/Name/AppAddr/AAuthPref/AppAuth",
		"./DMAcc/a/AppID":                       "w7",
		"./DMAcc/a/ServerID":                    server,
		"./DMAcc/a/AppAddr":                     "1",
		"./DMAcc/a/AppAddr/1/Addr":              "https://dm.example.com/oma?x=1",
		"./DMAcc/a/AppAddr/1/AddrType":          "URI",
		"./DMAcc/a/AppAddr/1/Port/1/PortNbr":    "443",
		"./DMAcc/a/AAuthPref":                   "DIGEST",
		"./DMAcc/a/AppAuth":                     "CLCRED/SRVCRED",
		"./DMAcc/a/AppAuth/CLCRED":              "AAuthLevel/AAuthType/AAuthName/AAuthSecret/AAuthData",
		"./DMAcc/a/AppAuth/SRVCRED/AAuthLevel":  "SRVCRED",
		"./DMAcc/a/AppAuth/SRVCRED/AAuthType":   "HMAC",
		"./DMAcc/a/AppAuth/SRVCRED/AAuthName":   "dm",
		"./SyncML":                              "DMAcc",
		"./SyncML/DMAcc":                        "old",
		"./SyncML/DMAcc/old":                    "Addr/AddrType/PortNbr/ConRef/ServerId/UserName/ServerPW/ServerNonce/ClientPW/ClientNonce/AuthPref/Name",
		"./SyncML/DMAcc/old/PortNbr":            "8080",
		"./SyncML/DMAcc/old/AuthPref":           "syncml:auth-basic",
		"./Vendor/MSFT/ROMPackage":              "9.0",
		"./Vendor/MSFT/ROMPackage/9.0":          "PkgName/PkgVersion",
		"./Vendor/MSFT/ROMPackage/9.0/PkgName":  "app",
		"Vendor/MSFT/ROMPackage/9.0/PkgVersion": "2.1",
	} {
		if got := value(t, tree, server, uri); got != want {
			t.Errorf("%s: %q, want %q", uri, got, want)
		}
	}
	for uri, want := range map[string]syncml.Code{
		"./DMAcc/old": 404, "./SyncML/DMAcc/a": 404, "./DMAcc/a/AppAuth/OBEX": 404, "./DMAcc/a/AppAddr/2": 404,
		"./DMAcc/x/AppAuth/CLCRED/AAuthData": 404, "./Vendor/MSFT/ROMPackage/y/PkgName": 404,
		"./DMAcc/a/AppAuth/CLCRED/AAuthSecret": 405, "./DMAcc/a/AppAuth/CLCRED/AAuthData": 405,
		"./SyncML/DMAcc/old/ClientPW": 405, "./SyncML/DMAcc/old/ClientNonce": 405,
		"./SyncML/DMAcc/old/ServerPW?prop=Size": 406,
	} {
		if got := codeOf(t, get(server, uri)(tree)); got != want {
			t.Errorf("%s: %d, want %d", uri, got, want)
		}
	}
	// Each account is for its own server only.
	if got := codeOf(t, get(other, "./DMAcc/a/ServerID")(tree)); got != 425 {
		t.Errorf("another server reads the account: %d", got)
	}
	// Nothing of the tree holds a password, not even that of a URL, for servers.
	for _, n := range tree.Nodes() {
		if strings.Contains(n.Value, "geheim") || n.Secret && n.Value != "" {
			t.Errorf("%s shows %q", n.URI, n.Value)
		}
	}
	if tree := newTree(); codeOf(t, get(server, "./DMAcc")(tree)) != 404 || codeOf(t, get(server, "./SyncML")(tree)) != 404 ||
		value(t, tree, server, "./Vendor/MSFT/ROMPackage") != "" {
		t.Error("objects of a tree without accounts and packages")
	}
}

// TestOwnChanges: what the device itself changes counts for the nodes that
// show it, and for nothing else.
func TestOwnChanges(t *testing.T) {
	tree := full()
	before := versions(t, tree)
	id := tree.Identity()
	id.FirmwareVersion, id.Model = "2.0", "R3"
	tree.SetIdentity(id)
	tree.SetInstalled([]Installed{{ID: "9.0", Name: "app", Version: "2.2"}, {ID: "9.1", Name: "b"}, {ID: "9.1"}, {ID: ".."}})
	tree.SetState("x", StateDownloading)
	tree.SetState("x", StateDownloading)
	tree.SetAccounts(tree.Accounts()[:1])
	want := map[string]string{
		".": "2", "./DevDetail/FwV": "1", "./DevInfo/Mod": "1", "./Vendor/MSFT/ROMPackage": "2", "./Vendor/MSFT/ROMPackage/9.0/PkgVersion": "1",
		st: "1", "./Vendor/MSFT/ROMPackage/9.1": "0", "./Vendor/MSFT/ROMPackage/9.1/PkgName": "0", "./Vendor/MSFT/ROMPackage/9.1/PkgVersion": "0",
	}
	after := versions(t, tree)
	got := map[string]string{}
	for uri, v := range after {
		if before[uri] != v {
			got[uri] = v
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	unchanged := asJSON(t, tree)
	tree.SetIdentity(id)
	tree.SetAccounts(tree.Accounts())
	tree.SetInstalled(tree.Installed())
	if d := cmp.Diff(unchanged, asJSON(t, tree)); d != "" {
		t.Error(d)
	}
}

// versions is the VerNo of every node.
func versions(t *testing.T, tree *Tree) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, n := range tree.Nodes() {
		all[n.URI] = mustProperty(t, tree, n.URI, "VerNo")
	}
	return all
}

// mustProperty reads a property with all rights.
func mustProperty(t *testing.T, tree *Tree, uri, prop string) string {
	t.Helper()
	at, err := tree.locate(uri + "?prop=" + prop)
	if err != nil || !at.there {
		t.Fatalf("%s: %v", uri, err)
	}
	v, ok := tree.property(at, at.Property)
	if !ok {
		t.Fatalf("%s has no %s", uri, prop)
	}
	return v
}

// TestOldRecord: a tree stored before there were properties is read.
func TestOldRecord(t *testing.T) {
	const old = `{"identity":{"DeviceID":"IMEI:1","Manufacturer":"","Model":"","Language":"","DeviceType":"","OEM":"","FirmwareVersion":"1","SoftwareVersion":"",` +
		`"HardwareVersion":"","DMVersion":"1.2","MaxDepth":0,"MaxTotalLength":0,"MaxSegmentLength":0},` +
		`"packages":{"x":{"downloadAndUpdate":"","pkgURL":"http://p/1","state":30}},"drive":{"package":"x","busy":1}}`
	var tree Tree
	if err := json.Unmarshal([]byte(old), &tree); err != nil {
		t.Fatal(err)
	}
	tree.SetRoles(map[string]Role{server: Manager})
	if got := value(t, &tree, server, st); got != "30" {
		t.Errorf("State %s", got)
	}
	if got := value(t, &tree, server, purl+"?prop=VerNo"); got != "0" {
		t.Errorf("VerNo %s", got)
	}
	if !strings.HasPrefix(asJSON(t, &tree), `{"v":2,`) {
		t.Error("written without a version")
	}
}
