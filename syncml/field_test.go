package syncml

import "testing"

// TestField: a field is where the function says, also inside a part, and also
// when it is the last; one that is no part of its type is refused.
func TestField(t *testing.T) {
	sameField(t, "first", func(o *Op) *Name { return &o.Cmd })
	sameField(t, "last", func(o *Op) *[]Item { return &o.Items })
	sameField(t, "in a part", func(h *Header) *string { return &h.Version.Proto })
	sameField(t, "last of a part", func(i *Item) *int64 { return &i.Meta.MaxObjSize })
	sameField(t, "all", func(m *Meta) *Meta { return m })

	var elsewhere string
	noField(t, "elsewhere", func(*Op) *string { return &elsewhere })
	cred := new(Cred)
	noField(t, "behind a pointer", func(h *Header) *Secret {
		h.Cred = cred
		return &h.Cred.Data
	})
}

func sameField[T, F any](t *testing.T, name string, at func(*T) *F) {
	t.Helper()
	v := new(T)
	if fieldOf(at).of(v) != at(v) {
		t.Errorf("%s: not where it is", name)
	}
}

func noField[T, F any](t *testing.T, name string, at func(*T) *F) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Errorf("%s: taken for a part", name)
		}
	}()
	fieldOf(at)
}
