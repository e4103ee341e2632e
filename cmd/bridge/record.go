package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync"

	"github.com/spf13/cobra"

	"github.com/fwbridge/fwbridge/syncml/replay"
)

// recordLayouts are the words of --layout.
var recordLayouts = map[string]replay.Layout{"folder": replay.Folders, "txtar": replay.Archives}

func newRecord() *cobra.Command {
	var listen, target, out, layout string
	var mask bool
	cmd := &cobra.Command{
		Use:   "record --listen ADDR --target URL --out DIR [--mask]",
		Short: "Record the DM sessions that pass through a reverse proxy",
		Long: `record is a reverse proxy between DM clients and a DM server. Bodies go through
byte for byte, errors of the target are passed on, and each session is written
into a folder (or .txtar) of its own below DIR, message by message as they come:
bridge replay plays them. Sessions are told apart by device and SessionID.

If the target URL has a path, all messages go there; otherwise they keep theirs.
A server that gives a RespURI under its own name leads its clients past the
proxy: switch it off for the recording.

--mask takes Cred, NextNonce, values of password nodes and HTTP credentials out
of the files; the messages themselves pass unchanged. A body that is no SyncML
message is then not written. Without --mask only their owner may read the files.`,
		Example: `  bridge record --listen :8091 --target http://dm.example.com/dm --out recorded
  bridge record --listen :8091 --target http://127.0.0.1:8080 --out recorded --mask --layout txtar`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			u, err := url.Parse(target)
			if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
				return usagef("--target: want a URL such as http://dm.example.com/dm")
			}
			l, ok := recordLayouts[layout]
			if !ok {
				return usagef("--layout %q: want folder or txtar", layout)
			}
			rec, err := replay.NewRecorder(out, l, mask)
			if err != nil {
				return err
			}
			return runRecord(cmd, listen, u, rec)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&listen, "listen", "127.0.0.1:8091", "the TCP `ADDR` that clients post to")
	fl.StringVar(&target, "target", "", "the `URL` of the DM server")
	fl.StringVar(&out, "out", "", "the `DIR` for the recordings, made if it is not there")
	fl.StringVar(&layout, "layout", "folder", "folder: a file a message; txtar: a file a session")
	fl.BoolVar(&mask, "mask", false, "write no credentials, nonces and passwords")
	for _, name := range []string{"target", "out"} {
		_ = cmd.MarkFlagRequired(name) // fails only for a flag that is not there
	}
	return cmd
}

// runRecord serves until the context ends.
func runRecord(cmd *cobra.Command, listen string, target *url.URL, rec *replay.Recorder) error {
	stdout := cmd.OutOrStdout()
	var mu sync.Mutex // exchanges of several sessions end at the same time
	say := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(stdout, format+"\n", args...)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableCompression = true
	transport.ResponseHeaderTimeout = replay.ProxyTimeout
	defer transport.CloseIdleConnections()
	proxy := replay.NewProxy(replay.ProxyOptions{
		Target: target, Recorder: rec, Transport: transport,
		OnExchange: func(path string, e replay.Exchange, err error) {
			if err != nil {
				say("%s: %v", path, err)
				return
			}
			say("%s: %s, answer %d with %s", path, count(len(e.Request.Body), "byte"), e.Response.Status, count(len(e.Response.Body), "byte"))
		},
	})
	return serveHTTP(cmd.Context(), listen, slog.New(slog.DiscardHandler), func(base string) {
		say("recording what is posted to %s for %s", base, target.Redacted())
	}, proxy)
}
