package legacy

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
	"github.com/fwbridge/fwbridge/mapping"
)

// TestSame: two records are the same when they are stored as the same bytes, in
// whichever field they differ: a change that is not seen is lost.
func TestSame(t *testing.T) {
	for _, task := range []mapping.Task{mapping.TaskNone, mapping.TaskExec} {
		was := newRecord(device, time.Unix(1e9, 0).UTC())
		was.Virtual.Task = task
		changed := was.clone()
		n := 0
		eachField(t, reflect.ValueOf(changed).Elem(), "record", func(name string) {
			n++
			same := bytes.Equal(was.encode(nil), changed.encode(nil))
			if got := changed.same(was); got != same {
				t.Errorf("%s is another one, and same says %v", name, got)
			}
			if kept := name == "record.Known" || name == "record.Virtual.Open" && task == mapping.TaskNone; same != kept {
				t.Errorf("task %v: %s is not stored: %v", task, name, same)
			}
		})
		if !changed.same(was) || n < 20 {
			t.Errorf("%d fields were looked at, and afterwards it is %+v", n, changed)
		}
	}
}

// eachField calls f once for each field of a struct, and of those in it, while
// that field alone has another value.
func eachField(t *testing.T, s reflect.Value, at string, f func(name string)) {
	for i := range s.NumField() {
		field, name := s.Field(i), at+"."+s.Type().Field(i).Name
		old := reflect.ValueOf(field.Interface())
		switch p := field.Addr().Interface().(type) {
		case *time.Time:
			*p = p.Add(time.Hour)
		case *store.Packed[map[string]string]:
			*p = store.Pack(&map[string]string{"a": "b"})
		case *store.Packed[map[string]json.RawMessage]:
			*p = portraitOf("1")
		case *map[string]string:
			*p = map[string]string{"a": "b"}
		default:
			switch field.Kind() {
			case reflect.Struct:
				eachField(t, field, name, f)
				continue
			case reflect.Slice:
				field.Set(reflect.Append(field, reflect.Zero(field.Type().Elem())))
			case reflect.Bool:
				field.SetBool(!field.Bool())
			case reflect.String:
				field.SetString(field.String() + "x")
			case reflect.Int:
				field.SetInt(field.Int() + 1)
			case reflect.Uint8, reflect.Uint16, reflect.Uint32:
				field.SetUint(field.Uint() + 1)
			default:
				t.Fatalf("%s is of a kind that this test does not know", name)
			}
		}
		f(name)
		field.Set(old)
	}
}
