package syncml

// form is what is written of an element: its start and its end, between which
// something stands. They are arrays so that they are copied with a few moves
// and no call, as long as they are so that a form is 64 bytes: one cache line.
type form struct {
	start [maxStart]byte
	end   [maxEnd]byte
	// The lengths of the two.
	starts, ends uint8
	page         uint8 // of WBXML; 0 in XML; noPage if the element is not in this version
}

// The longest start is that of MaxMsgSize in XML, with its namespace, the
// longest end that of NumberOfChanges.
const (
	maxStart = 40
	maxEnd   = 20
	formRoom = maxStart + maxEnd + 20 // for both, and a page or a number

	noPage = 0xFF
)

// forms are those of all elements, in one encoding of one version of SyncML.
type forms struct {
	of    [tagCount]form
	empty [tagCount]string // the whole of an element in which nothing stands
	head  string           // stands before the root
	old   bool             // SyncML 1.1
}

// The forms, all out of [elements].
var (
	xmlForms12, xmlForms11     = xmlForms(DM12), xmlForms(DM112)
	wbxmlForms12, wbxmlForms11 = wbxmlForms(DM12), wbxmlForms(DM112)
)

// add sets the form of t, which is on a page.
func (f *forms) add(t tag, start, end, empty string, page uint8) {
	o := form{starts: uint8(len(start)), ends: uint8(len(end)), page: page}
	if copy(o.start[:], start) < len(start) || copy(o.end[:], end) < len(end) {
		panic("syncml: a name too long for its form: " + start)
	}
	if f.old && elements[t].new12 {
		o.page = noPage
	}
	f.of[t], f.empty[t] = o, empty
}
