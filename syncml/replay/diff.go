package replay

// Op says in which of two messages a line is.
type Op uint8

// The ops.
const (
	Same    Op = iota // in both
	Missing           // recorded, but not in the live message
	Extra             // in the live message, but not recorded
)

// String is the sign before a line: " ", "-" or "+".
func (o Op) String() string { return [...]string{" ", "-", "+"}[min(o, Extra)] }

// Line is one line of a [Diff].
type Line struct {
	Op    Op
	Depth int    // of indentation
	Path  string // elements from the root: "SyncML/SyncBody/Status/Data"
	Text  string // without secrets
}

// Diff is how two messages differ, whole: the lines in both too. It is nil
// when they say the same.
type Diff []Line

// Context is how many lines in both messages are shown around a difference.
const Context = 2

// maxCells bounds the table of the comparison, in cells of four bytes; what is
// over it is shown as replaced as a whole.
const maxCells = 4 << 20

// diff compares two rendered messages line by line.
func diff(want, got []line) Diff {
	pre := 0
	for pre < len(want) && pre < len(got) && want[pre].same(got[pre]) {
		pre++
	}
	post := 0
	for post < len(want)-pre && post < len(got)-pre && want[len(want)-1-post].same(got[len(got)-1-post]) {
		post++
	}
	if pre == len(want) && pre == len(got) {
		return nil
	}
	var d Diff
	d = d.add(Same, want[:pre])
	d = d.middle(want[pre:len(want)-post], got[pre:len(got)-post])
	return d.add(Same, want[len(want)-post:]).reveal()
}

func (l line) same(o line) bool { return l.key == o.key && l.depth == o.depth && l.path == o.path }

func (d Diff) add(op Op, list []line) Diff {
	for _, l := range list {
		d = append(d, Line{op, l.depth, l.path, l.text})
	}
	return d
}

// middle is the longest common subsequence of what differs somewhere.
func (d Diff) middle(want, got []line) Diff {
	if (len(want)+1)*(len(got)+1) > maxCells {
		return d.add(Missing, want).add(Extra, got)
	}
	width := len(got) + 1
	length := make([]int32, (len(want)+1)*width) // of the common rest from i, j on
	for i := len(want) - 1; i >= 0; i-- {
		for j := len(got) - 1; j >= 0; j-- {
			if want[i].same(got[j]) {
				length[i*width+j] = length[(i+1)*width+j+1] + 1
				continue
			}
			length[i*width+j] = max(length[(i+1)*width+j], length[i*width+j+1])
		}
	}
	i, j := 0, 0
	for i < len(want) || j < len(got) {
		switch {
		case i < len(want) && j < len(got) && want[i].same(got[j]):
			d = d.add(Same, want[i:i+1])
			i, j = i+1, j+1
		case j == len(got) || i < len(want) && length[(i+1)*width+j] >= length[i*width+j+1]:
			d = d.add(Missing, want[i:i+1])
			i++
		default:
			d = d.add(Extra, got[j:j+1])
			j++
		}
	}
	return d
}

// reveal says of two lines that differ only in a secret that they do: they
// look the same.
func (d Diff) reveal() Diff {
	for i := 1; i < len(d); i++ {
		if d[i-1].Op == Missing && d[i].Op == Extra && d[i-1].Text == d[i].Text {
			d[i].Text += " <!-- another secret -->"
		}
	}
	return d
}

// Hunk is a stretch of a diff with a difference in it.
type Hunk struct {
	Path  string // of the first line that differs
	URI   string // of the node that its command is about, if it names one
	Lines []Line
}

// commandDepth is where the commands of a message stand.
const commandDepth = 2

// Hunks are the differences with [Context] lines around each.
func (d Diff) Hunks() []Hunk {
	var (
		list []Hunk
		end  int // of the last hunk, in d
		uri  string
	)
	for i, l := range d {
		switch name, _ := elementOf(l.Text); {
		case l.Depth <= commandDepth:
			uri = ""
		case name == "LocURI" || name == "TargetRef" || name == "SourceRef":
			uri = l.Text[len(name)+2 : len(l.Text)-len(name)-3]
		}
		if l.Op == Same {
			continue
		}
		from, to := max(i-Context, end), min(i+1+Context, len(d))
		if len(list) == 0 || i-Context > end {
			list = append(list, Hunk{Path: l.Path, URI: uri})
		}
		h := &list[len(list)-1]
		if to > from {
			h.Lines = append(h.Lines, d[from:to]...)
		}
		end = max(end, to)
	}
	return list
}
