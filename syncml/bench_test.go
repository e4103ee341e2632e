package syncml

import (
	"fmt"
	"testing"
)

// benchMessage is a typical package 3 of about 3 kB in XML: statuses for a
// campaign and a few results.
func benchMessage() *Message {
	m := &Message{Final: true, Header: Header{
		Version: DM12, SessionID: "2A7", MsgID: "3",
		Target: Location{URI: "https://dm.example.org/dm?sid=8f14e45f"},
		Source: Location{URI: "IMEI:350000000000006", Name: "dev-0001"},
		Cred:   &Cred{Meta: Meta{Format: "b64", Type: "syncml:auth-md5"}, Data: "ODXSCqjigZg2oO37iz4tCA=="},
		Meta:   Meta{MaxMsgSize: 16384, MaxObjSize: 1 << 20},
	}}
	for i := range 9 {
		m.Body = append(m.Body, &Status{
			CmdID: fmt.Sprint(i + 1), MsgRef: "2", CmdRef: fmt.Sprint(i), Cmd: CmdAdd,
			TargetRefs: []string{"./FwUpdate/pkg1/DownloadAndUpdate/PkgURL"}, Code: StatusOK,
		})
	}
	for i := range 4 {
		m.Body = append(m.Body, &Results{CmdID: fmt.Sprint(i + 20), MsgRef: "2", CmdRef: fmt.Sprint(i + 9), Items: []Item{{
			Source: Location{URI: "./FwUpdate/pkg1/PkgName"},
			Meta:   Meta{Format: "chr", Type: "text/plain"},
			Data:   []byte("Radio & Firmware 2.0"),
		}}})
	}
	return m
}

func benchDecode(b *testing.B, enc Encoding, decode func([]byte, Limits) (*Message, error)) {
	in, err := Encode(benchMessage(), enc)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := decode(in, DefaultLimits); err != nil {
			b.Fatal(err)
		}
	}
}

func benchEncode(b *testing.B, encode func(*Message, []byte) ([]byte, error)) {
	m := benchMessage()
	out, err := encode(m, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(out)))
	b.ReportAllocs()
	for b.Loop() {
		if out, err = encode(m, out[:0]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeXML(b *testing.B)   { benchDecode(b, XML, DecodeXML) }
func BenchmarkDecodeWBXML(b *testing.B) { benchDecode(b, WBXML, DecodeWBXML) }
func BenchmarkEncodeXML(b *testing.B)   { benchEncode(b, (*Message).AppendXML) }
func BenchmarkEncodeWBXML(b *testing.B) { benchEncode(b, (*Message).AppendWBXML) }
