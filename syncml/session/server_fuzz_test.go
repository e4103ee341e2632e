package session

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/fwbridge/fwbridge/syncml"
)

// FuzzServerReceive: any bytes lead to a message that can be decoded, or to an
// end; no queued command is lost or answered twice.
func FuzzServerReceive(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("..", "..", "testdata", "dm-client-recordings", "*", "*-c2s.*ml"))
	if err != nil || len(files) == 0 {
		f.Fatal(files, err)
	}
	for i, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, uint8(i), `algorithm=MD5, username="user", mac=bQ==`)
	}
	f.Fuzz(func(t *testing.T, body []byte, how uint8, hmac string) {
		cfg := serverAccount()
		cfg.Account.DeviceID = "" // whoever says so
		cfg.Account.Client = []Credentials{{}, clientBasic, clientMD5, clientMAC}[how%4]
		cfg.Account.Server = []Credentials{{}, serverBasic, serverMD5, serverMAC}[how/4%4]
		cfg.LargeObjects, cfg.Sequence = how&16 != 0, how&32 != 0
		d := newDevice(t, cfg)
		told := map[string]int{}
		count := func(results []Result) {
			for _, r := range results {
				told[r.Key]++
			}
		}
		d.s.Queue("get", get("./a"))
		d.s.Queue("atomic", atomic(add("./{a}", "\x01"), sequence(del("./b"))))
		d.s.Queue("sequence", sequence(alert(syncml.AlertConfirm), add("./c", string(body))))
		for range 4 {
			got, err := d.s.Receive(body, hmac, d.nonce)
			if err != nil {
				return
			}
			reply := d.s.Reply()
			count(got.Results)
			count(reply.Unsent)
			noServerSecrets(t, d.s, got, reply)
			if reply.Send == nil && reply.End == EndNot {
				t.Fatal("neither an answer nor an end")
			}
			if reply.Send != nil {
				checkNested(t, decode(t, reply.Send))
			}
			d.s.last = "" // so that the same bytes count as a new message
		}
		for _, key := range d.s.Pending() {
			told[key]++
		}
		for _, key := range []string{"get", "atomic", "sequence"} {
			if told[key] != 1 {
				t.Errorf("%s is answered or pending %d times", key, told[key])
			}
		}
	})
}
