package config

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
)

const docs = "../../../../docs/config.md"

// key is what the documentation must say of a key, beside its meaning.
type key struct{ path, standard, allowed string }

func (k key) row() string {
	return fmt.Sprintf("| `%s` | %s | %s | ", k.path, k.standard, k.allowed)
}

// keysOf lists the keys of a struct with their defaults and bounds.
func keysOf(path string, v reflect.Value, o bounds) []key {
	var all []key
	for _, f := range fields(v.Type()) {
		fv, fo, name := v.Field(f.index), o.of(f.tag), join(path, f.key)
		switch {
		case isScalar(fv.Type()):
			all = append(all, scalarKey(name, fv, fo, f.tag))
		case fv.Kind() == reflect.Struct:
			all = append(all, keysOf(name, fv, fo)...)
		case fv.Kind() == reflect.Pointer:
			all = append(all, key{name, "-", "true or false"})
		case f.tag.Get("optional") != "":
			all = append(all, key{name, f.tag.Get("optional"), "at most " + fo.max})
		case fv.Type() == reflect.TypeFor[[]Network]():
			all = append(all, key{name, "all", "at most " + fo.max})
		case fv.Type() == reflect.TypeFor[[]Suite]():
			all = append(all, key{name, "all", "at most " + fo.max})
		case fv.Kind() == reflect.Slice && isScalar(fv.Type().Elem()):
			all = append(all, key{name, "required", "1 to " + fo.max + " patterns"})
		case fv.Kind() == reflect.Slice:
			all = append(all, key{name, "none", "at most " + fo.max})
			element := reflect.New(fv.Type().Elem())
			if d, ok := element.Interface().(defaulter); ok {
				d.setDefaults()
			}
			all = append(all, keysOf(name+"[]", element.Elem(), bounds{})...)
		}
	}
	return all
}

func scalarKey(path string, v reflect.Value, o bounds, tag reflect.StructTag) key {
	k := key{path, "-", "text"}
	if word, ok := wordOf(v); ok {
		return key{path, "`" + word + "`", choices(v.Type())}
	}
	switch value := v.Interface().(type) {
	case time.Duration:
		k.standard = "`" + strings.NewReplacer("h0m0s", "h", "m0s", "m").Replace(value.String()) + "`"
	case Size, int:
		k.standard = fmt.Sprintf("`%v`", value)
	case bool:
		return key{path, fmt.Sprintf("`%v`", value), "true or false"}
	default:
		if v.String() != "" {
			k.standard = "`" + v.String() + "`"
		}
	}
	if o.max != "" {
		k.allowed = o.min + " to " + o.max
		if o.min == "" {
			k.allowed = "0 to " + o.max
		}
	}
	if _, ok := tag.Lookup("required"); ok {
		k.standard = "required"
	}
	return k
}

// TestDocs: docs/config.md has a row for every key with its default and its
// bounds as they are, and none for what is not there.
func TestDocs(t *testing.T) {
	text, err := os.ReadFile(docs)
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, k := range keysOf("", reflect.ValueOf(Default()).Elem(), bounds{}) {
		known[k.path] = true
		_, after, found := strings.Cut(string(text), "\n"+k.row())
		meaning, _, _ := strings.Cut(after, "\n")
		if !found || len(meaning) < len("x |") {
			t.Errorf("docs/config.md has no row that begins with\n%s", k.row())
		}
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|.*\\|.*\\|.*\\|$").FindAllStringSubmatch(string(text), -1) {
		if !known[m[1]] {
			t.Errorf("docs/config.md has a row for %s, which is no key", m[1])
		}
	}
	for _, name := range variableNames() {
		if !strings.Contains(string(text), "`{"+name+"}`") {
			t.Errorf("docs/config.md does not mention the variable {%s}", name)
		}
	}
	if header := strings.Join(legacyColumns, ","); !strings.Contains(string(text), header) {
		t.Errorf("docs/config.md does not show the columns %s", header)
	}
	if header := strings.Join(columns, ","); !strings.Contains(string(text), header) {
		t.Errorf("docs/config.md does not show the columns %s", header)
	}
}

// TestDocumentedExamples: every YAML example of the documentation is a good
// configuration, without a warning.
func TestDocumentedExamples(t *testing.T) {
	for _, file := range []string{docs, "../../../../README.md"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		examples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(text, -1)
		if len(examples) == 0 {
			t.Errorf("%s has no example", file)
		}
		for i, e := range examples {
			dir := writeFiles(t, map[string]string{"bridge.yaml": string(e[1]), "secret": "s",
				"accounts.csv": "endpoint,user,secret\nmeter-1,u,s\n"})
			c, err := Load(filepath.Join(dir, "bridge.yaml"))
			if err != nil {
				t.Errorf("example %d of %s: %v", i+1, file, err)
			} else if len(c.Warnings) > 0 {
				t.Errorf("example %d of %s: %s", i+1, file, c.Warnings)
			}
		}
	}
}
