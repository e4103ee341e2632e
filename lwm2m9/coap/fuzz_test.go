package coap_test

import (
	"bufio"
	"context"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fwbridge/fwbridge/lwm2m9/coap"
	"github.com/fwbridge/fwbridge/lwm2m9/coap/coaptest"
)

// FuzzDatagrams sends datagrams at an endpoint with an observation, a body
// being put together, one being served and a request under way. It never
// panics, answers each datagram with one of its own at most, closes nothing,
// and keeps nothing once the peer is silent.
func FuzzDatagrams(f *testing.F) {
	files, err := filepath.Glob("../../testdata/lwm2m-client-recordings/*.txt")
	if err != nil || len(files) == 0 {
		f.Fatalf("no recordings: %v", err)
	}
	for _, name := range files {
		file, err := os.Open(name)
		if err != nil {
			f.Fatal(err)
		}
		lines := bufio.NewScanner(file)
		for lines.Scan() {
			if line := lines.Text(); len(line) > 2 {
				if b, err := hex.DecodeString(line[2:]); err == nil {
					f.Add(b, []byte{})
				}
			}
		}
		file.Close()
	}
	f.Add([]byte("\x40\x01\x00\x01\xb1x\xff"), []byte("\x49\x01\x00\x01123456789"))
	f.Add(block1(1, 0, true, 0, body(16)), block1(2, 1, false, 0, body(3)))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		synctest.Test(t, func(t *testing.T) { pelt(t, first, second) })
	})
}

func pelt(t *testing.T, datagrams ...[]byte) {
	n := coaptest.New()
	e := run(t, n, serverAddr, coap.Options{MaxBody: 4096, Handler: func(_ context.Context, r *coap.Request) coap.Response {
		return coap.Response{Code: coap.Content, Format: 0, Payload: body(100)}
	}})
	device := n.Listen(deviceAddr)
	go script(t, device, func(b []byte) []byte {
		last := 0
		return option(raw(2, coap.Content, uint16(b[2])<<8|uint16(b[3]), string(b[4:12])), &last, 6, 1)
	})
	o, _, err := e.Observe(within(t, time.Minute), deviceAt, get("o"), func(context.Context, coap.Response) {})
	if err != nil {
		t.Fatal(err)
	}
	go e.Do(context.Background(), deviceAt, get("x"))
	device.Send(serverAt, block1(1000, 0, true, 0, body(16)))
	synctest.Wait()
	for _, d := range datagrams {
		before := len(n.Sent())
		device.Send(serverAt, d)
		synctest.Wait()
		if answers := len(n.Sent()) - before - 1; answers > 1 {
			t.Errorf("% x: answered with %d datagrams", d, answers)
		}
	}
	device.Send(serverAt, append(raw(0, coap.GET, 2000, "tok"), 0xb1, 'x'))
	synctest.Wait()
	sent := n.Sent()
	if kind := coaptest.Kind(sent[len(sent)-1].Data); kind != "ACK 2.05" {
		t.Errorf("afterwards a request is answered %s", kind)
	}
	o.Forget()
	time.Sleep(2*coap.ExchangeLifetime + coap.MaxTransmitWait)
	synctest.Wait()
	if held := e.Held(); held != (coap.Held{}) {
		t.Errorf("kept: %+v", held)
	}
}
