package session

import (
	"path/filepath"
	"testing"

	"github.com/fwbridge/fwbridge/syncml"
)

// BenchmarkReceive is a package 2 with an update in it, in both encodings, to
// the package 3 that answers it.
func BenchmarkReceive(b *testing.B) {
	for _, enc := range []syncml.Encoding{syncml.XML, syncml.WBXML} {
		b.Run(enc.String(), func(b *testing.B) {
			m := loadRecording(b, filepath.Join("..", "..", "testdata", "dm-client-recordings", "life-1-install"))[0][1].m
			body, err := syncml.Encode(m, enc)
			if err != nil {
				b.Fatal(err)
			}
			acc := account()
			acc.Encoding = enc
			b.ReportAllocs()
			for b.Loop() {
				c := NewClient(acc, Nonces{}, syncml.AlertClientInitiated, "1", nil)
				tree := newTree()
				c.Open(tree)
				if out := c.Receive(body, tree, nil); out.End != EndNot || len(tree.TakeExecutions()) != 1 {
					b.Fatal(out.End, out.Err)
				}
			}
		})
	}
}
