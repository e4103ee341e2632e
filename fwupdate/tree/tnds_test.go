package tree

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// mail is the example of oma-dm.md 8.6.
const mail = `<MgmtTree xmlns="syncml:dmddf1.2"><VerDTD>1.2</VerDTD><Node><NodeName>Mail</NodeName>` +
	`<RTProperties><Format><node/></Format><Type><DDFName>org.example/1.0/Mail</DDFName></Type></RTProperties>` +
	`<Node><NodeName>Host</NodeName><RTProperties><Format><chr/></Format><Type><MIME>text/plain</MIME></Type></RTProperties>` +
	`<Value>mx.example.org</Value></Node></Node></MgmtTree>`

func mailTree() []*Node {
	return []*Node{{
		Name: "Mail", Interior: true, Properties: map[Property]string{PropFormat: "node", PropType: "org.example/1.0/Mail"},
		Nodes: []*Node{{Name: "Host", Properties: map[Property]string{PropFormat: "chr", PropType: "text/plain", PropValue: "mx.example.org"}}},
	}}
}

func TestTNDS(t *testing.T) {
	got, err := AppendTNDS([]byte(nil), mailTree(), listed())
	if d := cmp.Diff(mail, string(got)); d != "" || err != nil {
		t.Errorf("%v %s", err, d)
	}
	read, err := ReadTNDS([]byte(mail))
	if d := cmp.Diff(mailTree(), read); d != "" || err != nil {
		t.Errorf("%v %s", err, d)
	}
}

// TestTNDSTolerant: other forms of the same document, and what is more.
func TestTNDSTolerant(t *testing.T) {
	for name, text := range map[string]string{
		"a declaration": `<?xml version="1.0" encoding="UTF-8"?>` + "\n" + mail,
		"no namespace":  strings.Replace(mail, ` xmlns="syncml:dmddf1.2"`, "", 1),
		"prefixes":      `<d:MgmtTree xmlns:d="syncml:dmddf1.2">` + strings.ReplaceAll(strings.ReplaceAll(strings.TrimSuffix(strings.SplitN(mail, ">", 2)[1], "</MgmtTree>"), "<Node>", "<d:Node>"), "</Node>", "</d:Node>") + `</d:MgmtTree>`,
		"white space":   strings.ReplaceAll(mail, "<Node>", "\n  <Node>\n"),
		"unknown":       strings.Replace(mail, "<VerDTD>", "<Man>x</Man><Colour/><VerDTD>", 1),
		"CDATA":         strings.Replace(mail, "mx.example.org", "<![CDATA[mx.example.org]]>", 1),
	} {
		read, err := ReadTNDS([]byte(text))
		if d := cmp.Diff(mailTree(), read); d != "" || err != nil {
			t.Errorf("%s: %v %s", name, err, d)
		}
	}
}

func TestTNDSRefused(t *testing.T) {
	many := func(n int) string {
		return `<MgmtTree><VerDTD>1.2</VerDTD>` + strings.Repeat(`<Node><NodeName>x</NodeName></Node>`, n) + `</MgmtTree>`
	}
	nested := func(n int) string {
		return `<MgmtTree>` + strings.Repeat(`<Node>`, n-1) + strings.Repeat(`</Node>`, n-1) + `</MgmtTree>`
	}
	pad := func(n int) string { return mail + strings.Repeat(" ", n-len(mail)) }
	for name, tt := range map[string]struct {
		text string
		good bool
	}{
		"nodes at the limit":   {many(MaxTNDSNodes), true},
		"nodes over the limit": {many(MaxTNDSNodes + 1), false},
		"depth at the limit":   {nested(MaxTNDSDepth), true},
		"depth over the limit": {nested(MaxTNDSDepth + 1), false},
		"size at the limit":    {pad(MaxTNDS), true},
		"size over the limit":  {pad(MaxTNDS + 1), false},
		"nothing":              {"", false},
		"no XML":               {"x<", false},
		"another document":     {"<SyncML/>", false},
		"no nodes":             {"<MgmtTree><VerDTD>1.2</VerDTD></MgmtTree>", false},
		"cut off":              {mail[:len(mail)-4], false},
		"a DTD":                {`<!DOCTYPE MgmtTree [<!ENTITY a "b">]>` + mail, false},
	} {
		_, err := ReadTNDS([]byte(tt.text))
		if (err == nil) != tt.good || err != nil && !errors.Is(err, ErrTNDS) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzReadTNDS: what was read and written is read as the same.
func FuzzReadTNDS(f *testing.F) {
	f.Add([]byte(mail))
	f.Add([]byte(`<MgmtTree><Node><NodeName/><Path>a/b</Path><RTProperties><ACL>Get=*</ACL><VerNo>1</VerNo></RTProperties><Value>&lt;</Value></Node></MgmtTree>`))
	all := listed() | AttributesOf(PropName, PropSize)
	f.Fuzz(func(t *testing.T, b []byte) {
		nodes, err := ReadTNDS(b)
		if err != nil {
			return
		}
		first, err := AppendTNDS(nil, nodes, all)
		if err != nil || len(first) > MaxTNDS {
			return
		}
		again, err := ReadTNDS(first)
		if err != nil {
			return // names that XML allows here and not there
		}
		second, err := AppendTNDS(nil, again, all)
		if err != nil || !bytes.Equal(first, second) {
			t.Fatalf("%s\nbecame\n%s (%v)", first, second, err)
		}
	})
}
