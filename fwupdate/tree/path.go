package tree

import (
	"iter"
	"strings"
)

// Path names one node in one way only: its escaped segments with slashes
// between them, without "./"; the root is ".".
type Path string

// Root is the node that all others are below.
const Root Path = "."

// Child is the path of a node below p. The name is not escaped.
func (p Path) Child(name string) Path {
	if p == Root {
		return Path(Escape(name))
	}
	return p + "/" + Path(Escape(name))
}

// Parent is the node that p is in; the root is in itself.
func (p Path) Parent() Path {
	if i := strings.LastIndexByte(string(p), '/'); i >= 0 {
		return p[:i]
	}
	return Root
}

// Name is the last segment as it is written; "" for the root.
func (p Path) Name() string {
	if p == Root {
		return ""
	}
	return string(p[strings.LastIndexByte(string(p), '/')+1:])
}

// Steps are the paths from below the root down to p, each with its own name,
// unescaped; none for the root.
func (p Path) Steps() iter.Seq2[Path, string] {
	return func(yield func(Path, string) bool) {
		if p == Root {
			return
		}
		for from := 0; from <= len(p); {
			to := len(p)
			if i := strings.IndexByte(string(p[from:]), '/'); i >= 0 {
				to = from + i
			}
			name, _ := Unescape(string(p[from:to])) // a Path holds nothing else
			if !yield(p[:to], name) {
				return
			}
			from = to + 1
		}
	}
}

// Valid says whether p is in the one form that paths have.
func (p Path) Valid() bool {
	if p == Root {
		return true
	}
	for s := range strings.SplitSeq(string(p), "/") {
		if name, ok := Unescape(s); !ok || Escape(name) != s {
			return false
		}
	}
	return true
}

// In says whether p is top or below it.
func (p Path) In(top Path) bool {
	return top == Root || p == top || strings.HasPrefix(string(p), string(top)+"/")
}

// URI is the address, as we write it.
func (p Path) URI() string {
	if p == Root {
		return string(p)
	}
	return "./" + string(p)
}
