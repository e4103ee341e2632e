package syncml

import (
	"bytes"
	"os"
	"slices"
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

// takeTurns reports how many times longer slow takes than fast: the median of
// all turns, so that what else the machine does in some of them does not count.
func takeTurns(b *testing.B, slow, fast func() error) {
	const turns = 8 // of fast to one of slow, so that both are measured as long
	var slows, fasts []float64
	for b.Loop() {
		start := time.Now()
		err := slow()
		between := time.Now()
		for range turns {
			if err == nil {
				err = fast()
			}
		}
		end := time.Now()
		if err != nil {
			b.Fatal(err)
		}
		slows = append(slows, float64(between.Sub(start)))
		fasts = append(fasts, float64(end.Sub(between))/turns)
	}
	slices.Sort(slows)
	slices.Sort(fasts)
	etree, ours := slows[len(slows)/2], fasts[len(fasts)/2]
	b.ReportMetric(etree, "etree-ns")
	b.ReportMetric(ours, "ours-ns")
	b.ReportMetric(etree/ours, "x-etree")
	b.ReportMetric(0, "ns/op") // that of both together says nothing
}
