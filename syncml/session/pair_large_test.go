package session

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/fwbridge/fwbridge/syncml"
)

// valueTree keeps whatever it is given, of any length.
type valueTree struct {
	Tree
	values map[string]string
}

func (v valueTree) Add(_ string, item syncml.Item) error {
	v.values[item.Target.URI] = string(item.Data)
	return nil
}

func (v valueTree) Get(_, uri string) ([]syncml.Item, error) {
	return []syncml.Item{{Source: syncml.Location{URI: uri}, Meta: syncml.Meta{Format: "chr"}, Data: []byte(v.values[uri])}}, nil
}

// TestPairLargeObjects: what our server writes with our client and reads again
// is the same, whatever it is and however short the messages of either are.
func TestPairLargeObjects(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		acc, cfg := account(), serverAccount()
		acc.Client, acc.Server, cfg.Account.Client, cfg.Account.Server = Credentials{}, Credentials{}, Credentials{}, Credentials{}
		cfg.LargeObjects = true
		acc.Encoding = rapid.SampledFrom([]syncml.Encoding{syncml.XML, syncml.WBXML}).Draw(rt, "encoding")
		acc.MaxMsgSize = int64(rapid.IntRange(2000, 6000).Draw(rt, "client takes"))
		cfg.Account.MaxMsgSize = int64(rapid.IntRange(2000, 6000).Draw(rt, "server takes"))
		tree := valueTree{newTree(), map[string]string{}}
		s := NewServer(cfg)
		c := NewClient(acc, Nonces{}, syncml.AlertClientInitiated, "1", nil)
		want, got := map[string]string{}, map[string]Result{}
		n := rapid.IntRange(1, 4).Draw(rt, "values")
		out := c.Open(tree)
		nonce := func() []byte { return make([]byte, 16) }
		for first := true; out.End == EndNot; first = false {
			if int64(len(out.Send)) > cfg.Account.MaxMsgSize {
				rt.Fatalf("the client sends %d bytes", len(out.Send))
			}
			r, err := s.Receive(out.Send, "", nonce)
			if err != nil {
				rt.Fatal(err)
			}
			for _, r := range r.Results {
				got[r.Key] = r
			}
			for i := 0; first && i < n; i++ {
				uri := fmt.Sprintf("./x%d", i)
				want[uri] = rapid.StringOfN(rapid.SampledFrom([]rune("abcd&<é😀\n")), 1, 8000, -1).Draw(rt, uri)
				s.Queue("add"+uri, add(uri, want[uri]))
				s.Queue("get"+uri, get(uri))
			}
			reply := s.Reply()
			if reply.Send == nil {
				break
			}
			if int64(len(reply.Send)) > acc.MaxMsgSize {
				rt.Fatalf("the server sends %d bytes", len(reply.Send))
			}
			out = c.Receive(reply.Send, tree, nonce)
		}
		for uri, value := range want {
			if r := got["get"+uri]; got["add"+uri].Code != 200 || r.Code != 200 || len(r.Found) != 1 || string(r.Found[0].Data) != value {
				rt.Fatalf("%s of %d bytes (client %q: %v): %v %v, %v", uri, len(value), out.End, out.Err, got["add"+uri].Code, r.Code, r.Err)
			}
		}
	})
}
