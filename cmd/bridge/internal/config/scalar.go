package config

import (
	"fmt"
	"reflect"
	"strconv"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/fwbridge/fwbridge/syncml"
)

// maxText bounds, in bytes, every text in the file.
const maxText = 1024

var (
	durationType = reflect.TypeFor[time.Duration]()
	sizeType     = reflect.TypeFor[Size]()
	secretType   = reflect.TypeFor[syncml.Secret]()
)

// isScalar says that a type is written as one value.
func isScalar(t reflect.Type) bool {
	if _, ok := words[t]; ok {
		return true
	}
	switch t.Kind() {
	case reflect.String, reflect.Bool, reflect.Int, reflect.Int64:
		return true
	}
	return false
}

// checked is a text with a form of its own.
type checked interface{ check() error }

// bindScalar sets v from one value, within its bounds.
func (b *binder) bindScalar(path string, n *yaml.Node, v reflect.Value, o bounds) {
	if n.Kind != yaml.ScalarNode {
		b.fail(n.Line, path, "want a single value, found %s", kindName(n))
		return
	}
	if n.ShortTag() == "!!null" {
		b.fail(n.Line, path, "has no value; give one or remove the key")
		return
	}
	if len(n.Value) > maxText {
		b.fail(n.Line, path, "is %d bytes long; at most %d", len(n.Value), maxText)
		return
	}
	if err := setScalar(v, n.Value, o); err != nil {
		if v.Type() == secretType {
			b.fail(n.Line, path, "%v", err)
			return
		}
		b.fail(n.Line, path, "%q: %v", n.Value, err)
	}
}

// setScalar parses text into v and holds it against its bounds.
func setScalar(v reflect.Value, text string, o bounds) error {
	if list, ok := words[v.Type()]; ok {
		for _, w := range list {
			if w.word == text {
				v.Set(reflect.ValueOf(w.value))
				return nil
			}
		}
		return fmt.Errorf("want %s", choices(v.Type()))
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
		if c, ok := v.Interface().(checked); ok {
			return c.check()
		}
		return nil
	case reflect.Bool:
		if text != "true" && text != "false" {
			return fmt.Errorf("want true or false")
		}
		v.SetBool(text == "true")
		return nil
	}
	n, err := parseNumber(v.Type(), text)
	if err != nil {
		return err
	}
	if err := inBounds(v.Type(), n, o); err != nil {
		return err
	}
	v.SetInt(n)
	return nil
}

// parseNumber reads a duration, a size or a plain number.
func parseNumber(t reflect.Type, text string) (int64, error) {
	switch t {
	case durationType:
		d, err := time.ParseDuration(text)
		if err != nil {
			return 0, fmt.Errorf("want a duration such as 30s, 15m or 24h")
		}
		return int64(d), nil
	case sizeType:
		s, err := parseSize(text)
		return int64(s), err
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("want a whole number")
	}
	return n, nil
}

// inBounds holds a number against the tags; a missing min is 0.
func inBounds(t reflect.Type, n int64, o bounds) error {
	low, high := "0", o.max
	if o.min != "" {
		low = o.min
	}
	least, err := parseNumber(t, low)
	if err != nil {
		return fmt.Errorf("tag min of %v: %w", t, err)
	}
	most, err := parseNumber(t, high)
	if err != nil {
		return fmt.Errorf("tag max of %v: %w", t, err)
	}
	if n < least || n > most {
		return fmt.Errorf("want %s to %s", low, high)
	}
	return nil
}
