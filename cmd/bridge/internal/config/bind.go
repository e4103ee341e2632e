package config

import (
	"fmt"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v4"
)

// binder sets Go values from YAML nodes and collects what does not fit. It
// goes on after a problem, so that all are found in one run.
type binder struct {
	file     string
	lines    map[string]int // key path -> line, for the checks that follow
	problems Problems
}

func (b *binder) fail(line int, key, format string, args ...any) {
	b.problems = append(b.problems, Problem{File: b.file, Line: line, Key: key, Text: fmt.Sprintf(format, args...)})
}

// failAt is fail for a key that the file may hold or not: the line is that of
// the key, or of what it would stand in.
func (b *binder) failAt(key, format string, args ...any) {
	b.fail(b.lineOf(key), key, format, args...)
}

func (b *binder) lineOf(key string) int {
	for key != "" {
		if line, ok := b.lines[key]; ok {
			return line
		}
		key = key[:max(strings.LastIndexAny(key, ".["), 0)]
	}
	return 0
}

// defaulter is a list element that is not all zero before it is read.
type defaulter interface{ setDefaults() }

// bounds are the tags min and max in force.
type bounds struct{ min, max string }

func (o bounds) of(tag reflect.StructTag) bounds {
	if low, ok := tag.Lookup("min"); ok {
		o.min = low
	}
	if high, ok := tag.Lookup("max"); ok {
		o.max = high
	}
	return o
}

// bind sets v from the node that stands under the key path.
func (b *binder) bind(path string, n *yaml.Node, v reflect.Value, o bounds) {
	b.lines[path] = n.Line
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		b.fail(n.Line, path, "anchors and aliases are not supported; write the value out")
	case n.Style&yaml.TaggedStyle != 0:
		b.fail(n.Line, path, "tags are not supported; write the plain value")
	case isScalar(v.Type()):
		b.bindScalar(path, n, v, o)
	case v.Kind() == reflect.Struct:
		b.bindStruct(path, n, v, o)
	case v.Kind() == reflect.Slice:
		b.bindList(path, n, v, o)
	case v.Kind() == reflect.Pointer:
		if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" {
			b.fail(n.Line, path, "has no value; give one or remove the key")
			return
		}
		v.Set(reflect.New(v.Type().Elem()))
		b.bind(path, n, v.Elem(), o)
	default:
		panic("config: no rule for the type of " + path)
	}
}

// field is one key of a struct.
type field struct {
	key   string
	index int
	tag   reflect.StructTag
}

// fields lists the keys of a struct type. A field without a tag has its own
// name, in lower case.
func fields(t reflect.Type) []field {
	var all []field
	for i := range t.NumField() {
		f := t.Field(i)
		key, tagged := f.Tag.Lookup("yaml")
		if !tagged {
			key = strings.ToLower(f.Name)
		}
		if f.IsExported() && key != "-" {
			all = append(all, field{key, i, f.Tag})
		}
	}
	return all
}

func (b *binder) bindStruct(path string, n *yaml.Node, v reflect.Value, o bounds) {
	if n.Kind != yaml.MappingNode {
		b.fail(n.Line, path, "want keys and values, found %s", kindName(n))
		return
	}
	known := fields(v.Type())
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		key := join(path, name.Value)
		if line, twice := seen[name.Value]; twice {
			b.fail(name.Line, key, "stands twice, first in line %d; remove one", line)
			continue
		}
		seen[name.Value] = name.Line
		found := false
		for _, f := range known {
			if f.key == name.Value {
				b.bind(key, value, v.Field(f.index), o.of(f.tag))
				b.lines[key] = name.Line
				found = true
			}
		}
		if !found {
			b.unknown(name, key, known)
		}
	}
	for _, f := range known {
		if what, ok := f.tag.Lookup("required"); ok && seen[f.key] == 0 {
			b.fail(n.Line, join(path, f.key), "is missing; give %s", what)
		}
	}
}

func (b *binder) unknown(name *yaml.Node, key string, known []field) {
	var keys []string
	for _, f := range known {
		keys = append(keys, f.key)
	}
	if meant := nearest(name.Value, keys); meant != "" {
		b.fail(name.Line, key, "unknown key; did you mean %s?", meant)
		return
	}
	b.fail(name.Line, key, "unknown key; known here are %s", strings.Join(keys, ", "))
}

func (b *binder) bindList(path string, n *yaml.Node, v reflect.Value, o bounds) {
	if n.Kind != yaml.SequenceNode {
		b.fail(n.Line, path, "want a list, found %s", kindName(n))
		return
	}
	if most, err := parseSize(o.max); err == nil && Size(len(n.Content)) > most {
		b.fail(n.Line, path, "has %d entries; at most %d", len(n.Content), most)
		return
	}
	list := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, element := range n.Content {
		if d, ok := list.Index(i).Addr().Interface().(defaulter); ok {
			d.setDefaults()
		}
		b.bind(fmt.Sprintf("%s[%d]", path, i), element, list.Index(i), bounds{})
	}
	v.Set(list)
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// kindName says what a node is, never what is in it.
func kindName(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "keys and values"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null":
		return "nothing"
	}
	return "a single value"
}
