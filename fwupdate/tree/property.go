package tree

import (
	"slices"
	"strings"
)

// Property is a property of a node (TND 1.2, "Properties of Nodes"). Value is
// none, but lists name it like one.
type Property uint8

// The properties.
const (
	NoProperty Property = iota
	PropACL
	PropFormat
	PropName
	PropSize
	PropTitle
	PropTStamp
	PropType
	PropVerNo
	PropValue
)

// properties is the one table of them, in the order of the constants.
var properties = [...]struct {
	name    string
	replace bool // by a server
	listed  bool // in a TNDS that does not say what it wants
}{
	PropACL:    {"ACL", true, true},
	PropFormat: {"Format", false, true},
	PropName:   {"Name", true, false},
	PropSize:   {"Size", false, false},
	PropTitle:  {"Title", true, true},
	PropTStamp: {"TStamp", false, true},
	PropType:   {"Type", false, true},
	PropVerNo:  {"VerNo", false, true},
	PropValue:  {"Value", false, true},
}

// String is the name, as in ?prop=.
func (p Property) String() string {
	if int(p) < len(properties) {
		return properties[p].name
	}
	return ""
}

// Replaceable says whether a server may ever replace the property.
func (p Property) Replaceable() bool { return int(p) < len(properties) && properties[p].replace }

func propertyNamed(name string) (Property, bool) {
	p, ok := attributeNamed(name)
	return p, ok && p != PropValue
}

func attributeNamed(name string) (Property, bool) {
	for p := PropACL; p <= PropValue; p++ {
		if properties[p].name == name {
			return p, true
		}
	}
	return NoProperty, false
}

// Attributes is a set of properties, for lists.
type Attributes uint16

// Has says whether the set holds p.
func (a Attributes) Has(p Property) bool { return a&(1<<p) != 0 }

// AttributesOf is the set of those properties.
func AttributesOf(list ...Property) (a Attributes) {
	for _, p := range list {
		a |= 1 << p
	}
	return a
}

// listed is what a TNDS holds when nobody says.
func listed() (a Attributes) {
	for p := range properties {
		if properties[p].listed {
			a |= 1 << p
		}
	}
	return a
}

// ListKind is what ?list= asks for.
type ListKind uint8

// The kinds of lists.
const (
	NoList         ListKind = iota
	ListStruct              // every node of the sub-tree
	ListStructData          // and the values of its leaves
	ListTNDS                // the sub-tree as one document
)

var listNames = []string{ListStruct: "Struct", ListStructData: "StructData", ListTNDS: "TNDS"}

// List is a ?list= with what it is to hold.
type List struct {
	Kind       ListKind
	Attributes Attributes // of ListTNDS
}

// parseList reads Struct, StructData, TNDS, TNDS+A+B (only those) and
// TNDS-A-B (all but those); both at once are not defined.
func parseList(s string) (List, bool) {
	name, rest := s, ""
	end := strings.IndexAny(s, "+-")
	if end >= 0 {
		name, rest = s[:end], s[end:]
	}
	kind := slices.Index(listNames, name)
	if kind <= int(NoList) {
		return List{}, false
	}
	l := List{Kind: ListKind(kind), Attributes: listed()}
	if rest == "" {
		return l, true
	}
	named, ok := attributesNamed(rest[1:], rest[:1])
	l.Attributes &^= named
	if rest[0] == '+' {
		l.Attributes = named
	}
	return l, ok && l.Kind == ListTNDS
}

// attributesNamed reads names with the sign between them.
func attributesNamed(s, sign string) (set Attributes, ok bool) {
	for name := range strings.SplitSeq(s, sign) {
		p, known := attributeNamed(name)
		if !known {
			return 0, false
		}
		set |= 1 << p
	}
	return set, true
}
