package engine

import (
	"net/url"

	"github.com/fwbridge/fwbridge/fwupdate"
)

// nodes is the whole tree as the DM server sees it, whatever rights its access
// control lists give: they are for DM servers, not for the operator. Secrets
// are not in it.
func nodes(tree *fwupdate.Tree) []Node {
	list := []Node{}
	for _, n := range tree.Nodes() {
		node := Node{URI: n.URI, Secret: n.Secret}
		if !n.Interior && !n.Secret {
			value := withoutUser(n.Value)
			node.Value = &value
		}
		list = append(list, node)
	}
	return list
}

// withoutUser hides the password of a URL that has one.
func withoutUser(s string) string {
	if u, err := url.Parse(s); err == nil && u.User != nil {
		return u.Redacted()
	}
	return s
}
