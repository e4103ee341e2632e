package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/lwm2mdevice"
	"github.com/fwbridge/fwbridge/lwm2m9"
)

// maxSimDevices bounds --count: each device has a socket and goroutines.
const maxSimDevices = 5000

// simDevice is the command line of sim lwm2m-device.
type simDevice struct {
	cfg     lwm2mdevice.Config
	dialect string
	faults  []string
	count   int
	verbose bool
}

func newSimDevice() *cobra.Command {
	var s simDevice
	cmd := &cobra.Command{
		Use:   "lwm2m-device --endpoint NAME [--server ADDR]",
		Short: "LwM2M devices with Object 9",
		Long: `lwm2m-device registers simulated devices with Object 9 at an LwM2M server and
lives through updates: they download the Package URI over HTTP, check the
SHA-256 that the package holds, install and activate. Packages come from
"bridge sim packages".

--fault says what goes wrong, as KIND[@PLACE][=VALUE][*TIMES], and may be given
several times: reboot@installing, download=invalid-uri, install, drop=0.1,
refuse@install=5.03*3. Kinds: ` + strings.Join(lwm2mdevice.FaultWords(), ", ") + `.

With --count N there are N devices; %d in the endpoint is the number of each.`,
		Example: `  bridge sim lwm2m-device --endpoint urn:imei:356938035643809
  bridge sim lwm2m-device --endpoint dev-%d --count 50 --dialect draft
  bridge sim lwm2m-device --endpoint dev-1 --fault reboot@installing --fault drop=0.05 --seed 7`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return s.run(cmd) },
	}
	f := cmd.Flags()
	f.StringVar(&s.cfg.Endpoint, "endpoint", "", "the endpoint client `NAME`")
	f.StringVar(&s.cfg.Server, "server", "127.0.0.1:5683", "the LwM2M server's UDP `ADDR`")
	f.StringVar(&s.dialect, "dialect", "registered", "the numbers of Object 9: registered or draft")
	f.StringVar(&s.cfg.Version, "lwm2m", "1.1", "the LwM2M version to register with: "+strings.Join(lwm2mdevice.Versions, ", "))
	f.DurationVar(&s.cfg.Lifetime, "lifetime", time.Minute, "the lifetime of the registration, whole seconds")
	f.BoolVar(&s.cfg.QueueMode, "queue", false, "sleep between messages (queue mode)")
	f.StringArrayVar(&s.faults, "fault", nil, "a `FAULT`, see above")
	f.IntVar(&s.count, "count", 1, "how many devices, `N`")
	f.Uint64Var(&s.cfg.Seed, "seed", 1, "of every random decision")
	f.DurationVar(&s.cfg.Timing.Download, "download", 500*time.Millisecond, "how long a download takes at least")
	f.DurationVar(&s.cfg.Timing.Install, "install", 500*time.Millisecond, "how long an install takes")
	f.BoolVar(&s.verbose, "verbose", false, "log everything to standard error")
	_ = cmd.MarkFlagRequired("endpoint") // fails only for a flag that is not there
	return cmd
}

func (s *simDevice) run(cmd *cobra.Command) error {
	devices, err := s.build(cmd)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(cmd.Context())
	defer cancel()
	errs := make([]error, len(devices))
	var wg sync.WaitGroup
	for i, d := range devices {
		wg.Go(func() {
			if errs[i] = d.Run(ctx); errs[i] != nil {
				cancel() // out of sockets: the others are no use
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (s *simDevice) build(cmd *cobra.Command) ([]*lwm2mdevice.Device, error) {
	var err error
	switch s.dialect {
	case lwm2m9.Registered.String():
		s.cfg.Dialect = lwm2m9.Registered
	case lwm2m9.Draft.String():
		s.cfg.Dialect = lwm2m9.Draft
	default:
		return nil, usagef("--dialect %q: must be registered or draft", s.dialect)
	}
	if s.count < 1 || s.count > maxSimDevices {
		return nil, usagef("--count %d: must be 1 to %d", s.count, maxSimDevices)
	}
	if s.count > 1 && !strings.Contains(s.cfg.Endpoint, "%d") {
		return nil, usagef("--endpoint %q: with --count the name must hold %%d, the device's number", s.cfg.Endpoint)
	}
	for _, text := range s.faults {
		f, err := lwm2mdevice.ParseFault(text)
		if err != nil {
			return nil, usagef("--fault: %v", err)
		}
		s.cfg.Faults = append(s.cfg.Faults, f)
	}
	s.cfg.Log = simLogger(cmd, s.verbose)
	s.cfg.OnEvent = printEvents(cmd.OutOrStdout())
	devices := make([]*lwm2mdevice.Device, s.count)
	for i := range devices {
		c := s.cfg
		c.Endpoint = strings.ReplaceAll(c.Endpoint, "%d", strconv.Itoa(i+1))
		c.Seed += uint64(i)
		if devices[i], err = lwm2mdevice.New(c); err != nil {
			return nil, usageError(err.Error())
		}
	}
	return devices, nil
}

// printEvents prints what a person would want to know; all devices share it.
func printEvents(w io.Writer) func(lwm2mdevice.Event) {
	var mu sync.Mutex
	return func(e lwm2mdevice.Event) {
		if e.Kind == lwm2mdevice.EventNotified || e.Kind == lwm2mdevice.EventStep {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(w, "%s %s\n", time.Now().Format("15:04:05.000"), e)
	}
}
