package fwupdate

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/fwbridge/fwbridge/fwupdate/tree"
)

// ddfHead opens a DDF: version 1.2 of its DTD (DM Tree and Description
// 1.2, "Device Description Framework").
const ddfHead = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE MgmtTree PUBLIC "-//OMA//DTD-DM-DDF 1.2//EN" "http://www.openmobilealliance.org/tech/DTD/DM_DDF-V1_2.dtd"
  [<?oma-dm-ddf-ver supported-versions="1.2"?>]>
<MgmtTree>
  <VerDTD>1.2</VerDTD>
`

// WriteDDF writes the device description of the tree, with all of its
// objects, from the tables that the commands are checked against. The error is
// that of w.
func WriteDDF(w io.Writer) error {
	_, err := w.Write(AppendDDF(nil))
	return err
}

// AppendDDF appends the device description to b.
func AppendDDF(b []byte) []byte {
	d := ddf{Buffer: bytes.NewBuffer(b), indent: 1}
	d.WriteString(ddfHead)
	for _, n := range top {
		d.node(n, ".")
	}
	d.WriteString("</MgmtTree>\n")
	return d.Bytes()
}

// ddf writes elements in the order that the DTD demands. All texts come from
// our own tables, so nothing needs escaping.
type ddf struct {
	*bytes.Buffer
	indent int
}

func (d *ddf) line(format string, args ...any) {
	d.WriteString(strings.Repeat("  ", d.indent))
	fmt.Fprintf(d, format+"\n", args...)
}

func (d *ddf) inside(element string, content func()) {
	d.line("<%s>", element)
	d.indent++
	content()
	d.indent--
	d.line("</%s>", element)
}

// node writes one Node; path is set for those that hang below the root.
func (d *ddf) node(n *node, path string) {
	d.inside("Node", func() {
		if n.name == "" {
			d.line("<NodeName/>") // named at run time
		} else {
			d.line("<NodeName>%s</NodeName>", n.name)
		}
		if path != "" {
			d.line("<Path>%s</Path>", path)
		}
		d.inside("DFProperties", func() { d.properties(n) })
		for _, c := range n.nodes {
			d.node(c, "")
		}
	})
}

func (d *ddf) properties(n *node) {
	d.inside("AccessType", func() {
		for _, r := range tree.AllRights {
			if n.access.has(r) {
				d.line("<%s/>", r)
			}
		}
	})
	d.line("<Description>%s</Description>", n.about)
	d.line("<DFFormat><%s/></DFFormat>", n.format)
	d.line("<Occurrence><%s/></Occurrence>", n.occurs)
	scope := "Permanent"
	if n.dynamic {
		scope = "Dynamic"
	}
	d.line("<Scope><%s/></Scope>", scope)
	if n.leaf() {
		d.line("<DFType><MIME>%s</MIME></DFType>", n.mime())
	} else {
		d.line("<DFType><DDFName>%s</DDFName></DFType>", n.mo)
	}
}
