package session

import (
	"errors"
	"strings"
	"testing"
)

// TestServerQueueNow: what does not go out with the next Reply is taken back,
// and the commands beside it are not.
func TestServerQueueNow(t *testing.T) {
	d := newDevice(t, serverAccount())
	d.say(d.first())
	open := d.message()
	open.Final = false
	d.s.QueueNow("now", get("./a"))
	d.say(open, get("./b"))
	u := d.reply.Unsent
	if len(u) != 1 || u[0].Key != "now" || !errors.Is(u[0].Err, ErrNotNow) || strings.Contains(outline(d.last), "Get") {
		t.Fatalf("%+v\n%s", u, outline(d.last))
	}
	d.s.QueueNow("again", get("./a"))
	d.say(d.message())
	if got := d.s.Pending(); len(d.reply.Unsent) != 0 || strings.Count(outline(d.last), "Get") != 2 || len(got) != 2 {
		t.Errorf("%+v, pending %v\n%s", d.reply.Unsent, got, outline(d.last))
	}
}
