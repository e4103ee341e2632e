package syncml

import (
	"bytes"
	"encoding/base64"
)

// What stands in a masked message: base64 where the place wants it, so that
// the message stays one that peers can read.
const maskText = "masked"

var (
	maskB64   = Secret(base64.StdEncoding.EncodeToString([]byte(maskText)))
	maskNonce = Secret(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0}, 16)))
)

// Masked returns a copy of m, in its normal form, without secrets: the Data of
// every Cred, every NextNonce and the values of nodes that hold passwords are
// replaced by a fixed text that says nothing of their value or length. User
// names and device ids stay. A secret in a TNDS object or in a part of a large
// object is not found.
func (m *Message) Masked() *Message {
	c := m.Normal()
	maskCred(&c.Header.Cred)
	maskBody(c.Body)
	return c
}

func maskBody(body []Command) {
	for _, cmd := range body {
		switch cmd := cmd.(type) {
		case *Status:
			maskCred(&cmd.Cred)
			if cmd.Chal != nil && cmd.Chal.Meta.NextNonce != "" {
				chal := *cmd.Chal
				chal.Meta.NextNonce = maskNonce
				cmd.Chal = &chal
			}
			maskItems(cmd.Items)
		case *Results:
			maskItems(cmd.Items)
		case *Op:
			maskItems(cmd.Items)
		case *Alert:
			maskItems(cmd.Items)
		case *Block:
			maskBody(cmd.Body)
		}
	}
}

func maskCred(c **Cred) {
	if *c == nil {
		return
	}
	masked := **c
	masked.Data = maskB64
	if masked.Meta.NextNonce != "" {
		masked.Meta.NextNonce = maskNonce
	}
	*c = &masked
}

func maskItems(items []Item) {
	for i := range items {
		it := &items[i]
		if len(it.Data) > 0 && (SecretNode(it.Target.URI) || SecretNode(it.Source.URI)) {
			it.Data = []byte(maskText)
		}
	}
}

// SecretNode says whether the value of the node is a credential of the DM
// account, in the layout of DM 1.2 or 1.1.2.
func SecretNode(uri string) bool { return secretNode(uri) }
