package syncml

import (
	"bytes"
	"os"
	"testing"
	"time"

	"github.com/beevik/etree"
)

// package3 is a package 3 as our encoder writes it: Cred, three Status,
// Results with six Items, Replace of DevInfo.
func package3(t testing.TB) (*Message, map[Encoding][]byte) {
	t.Helper()
	in, err := os.ReadFile("testdata/package3.xml")
	if err != nil {
		t.Fatal(err)
	}
	m := decoded(t, in, XML)
	wb, err := m.AppendWBXML(nil)
	if err != nil {
		t.Fatal(err)
	}
	return m, map[Encoding][]byte{XML: in, WBXML: wb}
}

// BenchmarkAgainstEtree compares with etree on the same message. The two take
// turns, so that a busy machine slows both down; x-etree is how many times
// faster we are.
func BenchmarkAgainstEtree(b *testing.B) {
	m, in := package3(b)
	doc := etree.NewDocument()
	if err := doc.ReadFromBytes(in[XML]); err != nil {
		b.Fatal(err)
	}
	read := func() error { return etree.NewDocument().ReadFromBytes(in[XML]) }
	var out bytes.Buffer
	write := func() error {
		out.Reset()
		_, err := doc.WriteTo(&out)
		return err
	}
	var dst []byte
	for _, c := range []struct {
		name        string
		etree, ours func() error
	}{
		{"DecodeWBXML", read, func() error { _, err := DecodeWBXML(in[WBXML], DefaultLimits); return err }},
		{"DecodeXML", read, func() error { _, err := DecodeXML(in[XML], DefaultLimits); return err }},
		{"AppendWBXML", write, func() (err error) { dst, err = m.AppendWBXML(dst[:0]); return err }},
		{"AppendXML", write, func() (err error) { dst, err = m.AppendXML(dst[:0]); return err }},
	} {
		b.Run(c.name, func(b *testing.B) { takeTurns(b, c.etree, c.ours) })
	}
}

// takeTurns reports how many times longer slow takes than fast.
func takeTurns(b *testing.B, slow, fast func() error) {
	const turns = 8 // of fast to one of slow, so that both are measured as long
	var took [2]time.Duration
	for b.Loop() {
		start := time.Now()
		err := slow()
		between := time.Now()
		for range turns {
			if err == nil {
				err = fast()
			}
		}
		if err != nil {
			b.Fatal(err)
		}
		took[0] += between.Sub(start)
		took[1] += time.Since(between)
	}
	n := float64(b.N)
	b.ReportMetric(float64(took[0])/n, "etree-ns")
	b.ReportMetric(float64(took[1])/n/turns, "ours-ns")
	b.ReportMetric(turns*float64(took[0])/float64(took[1]), "x-etree")
	b.ReportMetric(0, "ns/op") // that of both together says nothing
}
