package session

import (
	"bytes"
	"strings"
	"testing"

	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/syncml"
)

// wordy is a tree in which every Get finds one Item of some cost.
type wordy struct {
	*fwupdate.Tree
	each int
	gets int
}

func (w *wordy) Get(_, uri string) ([]syncml.Item, error) {
	w.gets++
	return []syncml.Item{{Source: syncml.Location{URI: uri}, Data: bytes.Repeat([]byte("x"), w.each-itemCost-len(uri))}}, nil
}

// TestMaxFound: what Gets find is kept up to MaxFound bytes, at it and one over
// it; what is refused for its size counts, so that the tree is not read for
// nothing, and what waits from earlier messages.
func TestMaxFound(t *testing.T) {
	for _, tt := range []struct {
		name     string
		each     int
		maxObj   int64
		messages int
		ok, gets int
	}{
		{"at the limit", MaxFound / 4, 0, 1, 4, 5},
		{"one over", MaxFound/4 + 1, 0, 1, 3, 4},
		{"too long for the server", MaxFound / 4, 1000, 1, 0, 5},
		{"in two messages", MaxFound / 4, 0, 2, 4, 6},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := fresh(t)
			w := &wordy{Tree: p.tree, each: tt.each}
			answers := ""
			for range tt.messages {
				m := p.message(212, slicesOf(100, get("./a"))...)
				m.Header.Meta.MaxMsgSize, m.Header.Meta.MaxObjSize = MaxSend, tt.maxObj
				p.took(p.c.Receive(encode(t, m), w, p.nonce))
				answers += brief(p.last)
			}
			for _, o := range p.c.queue {
				if _, isStatus := o.cmd.(*syncml.Status); isStatus {
					answers += brief(&syncml.Message{Body: []syncml.Command{o.cmd}})
				}
			}
			n, refused := strings.Count(answers, "Get ./a 200"), strings.Count(answers, "Get ./a 413")
			if n != tt.ok || n+refused != 100*tt.messages || w.gets != tt.gets || p.c.backlog() > MaxFound {
				t.Errorf("%d found, %d refused, %d times asked, %d bytes are kept", n, refused, w.gets, p.c.backlog())
			}
		})
	}
}
