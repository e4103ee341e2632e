package fwupdate

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fwbridge/fwbridge/fwupdate/tree"
)

// element is one element of a DDF.
type element struct {
	name string
	text string
	sub  []*element
}

// models are the content models of the DM DDF DTD 1.2 as far as a DDF without
// run-time properties can reach them: children in order, each ended by a
// space. "#" is text only.
var models = map[string]string{
	"MgmtTree":     `VerDTD (Man )?(Mod )?(Node )+`,
	"Node":         `NodeName (Path )?DFProperties ((Node )*|Value )`,
	"DFProperties": `AccessType (DefaultValue )?(Description )?DFFormat (Occurrence )?(Scope )?(DFTitle )?DFType (CaseSense )?`,
	"AccessType":   `(Add )?(Copy )?(Delete )?(Exec )?(Get )?(Replace )?`,
	"DFFormat":     `(b64|bin|bool|chr|int|node|null|xml|date|time|float) `,
	"Occurrence":   `(One|ZeroOrOne|ZeroOrMore|OneOrMore|ZeroOrN|OneOrN) `,
	"Scope":        `(Permanent|Dynamic) `,
	"DFType":       `((MIME )+|DDFName )`,
	"VerDTD":       "#", "NodeName": "#", "Path": "#", "Description": "#", "MIME": "#", "DDFName": "#",
}

func (e *element) check(t *testing.T) {
	t.Helper()
	var children strings.Builder
	for _, c := range e.sub {
		children.WriteString(c.name + " ")
		c.check(t)
	}
	model, ok := models[e.name]
	text := strings.TrimSpace(e.text)
	switch {
	case model == "#":
		if len(e.sub) > 0 {
			t.Errorf("%s has children", e.name)
		}
	case text != "":
		t.Errorf("%s has text %q", e.name, text)
	case !ok && len(e.sub) > 0:
		t.Errorf("%s should be empty", e.name)
	case ok && !regexp.MustCompile("^("+model+")$").MatchString(children.String()):
		t.Errorf("%s has the children %q", e.name, children.String())
	}
}

func (e *element) child(name string) *element {
	for _, c := range e.sub {
		if c.name == name {
			return c
		}
	}
	return &element{}
}

// names joins the names of the children.
func (e *element) names() string {
	var s []string
	for _, c := range e.sub {
		s = append(s, c.name)
	}
	return strings.Join(s, " ")
}

// parseDDF reads a DDF and returns its root and its DOCTYPE.
func parseDDF(t *testing.T, b []byte) (*element, string) {
	t.Helper()
	dec := xml.NewDecoder(bytes.NewReader(b))
	stack := []*element{{}}
	doctype := ""
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return stack[0].sub[0], doctype
		}
		if err != nil {
			t.Fatal(err)
		}
		top := stack[len(stack)-1]
		switch tok := tok.(type) {
		case xml.StartElement:
			e := &element{name: tok.Name.Local}
			if len(tok.Attr) > 0 || tok.Name.Space != "" {
				t.Errorf("%s has attributes or a namespace", e.name)
			}
			top.sub = append(top.sub, e)
			stack = append(stack, e)
		case xml.EndElement:
			stack = stack[:len(stack)-1]
		case xml.CharData:
			top.text += string(tok)
		case xml.Directive:
			doctype = string(tok)
		}
	}
}

func TestDDFIsValid(t *testing.T) {
	b := AppendDDF([]byte(nil))
	root, doctype := parseDDF(t, b)
	if root.name != "MgmtTree" || !strings.HasPrefix(doctype, `DOCTYPE MgmtTree PUBLIC "-//OMA//DTD-DM-DDF 1.2//EN"`) {
		t.Errorf("%s %s", root.name, doctype)
	}
	root.check(t)
	if v := root.child("VerDTD").text; v != "1.2" {
		t.Errorf("VerDTD %q", v)
	}
	if bytes.IndexFunc(b, func(r rune) bool { return r > 0x7e || r < ' ' && r != '\n' }) >= 0 {
		t.Error("not plain ASCII lines")
	}
}

// TestDDFOfFwUpdate is the text of the CSP: paths, access types, formats,
// occurrences, scopes.
func TestDDFOfFwUpdate(t *testing.T) {
	root, _ := parseDDF(t, AppendDDF(nil))
	var got []string
	var walk func(n *element, path string)
	walk = func(n *element, path string) {
		path += "/" + n.child("NodeName").text
		p := n.child("DFProperties")
		got = append(got, fmt.Sprintf("%s: %s, %s, %s, %s", path, p.child("AccessType").names(),
			p.child("DFFormat").names(), p.child("Occurrence").names(), p.child("Scope").names()))
		for _, c := range n.sub {
			if c.name == "Node" {
				walk(c, path)
			}
		}
	}
	first := root.child("Node")
	walk(first, first.child("Path").text)
	want := []string{
		"./FwUpdate: Get, node, One, Permanent",
		"./FwUpdate/: Add Delete Get, node, ZeroOrMore, Dynamic",
		"./FwUpdate//DownloadAndUpdate: Add Delete Exec Get, node, One, Dynamic",
		"./FwUpdate//DownloadAndUpdate/PkgURL: Add Delete Get Replace, chr, One, Dynamic",
		"./FwUpdate//PkgName: Add Delete Get Replace, chr, One, Dynamic",
		"./FwUpdate//PkgVersion: Add Delete Get Replace, chr, One, Dynamic",
		"./FwUpdate//State: Get, chr, One, Dynamic",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	var tops []string
	for _, n := range root.sub[1:] {
		tops = append(tops, n.child("Path").text+"/"+n.child("NodeName").text)
	}
	if d := cmp.Diff([]string{"./FwUpdate", "./DevInfo", "./DevDetail", "./DMAcc", "./SyncML", "./Vendor"}, tops); d != "" {
		t.Error(d)
	}
}

// TestAccessIsTheTable: for every node of the tables and every command, the
// command is refused with 405 exactly when the DDF does not list it; inside an
// account, whose server may neither Add nor Exec, with 425.
func TestAccessIsTheTable(t *testing.T) {
	visited := 0
	full().visit(full().at(tree.Root), func(at place) {
		if at.node == root {
			return // its list of rights comes first
		}
		visited++
		uri, a := at.uri, at.node.access
		inAccount := at.account != nil
		for right, do := range map[tree.Right]func(*Tree) error{
			tree.RightGet: get(server, uri), tree.RightReplace: replace(server, leaf(uri, "v")), tree.RightDelete: del(server, uri), tree.RightExec: exec(server, uri),
		} {
			got := codeOf(t, do(full()))
			if refused := got == 405 || inAccount && got == 425; refused == a.has(right) {
				t.Errorf("%s, %v: %d with access %b", uri, right, got, a)
			}
		}
		item := leaf(uri, "v")
		if !at.node.leaf() {
			item = interior(uri)
		}
		got := codeOf(t, full().Add(server, item))
		if refused := got == 405 || inAccount && got == 425; refused == a.has(tree.RightAdd) {
			t.Errorf("Add %s: %d with access %b", uri, got, a)
		}
	})
	if visited < 50 {
		t.Errorf("%d nodes", visited)
	}
}

// TestWriteDDF: the writer's error comes back.
func TestWriteDDF(t *testing.T) {
	var b bytes.Buffer
	if err := WriteDDF(&b); err != nil || !bytes.Equal(b.Bytes(), AppendDDF(nil)) {
		t.Errorf("%v", err)
	}
	r, w := io.Pipe()
	r.CloseWithError(io.ErrClosedPipe)
	if err := WriteDDF(w); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("%v", err)
	}
}
