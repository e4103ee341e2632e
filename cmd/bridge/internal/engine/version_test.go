package engine

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// spoken collects the version of every package 1.
func (w *world) spoken() *[]syncml.Version {
	var all []syncml.Version
	w.dm.onPost = func(m *syncml.Message) {
		if m.Header.MsgID == "1" {
			all = append(all, m.Header.Version)
		}
	}
	return &all
}

// TestOtherVersion: a server that refuses the account's version is asked in
// the other one at once, and from then on, also after a restart; until that is
// refused too.
func TestOtherVersion(t *testing.T) {
	for _, tc := range []struct{ account, server syncml.Version }{{syncml.DM12, syncml.DM112}, {syncml.DM112, syncml.DM12}} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.acc.Version = tc.account
			w.dm.speaks = []syncml.Version{tc.server}
			spoken := w.spoken()
			dev := w.net.add(devA)
			w.start()
			w.register(dev)
			w.until("good session", time.Minute, func() bool { return w.detail(devA).DM.OK })
			w.stop()
			w.start()
			<-time.After(3 * time.Hour) // polls every hour
			synctest.Wait()
			w.dm.look(func() {
				want := []syncml.Version{tc.account, tc.server, tc.server, tc.server}
				if len(*spoken) < len(want) || !slices.Equal((*spoken)[:len(want)], want) {
					t.Errorf("spoken: %v", *spoken)
				}
				w.dm.speaks = []syncml.Version{tc.account}
				*spoken = nil
			})
			<-time.After(2 * time.Hour)
			synctest.Wait()
			w.stop()
			want := []syncml.Version{tc.server, tc.account, tc.account}
			if got := (*spoken)[:min(len(*spoken), 3)]; !slices.Equal(got, want) {
				t.Errorf("after the server changed: %v", got)
			}
		})
	}
}

// TestNoVersion: a server that refuses both versions is asked once in the
// other one, then ever more slowly.
func TestNoVersion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.dm.speaks = []syncml.Version{}
		spoken := w.spoken()
		dev := w.net.add(devA)
		w.start()
		defer func() { w.stop() }()
		w.register(dev)
		<-time.After(10 * time.Second)
		synctest.Wait()
		w.dm.look(func() {
			if want := []syncml.Version{syncml.DM12, syncml.DM112}; !slices.Equal(*spoken, want) {
				t.Errorf("in ten seconds: %v", *spoken)
			}
		})
		<-time.After(24 * time.Hour)
		synctest.Wait()
		w.dm.look(func() {
			if n := len(*spoken); n < 8 || n > 16 {
				t.Errorf("%d sessions in a day", n)
			}
			if !slices.Contains((*spoken)[2:], syncml.DM12) || !slices.Contains((*spoken)[2:], syncml.DM112) {
				t.Errorf("one version is not tried any more: %v", *spoken)
			}
		})
		if d := w.detail(devA).DM; d.OK || !strings.Contains(d.Status, "version") {
			t.Errorf("shown as %+v", d)
		}
	})
}

// TestVersionNotSupported: a server that lists what it speaks is not asked in
// what is not in the list.
func TestVersionNotSupported(t *testing.T) {
	rec := newRecord(devA)
	tr := &turn{rec: rec}
	dm := dmSession{acc: session.Account{Version: syncml.DM12}, supported: []syncml.Version{syncml.DM12}}
	if tr.versionRefused(dm, session.EndDone) || rec.DM.OtherVersion {
		t.Error("the other version is tried")
	}
}
