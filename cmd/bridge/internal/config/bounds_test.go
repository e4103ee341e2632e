package config

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

// TestBounds tries every key that has bounds at them and one beyond.
func TestBounds(t *testing.T) {
	tried := 0
	for _, k := range keysOf("", reflect.ValueOf(Default()).Elem(), bounds{}) {
		low, high, found := strings.Cut(k.allowed, " to ")
		typ := typeOf(k.path)
		if !found || typ.Kind() != reflect.Int && typ.Kind() != reflect.Int64 {
			continue
		}
		tried++
		least, err1 := parseNumber(typ, low)
		most, err2 := parseNumber(typ, high)
		if err1 != nil || err2 != nil {
			t.Fatalf("%s: bounds %q: %v, %v", k.path, k.allowed, err1, err2)
		}
		for n, good := range map[int64]bool{least - 1: false, least: true, most: true, most + 1: false} {
			text := fmt.Sprint(n)
			if typ == durationType {
				text = time.Duration(n).String()
			}
			_, err := parse("f.yaml", []byte(yamlOf(k.path, text)))
			refused := err != nil && (strings.Contains(err.Error(), "want "+k.allowed) || strings.Contains(err.Error(), "want a size"))
			if refused == good {
				t.Errorf("%s: %s gives %v; want it within the bounds %s: %v", k.path, text, err, k.allowed, good)
			}
		}
	}
	if tried < 20 {
		t.Errorf("tried %d keys only", tried)
	}
}

// typeOf is the type of the value under a key path.
func typeOf(path string) reflect.Type {
	typ := reflect.TypeFor[Config]()
	for name := range strings.SplitSeq(path, ".") {
		name, list := strings.CutSuffix(name, "[]")
		for _, f := range fields(typ) {
			if f.key == name {
				typ = typ.Field(f.index).Type
				break
			}
		}
		if list {
			typ = typ.Elem()
		}
	}
	return typ
}

// yamlOf writes one key.
func yamlOf(path, value string) string {
	if key, ok := strings.CutPrefix(path, "dm_servers[]."); ok {
		return minimal + "    " + strings.ReplaceAll(key, ".", ": {") + ": " + value + strings.Repeat("}", strings.Count(key, "."))
	}
	var open, closed string
	parts := strings.Split(path, ".")
	for _, part := range parts[:len(parts)-1] {
		if name, list := strings.CutSuffix(part, "[]"); list {
			open, closed = open+name+": [{", "}]"+closed
		} else {
			open, closed = open+part+": {", "}"+closed
		}
	}
	return open + parts[len(parts)-1] + ": " + value + closed
}
