package tree

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var t0 = time.Date(2024, 1, 31, 23, 59, 59, 500, time.FixedZone("", 3600))

func TestBook(t *testing.T) {
	var b Book
	if q := b.Of("A"); q.VerNo != 0 || !q.Stamp.IsZero() || !q.ACL.IsZero() || q.Title != "" || !b.IsZero() {
		t.Errorf("an empty book says %+v", q)
	}
	b.SetTime(t0)
	born := b.Of("A").Stamp
	if got := born.Format(StampFormat); got != "20240131T225959Z" {
		t.Error(got)
	}
	b.SetTime(t0.Add(time.Minute))
	b.Touch("A")
	b.SetTitle("A", "title")
	b.SetACL("A/b", ACL{}.With("s", RightGet))
	b.Touch("Ab")
	if q := b.Of("A"); q.VerNo != 2 || q.Title != "title" || q.Stamp.Sub(born) != time.Minute {
		t.Errorf("%+v", q)
	}
	if b.Of("B").Stamp != born {
		t.Error("a node that never changed has the stamp of another")
	}
	saved := b.Clone()
	b.Rename("A", "C")
	if q := b.Of("C/b"); !q.ACL.Allows("s", RightGet) || b.Of("A/b").VerNo != 0 || b.Of("C").VerNo != 2 || b.Of("Ab").VerNo != 1 {
		t.Errorf("after the rename: %+v", b)
	}
	b.Forget("C")
	if b.Of("C").VerNo != 0 || b.Of("C/b").VerNo != 0 || b.Of("Ab").VerNo != 1 {
		t.Error("Forget took too little or too much")
	}
	if saved.Of("A").VerNo != 2 || saved.Of("C").VerNo != 0 {
		t.Error("the copy was changed")
	}
}

func TestVerNoWraps(t *testing.T) {
	var b Book
	for want := 1; want <= math.MaxUint16+1; want++ {
		b.Touch("A")
		if got := b.Of("A").VerNo; got != uint16(want) {
			t.Fatalf("%d, want %d", got, uint16(want))
		}
	}
	if got := b.Of("A").VerNo; got != 0 {
		t.Errorf("after 65536 changes: %d", got)
	}
}

func TestBookJSON(t *testing.T) {
	var b Book
	b.SetTime(t0)
	b.SetACL("A", ACL{}.With("s", RightGet))
	b.SetTitle("A/%7B1%7D", strings.Repeat("t", MaxTitle))
	text, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	var again Book
	if err := json.Unmarshal(text, &again); err != nil {
		t.Fatal(err)
	}
	back, err := json.Marshal(again)
	if d := cmp.Diff(string(text), string(back)); d != "" || err != nil {
		t.Error(err, d)
	}
	for _, bad := range []string{
		`{"nodes":{"A":{"acl":"Get"}}}`, `{"nodes":{"./A":{}}}`, `{"nodes":{"A":{"title":"` + strings.Repeat("t", MaxTitle+1) + `"}}}`,
		`{"nodes":{"A":{"title":"\u0001"}}}`, `{"nodes":{"A":{"verNo":65536}}}`, `[]`,
	} {
		if err := json.Unmarshal([]byte(bad), &again); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}
