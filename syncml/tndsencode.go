package syncml

import "github.com/beevik/etree"

// EncodeTNDS returns the WBXML of a TNDS or DDF document in XML: page 2 from
// the first tag on, text as STR_I, the public identifier in the string table
// with its NUL, as libwbxml writes it (oma-dm.md 10.1). White space between
// elements, comments and attributes are left out. Of lim it keeps Message and
// Depth. The error is a [*SyntaxError] of XML.
func EncodeTNDS(b []byte, lim Limits) ([]byte, error) {
	lim = lim.filled()
	if err := tooLong(b, XML, lim); err != nil {
		return nil, err
	}
	clean := cleanXML(b)
	root := parseEtree(clean, lim)
	if root == nil {
		return nil, brokenXML(b, clean, lim)
	}
	e := &ddfSink{out: []byte{version12, 0, 0}}
	e.out = appendUint(e.out, charsetUTF8)
	e.out = appendUint(e.out, uint32(len(publicIDDDF)+1))
	e.out = append(e.out, publicIDDDF+"\x00"...)
	e.out = append(e.out, tokSwitchPage, pageDDF)
	if root.Tag != rootDDF {
		e.why, e.bad = "the root is not "+rootDDF, 1
	} else {
		e.element(root)
	}
	if e.why != "" {
		return nil, &SyntaxError{Encoding: XML, Offset: original(b, startTag(clean, e.bad)), Msg: e.why}
	}
	return e.out, nil
}

// ddfSink appends the tokens of a tree.
type ddfSink struct {
	out     []byte
	started int64  // start tags so far
	why     string // the first error
	bad     int64  // and the number of the start tag it belongs to
}

func (e *ddfSink) element(el *etree.Element) {
	e.started++
	token, ok := ddfTokens[el.Tag]
	text := textOf(el)
	holder := hasElements(el)
	switch {
	case e.why != "":
		return
	case !ok:
		e.why, e.bad = "an element that is not of a management tree", e.started
		return
	case holder && !blank(text):
		e.why, e.bad = "text in "+el.Tag+", which holds elements", e.started
		return
	case !holder && text == "":
		e.out = append(e.out, token)
		return
	}
	e.out = append(e.out, token|bitContent)
	if holder {
		for c := range el.ChildElementsSeq() {
			e.element(c)
		}
	} else {
		e.out = append(append(append(e.out, tokStrI), text...), 0)
	}
	e.out = append(e.out, tokEnd)
}
