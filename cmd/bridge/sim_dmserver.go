package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/dmserver"
	"github.com/fwbridge/fwbridge/fwupdate"
)

func newSimDMServer() *cobra.Command {
	var (
		listen, script string
		once           int
		verbose        bool
	)
	cmd := &cobra.Command{
		Use:   "dm-server --script FILE [--listen ADDR]",
		Short: "A legacy OMA DM server that follows a script",
		Long: `dm-server is a legacy DM server that knows only ./FwUpdate: devices open
sessions with it (XML or WBXML, DM 1.2 or 1.1.2), it sets PkgURL, executes
DownloadAndUpdate, and waits for the final alert or polls State. The script, in
YAML or JSON, holds accounts, campaigns and quirks:

  auth: md5
  accounts:
    - {device: "*", password: secret}
  campaigns:
    - package: pkg1
      name: radio
      version: "2.0"
      url: http://127.0.0.1:8090/ok/radio-2.0.pkg
      correlator: job-1
  quirks: [drop-answer@exec, refuse-alert=500*2]

auth is what devices must prove: none, basic, md5 or mac (the header
x-syncml-hmac on every message). With server-auth, server-id and
server-password the server proves itself in the same ways.

With --once N it ends when N campaigns are over: exit code 0 if all of them
succeeded, 1 otherwise.`,
		Example: `  bridge sim dm-server --script campaign.yaml
  bridge sim dm-server --script campaign.yaml --listen 127.0.0.1:8091 --once 1`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if once < 0 {
				return usagef("--once %d: must not be negative", once)
			}
			return simDMServer(cmd, script, listen, once, verbose)
		},
	}
	cmd.Flags().StringVar(&script, "script", "", "the `FILE` with accounts, campaigns and quirks")
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:8091", "the TCP `ADDR` to listen at; sessions go to http://ADDR/dm")
	cmd.Flags().IntVar(&once, "once", 0, "end when `N` campaigns are over")
	cmd.Flags().BoolVar(&verbose, "verbose", false, "log everything to standard error")
	_ = cmd.MarkFlagRequired("script") // fails only for a flag that is not there
	return cmd
}

func simDMServer(cmd *cobra.Command, script, listen string, once int, verbose bool) error {
	f, err := os.Open(script)
	if err != nil {
		return err
	}
	cfg, err := dmserver.LoadScript(f)
	f.Close()
	if err != nil {
		return fmt.Errorf("%s: %w", script, err)
	}
	out := cmd.OutOrStdout()
	cfg.Log = simLogger(cmd, verbose)
	var mu sync.Mutex // events of several devices come at the same time
	cfg.OnEvent = func(e dmserver.Event) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(out, "%s %s %s\n", time.Now().Format("15:04:05.000"), e.Device, dmEventText(e))
	}
	server, err := dmserver.New(cfg)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(cmd.Context())
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()
	over := false
	if once > 0 {
		wg.Go(func() {
			over = server.Wait(ctx, once) == nil
			cancel()
		})
	}
	err = serveHTTP(ctx, listen, cfg.Log, func(base string) { fmt.Fprintf(out, "DM server at %s/dm\n", base) }, server)
	cancel()
	wg.Wait()
	if err != nil || !over {
		return err
	}
	return campaignSummary(out, server.Campaigns())
}

// dmEventText is an event in words.
func dmEventText(e dmserver.Event) string {
	switch e.Kind {
	case dmserver.EventAnswer:
		a := e.Answer
		text := fmt.Sprintf("%s %s: %d %s", a.Cmd, a.URI, a.Status, a.Status.Name())
		if a.Data != "" {
			text += fmt.Sprintf(", %q", a.Data)
		}
		return text
	case dmserver.EventState:
		return fmt.Sprintf("%s has State %d %s", e.Result.Package, e.Result.State, fwupdate.State(e.Result.State).Name())
	case dmserver.EventAlert:
		return fmt.Sprintf("%s final alert: %d %s, correlator %q", e.Result.Package, e.Result.Code, fwupdate.Code(e.Result.Code).Name(), e.Result.Correlator)
	case dmserver.EventPhase:
		return fmt.Sprintf("%s campaign: %s %s", e.Result.Package, e.Result.Phase, e.Result.Reason)
	case dmserver.EventQuirk:
		return "quirk " + e.Text
	case dmserver.EventRefused:
		return "refused: " + e.Text
	}
	return "session"
}

// campaignSummary prints how the campaigns went, and fails if one did not
// succeed.
func campaignSummary(w io.Writer, results []dmserver.Result) error {
	bad := 0
	for _, r := range results {
		word := "succeeded"
		if !r.OK() {
			word = "did not succeed"
			bad++
		}
		fmt.Fprintf(w, "%s %s %s: result %d, State %d %s\n", r.Device, r.Package, word, r.Code, r.State, r.Reason)
	}
	if bad > 0 {
		return fmt.Errorf("%d of %s did not succeed", bad, count(len(results), "campaign"))
	}
	return nil
}
