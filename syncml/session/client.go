package session

import (
	"github.com/fwbridge/fwbridge/syncml"
)

// Client is the device's side of one DM session. It is not safe for use by
// more than one goroutine and is not stored: a session that is cut off is
// begun anew.
type Client struct {
	acc   Account
	notes []Notification
}

// NewClient prepares a session. reason is [syncml.AlertServerInitiated] or
// [syncml.AlertClientInitiated]; sessionID is text (1 to 4 upper-case hex
// digits by custom); notes are the Generic Alerts to deliver, which DM 1.1.2
// does not have and leaves out.
func NewClient(acc Account, n Nonces, reason syncml.AlertCode, sessionID string, notes []Notification) *Client {
	return &Client{acc: acc, notes: notes}
}

// Open returns package 1. The tree gives its DevInfo.
func (c *Client) Open(t Tree) Output { panic("being written") }

// Receive takes the body of the server's answer to the last Send, carries out
// its commands on t and returns what to do next. nonce returns 16 fresh random
// bytes; it is called when the server is given a new nonce.
func (c *Client) Receive(body []byte, t Tree, nonce func() []byte) Output { panic("being written") }
