package syncml

import (
	"slices"
	"strconv"
)

// output is a message on its way to bytes. The two encodings write the same
// elements in the same order; what they write for each is their forms.
type output struct {
	text  []byte
	forms *forms
	page  uint8 // WBXML code page in force
	last  int   // where text ended after the start written last
}

// fits makes sure that f can be written where text ends, with size bytes in it.
// It reports false if the element is not in this version.
func (o *output) fits(f *form, size int) bool {
	return f.page == o.page && cap(o.text)-len(o.text) >= size+formRoom || o.fit(f, size)
}

// fit is what fits has to do now and then.
func (o *output) fit(f *form, size int) bool {
	if f.page == noPage {
		return false
	}
	if cap(o.text)-len(o.text) < size+formRoom {
		o.text = slices.Grow(o.text, size+formRoom)
	}
	if f.page != o.page {
		o.text = append(o.text, tokSwitchPage, f.page)
		o.page = f.page
	}
	return true
}

// start writes the start of an element, which fits. Here and below, more than
// the form is copied, and what follows stands over the rest.
func (o *output) start(f *form) {
	n := len(o.text)
	*(*[maxStart]byte)(o.text[n:cap(o.text)]) = f.start
	o.last = n + int(f.starts)
	o.text = o.text[:o.last]
}

// holds says that something stands in the element to end, and there is room for
// its end.
func (o *output) holds() bool {
	return o.last != len(o.text) && cap(o.text)-len(o.text) >= maxEnd
}

// end writes the end of an element that holds something.
func (o *output) end(f *form) {
	n := len(o.text)
	*(*[maxEnd]byte)(o.text[n:cap(o.text)]) = f.end
	o.text = o.text[:n+int(f.ends)]
}

// shut writes the end of t or, if nothing stands in it, the empty element over
// its start.
func (o *output) shut(t tag) {
	f := &o.forms.of[t]
	if o.last != len(o.text) {
		o.text = append(o.text, f.end[:f.ends]...)
		return
	}
	o.text = append(o.text[:o.last-int(f.starts)], o.forms.empty[t]...)
	o.last = 0 // in WBXML the two are as long
}

// leaf writes a whole element, which fits. It reports false, and has written
// nothing, if the text may not stand as it is, or is empty.
func leaf[S string | []byte](o *output, f *form, text S) bool {
	n, out := len(o.text), o.text[:cap(o.text)]
	*(*[maxStart]byte)(out[n:]) = f.start
	n += int(f.starts)
	if len(text) == 0 || !copyPlain(out[n:], text) {
		return false
	}
	n += len(text)
	*(*[maxEnd]byte)(out[n:]) = f.end
	o.text = o.text[:n+int(f.ends)]
	return true
}

// number is leaf for a number.
func (o *output) number(f *form, n int64) {
	o.text = append(o.text, f.start[:f.starts]...)
	o.text = strconv.AppendInt(o.text, n, 10)
	o.text = append(o.text, f.end[:f.ends]...)
}

// oddLeaf is leaf for a text that may not stand as it is in enc, or is empty. It
// returns why enc cannot carry it, or "".
func oddLeaf[S string | []byte](o *output, t tag, text S, enc Encoding) (why string) {
	if len(text) == 0 {
		o.text = append(o.text, o.forms.empty[t]...)
		return ""
	}
	f := &o.forms.of[t]
	o.text = append(o.text, f.start[:f.starts]...)
	if enc == XML {
		o.text, why = appendXMLText(o.text, text)
	} else {
		o.text, why = append(o.text, text...), notSTRI(string(text))
	}
	o.text = append(o.text, f.end[:f.ends]...)
	return why
}

// opaque is leaf for bytes of any kind, in WBXML.
func (o *output) opaque(f *form, b []byte) {
	n, out := len(o.text), o.text[:cap(o.text)]
	out[n] = f.start[0]
	if len(b) == 0 {
		out[n] &^= bitContent
		o.text = o.text[:n+1]
		return
	}
	out[n+1] = tokOpaque
	out = appendUint(out[:n+2], uint32(len(b)))
	o.text = append(append(out, b...), tokEnd)
}

// place is a place in an output, and the code page there.
type place struct {
	at   int
	page uint8
}

// place is where the next element will begin.
func (o *output) place() place { return place{len(o.text), o.page} }

// repeat writes what stands between two places again. It reports false if that
// is not possible: tokens must meet the page they met before.
func (o *output) repeat(from, to place) bool {
	if o.page != from.page {
		return false
	}
	o.text = append(o.text, o.text[from.at:to.at]...)
	o.page = to.page
	return true
}
