package lwm2m9

import (
	"strings"
	"testing"
)

// The definition, as one line a resource: number, operations, type, and how
// the draft and the registry have it (M, O or -).
func TestResources(t *testing.T) {
	want := strings.Fields(`
		0:R:String:MM 1:R:String:MM 2:W:Opaque:MO 3:W:String:MO 4:E:none:MM 5:R:Objlnk:OO 6:E:none:MM
		7:R:Integer:MM 8:RW:Boolean:OO 9:R:Integer:MM 10:E:none:MM 11:E:none:MM 12:R:Boolean:MM 13:RW:Objlnk:OO
		14:W:String:-O 15:W:String:-O 16:R:String:-O 17:R:Objlnk*:-O 18:R:Integer:-O`)
	for i, line := range want {
		r, ok := Definition(ResourceID(i))
		if got := describe(r); !ok || int(r.ID) != i || !strings.HasSuffix(line, got) || r.Name == "" {
			t.Errorf("resource %d: %+v, %v; want %s", i, r, ok, line)
		}
		both := r.In(DialectUnknown)
		if both != max(r.In(Draft), r.In(Registered)) {
			t.Errorf("resource %d undecided: %v", i, both)
		}
	}
	if _, ok := Definition(ResourceID(len(want))); ok {
		t.Error("there is one more resource")
	}
	if d, r := len(Resources(Draft)), len(Resources(Registered)); d != 14 || r != 19 {
		t.Errorf("%d resources in the draft, %d in the registry; want 14 and 19", d, r)
	}
}

func describe(r Resource) string {
	ops := ""
	for i, letter := range "RWE" {
		if r.Operations&(1<<i) != 0 {
			ops += string(letter)
		}
	}
	s := ":" + ops + ":" + r.Type.String()
	if r.Multiple {
		s += "*"
	}
	return s + ":" + string("-OM"[r.Draft]) + string("-OM"[r.Registered])
}
