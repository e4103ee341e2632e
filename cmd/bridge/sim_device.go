package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/fleet"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/lwm2mdevice"
	"github.com/fwbridge/fwbridge/lwm2m9"
)

// maxNarrated is how many devices are told of event by event; of more there is
// a counted line from time to time.
const maxNarrated = 20

// simDevice is the command line of sim lwm2m-device.
type simDevice struct {
	cfg     fleet.Config
	secure  simSecurity
	dialect string
	faults  []string
	length  time.Duration // until it ends by itself; 0: never
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

With --count N there are N devices, 25000 at most; %d in the endpoint is the
number of each. Of up to 20 devices everything is told line by line, of more
there is a counted line every few seconds, unless --verbose wants all. They
start at once, or spread over --ramp. The same --seed makes every device decide
the same again: which datagrams it loses, when it updates and when it reboots.

Devices speak DTLS when they have credentials: a pre-shared key each, from
--psk-file (lines "endpoint identity hexkey") or made from --psk-seed, which is
for test benches only: whoever knows the seed knows all keys; or a certificate.
The key of a seed is the first 16 bytes of HMAC-SHA-256 with the seed as key
and the endpoint as message; the identity is the endpoint. --psk-print prints
the keys as --psk-file reads them, and ends.`,
		Example: `  bridge sim lwm2m-device --endpoint urn:imei:356938035643809
  bridge sim lwm2m-device --endpoint dev-1 --fault reboot@installing --fault drop=0.05 --seed 7
  bridge sim lwm2m-device --endpoint dev-%d --count 15000 --ramp 5s --lifetime 5m --reboot-every 1h
  bridge sim lwm2m-device --endpoint dev-%d --count 100 --psk-seed bench --server 127.0.0.1:5684`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return s.run(cmd) },
	}
	f, d := cmd.Flags(), &s.cfg.Device
	f.StringVar(&d.Endpoint, "endpoint", "", "the endpoint client `NAME`")
	f.StringVar(&d.Server, "server", "", "the LwM2M server's UDP `ADDR` (default 127.0.0.1:5683, with DTLS 127.0.0.1:5684)")
	f.StringVar(&s.dialect, "dialect", "registered", "the numbers of Object 9: registered or draft")
	f.StringVar(&d.Version, "lwm2m", "1.1", "the LwM2M version to register with: "+strings.Join(lwm2mdevice.Versions, ", "))
	f.DurationVar(&d.Lifetime, "lifetime", time.Minute, "the lifetime of the registration, whole seconds")
	f.DurationVar(&d.UpdateEvery, "update-every", 0, "the longest time between two registration updates (default half the lifetime)")
	f.BoolVar(&d.QueueMode, "queue", false, "sleep between messages (queue mode)")
	f.BoolVar(&d.Deregister, "deregister", false, "say good-bye at the end")
	f.StringSliceVar(&d.Schemes, "schemes", []string{"http", "https"}, "the `SCHEMES` of a Package URI that it fetches from: of http, https and coap")
	f.StringArrayVar(&s.faults, "fault", nil, "a `FAULT`, see above")
	f.DurationVar(&d.RebootEvery, "reboot-every", 0, "reboot again and again, half to one and a half of this apart, by chance (default never)")
	f.IntVar(&s.cfg.Count, "count", 1, "how many devices, `N`")
	f.DurationVar(&s.cfg.Ramp, "ramp", 0, "the time over which the starts of the devices are spread")
	f.DurationVar(&s.length, "for", 0, "end after this time: exit code 0 if every device was registered, 1 otherwise (default go on)")
	f.DurationVar(&s.cfg.Every, "progress", fleet.DefaultEvery, "the time between two counted lines")
	f.Uint64Var(&d.Seed, "seed", 1, "of every random decision")
	f.DurationVar(&d.Timing.Download, "download", 500*time.Millisecond, "how long a download takes at least")
	f.DurationVar(&d.Timing.Install, "install", 500*time.Millisecond, "how long an install takes")
	f.BoolVar(&s.verbose, "verbose", false, "tell everything of any number of devices, and log to standard error")
	s.secure.flags(cmd)
	_ = cmd.MarkFlagRequired("endpoint") // fails only for a flag that is not there
	return cmd
}

func (s *simDevice) run(cmd *cobra.Command) error {
	if err := s.complete(cmd); err != nil {
		return err
	}
	if s.secure.print {
		return s.secure.printKeys(cmd.OutOrStdout(), s.cfg.Device.Endpoint, s.cfg.Count)
	}
	f, err := fleet.New(s.cfg)
	if err != nil {
		return usageError(err.Error())
	}
	if err := fleet.CheckFiles(fleet.Files(s.cfg.Count, s.cfg.Device.Faults)); err != nil {
		return fmt.Errorf("--count %d: %w", s.cfg.Count, err)
	}
	ctx := cmd.Context()
	if s.length > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.length)
		defer cancel()
	}
	if err := f.Run(ctx); err != nil {
		return err
	}
	if c := f.Counts(); s.length > 0 && c.Never > 0 {
		return fmt.Errorf("%d of %d devices were never registered", c.Never, c.Devices)
	}
	return nil
}

// complete makes the configuration out of the flags.
func (s *simDevice) complete(cmd *cobra.Command) error {
	d := &s.cfg.Device
	switch s.dialect {
	case lwm2m9.Registered.String():
		d.Dialect = lwm2m9.Registered
	case lwm2m9.Draft.String():
		d.Dialect = lwm2m9.Draft
	default:
		return usagef("--dialect %q: must be registered or draft", s.dialect)
	}
	if s.cfg.Count < 1 || s.cfg.Count > fleet.MaxDevices {
		return usagef("--count %d: must be 1 to %d", s.cfg.Count, fleet.MaxDevices)
	}
	if s.cfg.Count > 1 && !strings.Contains(d.Endpoint, fleet.Number) {
		return usagef("--endpoint %q: with --count the name must hold %%d, the device's number", d.Endpoint)
	}
	for name, t := range map[string]time.Duration{
		"ramp": s.cfg.Ramp, "for": s.length, "reboot-every": d.RebootEvery, "update-every": d.UpdateEvery,
	} {
		if t < 0 {
			return usagef("--%s %v: must not be negative", name, t)
		}
	}
	if s.cfg.Every <= 0 {
		return usagef("--progress %v: must be positive", s.cfg.Every)
	}
	for _, text := range s.faults {
		f, err := lwm2mdevice.ParseFault(text)
		if err != nil {
			return usagef("--fault: %v", err)
		}
		d.Faults = append(d.Faults, f)
	}
	d.Log = simLogger(cmd, s.verbose)
	s.cfg.Out, s.cfg.Narrate = cmd.OutOrStdout(), s.verbose || s.cfg.Count <= maxNarrated
	var err error
	s.cfg.Credentials, err = s.secure.credentials(cmd, &d.Server)
	return err
}
