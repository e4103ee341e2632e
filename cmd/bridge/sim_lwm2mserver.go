package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/lwm2mserver"
)

// simLwM2MServer is the command line of sim lwm2m-server.
type simLwM2MServer struct {
	cfg                     lwm2mserver.Config
	listen, script, pskFile string
	dialect                 string
	eager, verbose          bool
	count                   int
}

func newSimLwM2MServer() *cobra.Command {
	var s simLwM2MServer
	cmd := &cobra.Command{
		Use:   "lwm2m-server [--script FILE] [--package-url URL] [--listen ADDR]",
		Short: "An LwM2M server that knows only Object 9",
		Long: `lwm2m-server takes registrations and leads each device through a script, in
YAML or JSON:

  devices: "urn:imei:*"
  steps:
    - observe 7 9 12
    - write 3 http://127.0.0.1:8090/ok/radio-2.0.pkg
    - wait state=DELIVERED|failed timeout=1m
    - install
    - wait installed|failed
    - expect state=INSTALLED result=installed
    - refused 4.05 write 3 http://127.0.0.1:8090/ok/other.pkg

Without --script it is a whole update with --package-url. Verbs:
` + strings.Join(lwm2mserver.Verbs(), ", ") + `;
"refused CODE" before one means that the device has to refuse it. "write 3"
without a value writes --package-url, "push FILE" writes Package in blocks,
"uninstall 1" and "uninstall 0='1'" send the argument as it stands. Conditions:
state=NAME, result=NAME, activation=NAME, name=TEXT, version=TEXT, installed,
failed, active; several must all hold, A|B is either. A wait is over when a
notification since the last request brings them.

With --eager, or eager: true in the script, Install goes out at every
notification of DELIVERED, as a widely used server does. With --psk-file it
speaks DTLS, with a line "ENDPOINT KEY" for each device, the key in hexadecimal.

With --count N it ends when the script is over at N devices: exit code 0 if all
of them ended as it expects, 1 otherwise.`,
		Example: `  bridge sim lwm2m-server --package-url http://127.0.0.1:8090/ok/radio-2.0.pkg --count 1
  bridge sim lwm2m-server --listen 127.0.0.1:5684 --script campaign.yaml --psk-file keys --eager`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return s.run(cmd) },
	}
	f := cmd.Flags()
	f.StringVar(&s.listen, "listen", "127.0.0.1:5683", "the UDP `ADDR` to listen at")
	f.StringVar(&s.script, "script", "", "the `FILE` with the script; a whole update if not given")
	f.StringVar(&s.cfg.PackageURL, "package-url", "", "the `URL` that \"write 3\" writes")
	f.StringVar(&s.dialect, "dialect", "", "the numbers of Object 9: registered or draft; what the script says if not given")
	f.StringVar(&s.pskFile, "psk-file", "", "a `FILE` with the devices' pre-shared keys: speak DTLS")
	f.BoolVar(&s.eager, "eager", false, "execute Install at every notification of DELIVERED")
	f.IntVar(&s.count, "count", 0, "end when the script is over at `N` devices")
	f.BoolVar(&s.verbose, "verbose", false, "log everything to standard error")
	return cmd
}

// config completes the configuration from the flags.
func (s *simLwM2MServer) config() (err error) {
	if s.count < 0 {
		return usagef("--count %d: must not be negative", s.count)
	}
	s.cfg.Script = lwm2mserver.DefaultScript()
	if s.script != "" {
		if s.cfg.Script, err = loadFile(s.script, lwm2mserver.LoadScript); err != nil {
			return err
		}
	} else if s.cfg.PackageURL == "" {
		return usagef("--package-url is missing: without --script it is what the devices are to install")
	}
	if s.dialect != "" {
		s.cfg.Script.Dialect = s.dialect
		if err := s.cfg.Script.Validate(); err != nil {
			return usagef("--dialect: %v", err)
		}
	}
	s.cfg.Script.Eager = s.cfg.Script.Eager || s.eager
	if s.pskFile != "" {
		s.cfg.Keys, err = loadFile(s.pskFile, lwm2mserver.LoadKeys)
	}
	return err
}

// loadFile reads a file; its name is in the error.
func loadFile[T any](name string, load func(io.Reader) (T, error)) (v T, err error) {
	f, err := os.Open(name)
	if err != nil {
		return v, err
	}
	defer f.Close()
	if v, err = load(f); err != nil {
		return v, fmt.Errorf("%s: %w", name, err)
	}
	return v, nil
}

func (s *simLwM2MServer) run(cmd *cobra.Command) error {
	if err := s.config(); err != nil {
		return err
	}
	in := &sockets{}
	if s.cfg.Conn = in.udp("--listen", s.listen); in.err != nil {
		return in.err
	}
	out := cmd.OutOrStdout()
	s.cfg.Log = simLogger(cmd, s.verbose)
	var mu sync.Mutex // all devices share it
	s.cfg.OnEvent = func(e lwm2mserver.Event) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(out, "%s %s\n", time.Now().Format("15:04:05.000"), e)
	}
	server, err := lwm2mserver.New(s.cfg)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "LwM2M server at %s\n", server.Addr())
	return s.serve(cmd.Context(), out, server)
}

// serve runs the server until the command ends, or the script at all devices.
func (s *simLwM2MServer) serve(ctx context.Context, out io.Writer, server *lwm2mserver.Server) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	over := false
	var wg sync.WaitGroup
	if s.count > 0 {
		wg.Go(func() {
			over = server.Wait(ctx, s.count) == nil
			cancel()
		})
	}
	err := server.Run(ctx)
	cancel()
	wg.Wait()
	if err != nil || !over {
		return err
	}
	return scriptSummary(out, server.Results())
}

// scriptSummary prints how the script went, and fails if a device did not end
// as it expects.
func scriptSummary(w io.Writer, results []lwm2mserver.Result) error {
	bad := 0
	for _, r := range results {
		if r.OK() {
			fmt.Fprintf(w, "%s ended as expected\n", r.Endpoint)
			continue
		}
		bad++
		fmt.Fprintf(w, "%s failed at %q: %v\n", r.Endpoint, r.Step, r.Err)
	}
	if bad > 0 {
		return fmt.Errorf("%d of %s did not end as expected", bad, count(len(results), "device"))
	}
	return nil
}
