package tree

import (
	"errors"
	"fmt"

	"github.com/beevik/etree"
)

// Limits of a TNDS document that is read.
const (
	MaxTNDS      = 64 << 10 // bytes, of its WBXML as well as of its XML
	MaxTNDSNodes = 512
	MaxTNDSDepth = 64 // elements in elements
)

const (
	namespace = "syncml:dmddf1.2"
	version   = "1.2"
)

// ErrTNDS means that a text is no TNDS document, or one over the limits.
var ErrTNDS = errors.New("not a TNDS document")

// Node is one Node element with its properties.
type Node struct {
	Name       string // escaped, as in a URI; may be empty in what is read
	Path       string // where it hangs, relative to the target of the command
	Interior   bool
	Properties map[Property]string // those that are said
	Nodes      []*Node
}

// AppendTNDS writes nodes with those of their properties that are in the set.
// A property that a node does not have is left out, and so are an empty ACL
// and Title, which say nothing.
func AppendTNDS(b []byte, nodes []*Node, set Attributes) ([]byte, error) {
	doc := etree.NewDocument()
	root := doc.CreateElement("MgmtTree")
	root.CreateAttr("xmlns", namespace)
	root.CreateElement("VerDTD").SetText(version)
	for _, n := range nodes {
		n.write(root, set)
	}
	text, err := doc.WriteToBytes()
	if err != nil {
		return nil, fmt.Errorf("tree: TNDS: %w", err)
	}
	return append(b, text...), nil
}

// inRT are the properties of RTProperties, in the order of the DTD.
var inRT = []Property{PropACL, PropFormat, PropName, PropSize, PropTitle, PropTStamp, PropType, PropVerNo}

func (n *Node) write(up *etree.Element, set Attributes) {
	e := up.CreateElement("Node")
	e.CreateElement("NodeName").SetText(n.Name)
	if n.Path != "" {
		e.CreateElement("Path").SetText(n.Path)
	}
	if asked := set &^ AttributesOf(PropValue); asked != 0 {
		rt := e.CreateElement("RTProperties")
		for _, p := range inRT {
			if asked.Has(p) || p == PropType {
				n.property(rt, p)
			}
		}
	}
	if value, ok := n.Properties[PropValue]; ok && set.Has(PropValue) {
		e.CreateElement("Value").SetText(value)
	}
	for _, c := range n.Nodes {
		c.write(e, set)
	}
}

func (n *Node) property(rt *etree.Element, p Property) {
	value, ok := n.Properties[p]
	if !ok || value == "" && (p == PropACL || p == PropTitle) {
		return
	}
	e := rt.CreateElement(p.String())
	switch {
	case p == PropFormat:
		e.CreateElement(value)
	case p == PropType && n.Interior:
		e.CreateElement("DDFName").SetText(value)
	case p == PropType:
		e.CreateElement("MIME").SetText(value)
	default:
		e.SetText(value)
	}
}

// ReadTNDS reads a document. It takes elements in any order and with any
// prefix, and passes over those it does not know; a DTD, which could define
// entities, is refused. The error is ErrTNDS.
func ReadTNDS(text []byte) ([]*Node, error) {
	if len(text) > MaxTNDS {
		return nil, ErrTNDS
	}
	doc := etree.NewDocument()
	doc.ReadSettings = etree.ReadSettings{MaxDepth: MaxTNDSDepth}
	if err := doc.ReadFromBytes(text); err != nil {
		return nil, ErrTNDS
	}
	for _, c := range doc.Child {
		if _, dtd := c.(*etree.Directive); dtd {
			return nil, ErrTNDS
		}
	}
	root := doc.Root()
	if root == nil || root.Tag != "MgmtTree" {
		return nil, ErrTNDS
	}
	r := tndsReader{}
	nodes := r.nodes(root)
	if r.count > MaxTNDSNodes || len(nodes) == 0 {
		return nil, ErrTNDS
	}
	return nodes, nil
}

type tndsReader struct{ count int }

func (r *tndsReader) nodes(in *etree.Element) (list []*Node) {
	for _, e := range in.ChildElements() {
		if e.Tag == "Node" {
			list = append(list, r.node(e))
		}
	}
	return list
}

func (r *tndsReader) node(e *etree.Element) *Node {
	r.count++
	n := &Node{Properties: map[Property]string{}}
	for _, c := range e.ChildElements() {
		switch c.Tag {
		case "NodeName":
			n.Name = c.Text()
		case "Path":
			n.Path = c.Text()
		case "Value":
			n.Properties[PropValue] = c.Text()
		case "RTProperties":
			for _, q := range c.ChildElements() {
				n.read(q)
			}
		}
	}
	n.Nodes = r.nodes(e)
	n.Interior = n.Interior || len(n.Nodes) > 0
	return n
}

// read takes one element of RTProperties in.
func (n *Node) read(e *etree.Element) {
	p, ok := propertyNamed(e.Tag)
	if !ok {
		return
	}
	first := e.ChildElements()
	switch {
	case p == PropFormat && len(first) > 0:
		n.Properties[p] = first[0].Tag
		n.Interior = first[0].Tag == "node"
	case p == PropType && len(first) > 0:
		n.Properties[p] = first[0].Text()
	case p != PropFormat && p != PropType:
		n.Properties[p] = e.Text()
	}
}
