package wire

import (
	"strconv"
	"strings"
)

// MaxDepth is the length of the longest path: object, object instance,
// resource, resource instance.
const MaxDepth = 4

// NoInstance is the reserved number 65535 (LwM2M 1.1 Core, 7.1). It stands for
// the instance in the paths of a Create that leaves the choice of the number
// to the client, which TLV can say.
const NoInstance = 65535

// Path is the address of an object, an object instance, a resource or a
// resource instance; the zero value is the root. Paths can be compared with ==
// and be keys of a map.
type Path struct {
	ids [MaxDepth]uint16
	n   uint8
}

// PathOf is the path of up to MaxDepth numbers; further ones are dropped.
func PathOf(ids ...uint16) Path {
	var p Path
	p.n = uint8(copy(p.ids[:], ids))
	return p
}

// ParsePath reads "/9/0/7"; "/" and "" are the root. A slash at the end and
// zeros before a number are accepted. Numbers have 16 bits, those of object and
// resource instances are at most 65534. ok is false for anything else.
func ParsePath(s string) (p Path, ok bool) {
	rest, rooted := strings.CutPrefix(s, "/")
	if !rooted && s != "" || rest == "/" {
		return Path{}, false
	}
	rest = strings.TrimSuffix(rest, "/")
	for more := rest != ""; more; p.n++ {
		var word string
		word, rest, more = strings.Cut(rest, "/")
		n, err := strconv.ParseUint(word, 10, 16)
		if err != nil || int(p.n) == MaxDepth || p.n%2 == 1 && n > maxInstanceID {
			return Path{}, false
		}
		p.ids[p.n] = uint16(n)
	}
	return p, true
}

// String is the path with slashes, "/9/0/7"; "/" for the root.
func (p Path) String() string {
	if p.n == 0 {
		return "/"
	}
	return string(p.append(nil))
}

// append appends the path with slashes; nothing for the root.
func (p Path) append(dst []byte) []byte {
	for _, id := range p.ids[:p.n] {
		dst = append(dst, '/')
		dst = strconv.AppendUint(dst, uint64(id), 10)
	}
	return dst
}

// Len is the number of numbers: 0 the root, 1 an object, 2 an object instance,
// 3 a resource, 4 a resource instance.
func (p Path) Len() int { return int(p.n) }

// ID is the number at a place below Len: 0 the object, 1 its instance, 2 the
// resource, 3 its instance. It is 0 elsewhere.
func (p Path) ID(i int) uint16 {
	if i < 0 || i >= int(p.n) {
		return 0
	}
	return p.ids[i]
}

// Up is the path cut to n numbers: Up(3) of a resource instance is its
// resource. A shorter path stays as it is.
func (p Path) Up(n int) Path {
	return PathOf(p.ids[:max(0, min(n, int(p.n)))]...)
}

// Down is the path with one number more. A path of MaxDepth stays as it is.
func (p Path) Down(id uint16) Path {
	if p.n < MaxDepth {
		p.ids[p.n] = id
		p.n++
	}
	return p
}

// Holds says whether q is p or lies below it.
func (p Path) Holds(q Path) bool { return p.n <= q.n && p == q.Up(int(p.n)) }

// Compare orders paths number by number, a path before what lies below it.
func (p Path) Compare(q Path) int {
	for i := range min(p.n, q.n) {
		if p.ids[i] != q.ids[i] {
			return int(p.ids[i]) - int(q.ids[i])
		}
	}
	return int(p.n) - int(q.n)
}
