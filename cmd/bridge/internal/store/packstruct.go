package store

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// structPacker writes the structs of one type.
type structPacker struct{ fields []packedField } // in the order in which they are written

type packedField struct {
	index int
	name  []byte // as it is written
	text  string
	omit  func(reflect.Value) bool // nil: never
	pack  packFunc
}

func (s *structPacker) pack(b []byte, v reflect.Value) []byte {
	start := len(b)
	b = append(b, majorMap)
	for i := range s.fields {
		f := &s.fields[i]
		field := v.Field(f.index)
		if f.omit != nil && f.omit(field) {
			continue
		}
		b = f.pack(append(b, f.name...), field)
		b[start]++ // at most maxFields: they are in this byte
	}
	return b
}

func (p packers) ofStruct(t reflect.Type) *structPacker {
	if s := p[t]; s != nil {
		return s
	}
	s := &structPacker{}
	p[t] = s
	for i := range t.NumField() {
		f := t.Field(i)
		name, option, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" {
			continue
		}
		if name == "" || !f.IsExported() || len(s.fields) == maxFields {
			panic(fmt.Sprintf("store: a Packer cannot write field %s of %v", f.Name, t))
		}
		s.fields = append(s.fields, packedField{i, appendText(nil, name), name, omitting(f.Type, option), p.of(f.Type)})
	}
	slices.SortFunc(s.fields, func(a, b packedField) int { return byLength(a.text, b.text) })
	return s
}

// omitting says when a field with this option is left out.
func omitting(t reflect.Type, option string) func(reflect.Value) bool {
	switch {
	case option == "":
		return nil
	case option == "omitzero" && t == timeType:
		return func(v reflect.Value) bool { return v.Addr().Interface().(*time.Time).IsZero() }
	case option == "omitzero" && !reflect.PointerTo(t).Implements(reflect.TypeFor[interface{ IsZero() bool }]()):
		return reflect.Value.IsZero
	case option == "omitempty" && (t.Kind() == reflect.Slice || t.Kind() == reflect.Map):
		return func(v reflect.Value) bool { return v.Len() == 0 }
	case option == "omitempty" && t.Kind() != reflect.Struct:
		return reflect.Value.IsZero
	}
	panic(fmt.Sprintf("store: a Packer knows no %s of %v", option, t))
}
