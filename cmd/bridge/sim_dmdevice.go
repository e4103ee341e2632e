package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/dmdevice"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/smsgate"
	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// simDMDevice is the command line of sim dm-device.
type simDMDevice struct {
	cfg                          dmdevice.Config
	auth, serverAuth, version    string
	secretFile, serverSecretFile string
	udp, gateway                 string
	faults, quirks               []string
	once                         int
	wbxml, log                   bool
}

func newSimDMDevice() *cobra.Command {
	var s simDMDevice
	cmd := &cobra.Command{
		Use:   "dm-device --server URL --device-id ID",
		Short: "Legacy DM devices that know only ./FwUpdate",
		Long: `dm-device is a fleet of devices as Windows Mobile made them. They hold DM
sessions at the start, every --every, and when a trigger comes; they fetch the
package with HEAD and Range, show State 10, 30, 40, 50 and 100 (or 20, 80), and
report the end by a Generic Alert 1226 until it is answered.

Triggers come by UDP (--udp) or by gateways that a DM server posts to
(--gateway): an SMS gateway at ` + smsgate.PathKannel + ` and a push proxy gateway at
` + smsgate.PathPAP + `. A datagram is for every device whose nonce it is made with.

--fault says what goes wrong, as KIND[@PLACE][=VALUE][*TIMES], and may be given
several times: download=412, update, refuse@exec=417*3, reboot@exec=lose,
away@halfway=24h, slow@updating=5s, lose-alert*2. Kinds:
` + strings.Join(dmdevice.FaultWords(), ", ") + `. Steps: exec, downloading,
halfway, downloaded, updating, reporting.

--quirk says how the devices are unlike the specification:

` + quirkTable() + `
%d in --device-id, --user, --number and in the secret is the device's number.
With --once N it ends when N updates are over: exit code 0 if all of them
succeeded, 1 otherwise.`,
		Example: `  bridge sim dm-device --server http://127.0.0.1:8091/dm --device-id IMEI:356938035643809
  bridge sim dm-device --server http://127.0.0.1:8080/dm --device-id IMEI:%d --count 5000 --every 10m --auth md5 --secret-file pw
  bridge sim dm-device --server http://127.0.0.1:8080/dm --device-id d1 --gateway 127.0.0.1:13013 --quirk no-implicit-add --fault reboot@updating`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return s.run(cmd) },
	}
	s.flags(cmd)
	return cmd
}

func (s *simDMDevice) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&s.cfg.Server, "server", "", "the `URL` of the DM server")
	f.StringVar(&s.cfg.DeviceID, "device-id", "", "the device `ID`, Source of its messages")
	f.StringVar(&s.cfg.ServerID, "server-id", dmdevice.DefaultServerID, "the `ID` of the DM server's account")
	f.StringVar(&s.auth, "auth", "none", "what the device proves: none, basic, md5 or mac")
	f.StringVar(&s.serverAuth, "server-auth", "none", "what the server proves: none, basic, md5 or mac")
	f.StringVar(&s.cfg.User, "user", "", "the `NAME` of the device's user; the device id if not given")
	f.StringVar(&s.secretFile, "secret-file", "", "a `FILE` with the device's secret; - is standard input")
	f.StringVar(&s.serverSecretFile, "server-secret-file", "", "a `FILE` with the server's secret; without it triggers are not verified")
	f.StringVar(&s.version, "dm", "1.2", "the DM version: 1.2 or 1.1.2")
	f.BoolVar(&s.wbxml, "wbxml", false, "speak WBXML instead of XML")
	f.DurationVar(&s.cfg.Every, "every", 0, "the time between sessions of the device's own; 0 is none after the first")
	f.BoolVar(&s.cfg.Quiet, "quiet", false, "no session at the start: wait for a trigger")
	f.StringVar(&s.udp, "udp", "", "take triggers at this UDP `ADDR`")
	f.StringVar(&s.gateway, "gateway", "", "play the SMS gateway and the push proxy gateway at this TCP `ADDR`")
	f.StringVar(&s.cfg.Number, "number", "", "the telephone `NUMBER`; the device id if not given")
	f.StringVar(&s.cfg.Firmware, "firmware", "1.0", "the `VERSION` that DevDetail shows at first")
	f.StringArrayVar(&s.quirks, "quirk", nil, "a `QUIRK`, see above")
	f.StringArrayVar(&s.faults, "fault", nil, "a `FAULT`, see above")
	f.IntVar(&s.cfg.Count, "count", 1, "how many devices, `N`")
	f.Uint64Var(&s.cfg.Seed, "seed", 1, "of every random decision")
	f.IntVar(&s.once, "once", 0, "end when `N` updates are over")
	f.DurationVar(&s.cfg.Timing.Download, "download", 500*time.Millisecond, "how long a download takes at least")
	f.DurationVar(&s.cfg.Timing.Install, "install", 500*time.Millisecond, "how long an install takes")
	f.DurationVar(&s.cfg.Timing.Retry, "retry", time.Second, "the first wait after a session that failed")
	f.BoolVar(&s.log, "verbose", false, "log everything to standard error")
	_ = cmd.MarkFlagRequired("server")    // fails only for a flag that is not there
	_ = cmd.MarkFlagRequired("device-id") // the same
}

// quirkTable is the quirks for the help.
func quirkTable() string {
	var b strings.Builder
	for _, q := range dmdevice.Quirks() {
		fmt.Fprintf(&b, "  %-20s %s\n", q, q.About())
	}
	return b.String()
}

// schemes are the words of --auth.
var schemes = map[string]session.Scheme{
	"none": session.SchemeNone, "basic": session.SchemeBasic, "md5": session.SchemeMD5, "mac": session.SchemeMAC,
}

// dmVersions are the words of --dm.
var dmVersions = map[string]syncml.Version{"1.2": syncml.DM12, "1.1.2": syncml.DM112}

// config completes the configuration from the flags.
func (s *simDMDevice) config(cmd *cobra.Command) (err error) {
	var ok [3]bool
	s.cfg.Auth, ok[0] = schemes[s.auth]
	s.cfg.ServerAuth, ok[1] = schemes[s.serverAuth]
	s.cfg.Version, ok[2] = dmVersions[s.version]
	switch {
	case !ok[0]:
		return usagef("--auth %q: must be none, basic, md5 or mac", s.auth)
	case !ok[1]:
		return usagef("--server-auth %q: must be none, basic, md5 or mac", s.serverAuth)
	case !ok[2]:
		return usagef("--dm %q: must be 1.2 or 1.1.2", s.version)
	case s.cfg.Count < 1 || s.cfg.Count > dmdevice.MaxDevices:
		return usagef("--count %d: must be 1 to %d", s.cfg.Count, dmdevice.MaxDevices)
	case s.once < 0:
		return usagef("--once %d: must not be negative", s.once)
	}
	if s.wbxml {
		s.cfg.Encoding = syncml.WBXML
	}
	if err := s.words(); err != nil {
		return err
	}
	if s.cfg.Auth != session.SchemeNone {
		if s.cfg.Secret, err = secretOf(cmd, "secret-file", s.secretFile, "Secret of the devices"); err != nil {
			return err
		}
	}
	if s.cfg.ServerAuth != session.SchemeNone || s.serverSecretFile != "" {
		s.cfg.ServerSecret, err = secretOf(cmd, "server-secret-file", s.serverSecretFile, "Secret of "+s.cfg.ServerID)
	}
	return err
}

// words reads the quirks and faults.
func (s *simDMDevice) words() error {
	for _, text := range s.quirks {
		q, err := dmdevice.ParseQuirk(text)
		if err != nil {
			return usagef("--quirk: %v", err)
		}
		s.cfg.Quirks = append(s.cfg.Quirks, q)
	}
	for _, text := range s.faults {
		f, err := dmdevice.ParseFault(text)
		if err != nil {
			return usagef("--fault: %v", err)
		}
		s.cfg.Faults = append(s.cfg.Faults, f)
	}
	return nil
}

func (s *simDMDevice) run(cmd *cobra.Command) error {
	if err := s.config(cmd); err != nil {
		return err
	}
	s.cfg.Log = simLogger(cmd, s.log)
	s.cfg.OnEvent = printDMEvents(cmd.OutOrStdout())
	fleet, err := dmdevice.New(s.cfg)
	if err != nil {
		return usageError(err.Error())
	}
	in := &sockets{}
	ways := simWays{sms: in.tcp("--gateway", s.gateway)}
	if s.udp != "" {
		ways.udp = in.udp("--udp", s.udp)
	}
	if in.err != nil {
		in.close()
		return in.err
	}
	return s.live(cmd, fleet, ways)
}

// simWays are the ways in for triggers; nil is closed.
type simWays struct {
	udp net.PacketConn
	sms net.Listener
}

// live runs the fleet and its gateways until the command ends.
func (s *simDMDevice) live(cmd *cobra.Command, fleet *dmdevice.Fleet, ways simWays) error {
	ctx, cancel := context.WithCancel(cmd.Context())
	defer cancel()
	out := cmd.OutOrStdout()
	gate := smsgate.New(fleet, s.cfg.Log)
	var wg sync.WaitGroup
	errs := make([]error, 3)
	part := func(i int, run func() error) {
		wg.Go(func() {
			defer cancel()
			errs[i] = run()
		})
	}
	if ways.udp != nil {
		fmt.Fprintf(out, "triggers by UDP at %s\n", ways.udp.LocalAddr())
		part(1, func() error { return gate.RunUDP(ctx, ways.udp) })
	}
	if ways.sms != nil {
		base := "http://" + ways.sms.Addr().String()
		fmt.Fprintf(out, "triggers by SMS at %s%s, by PAP at %s%s\n", base, smsgate.PathKannel, base, smsgate.PathPAP)
		part(2, func() error { return serveSim(ctx, ways.sms, s.cfg.Log, gate) })
	}
	part(0, func() error { return fleet.Run(ctx) })
	over := s.once > 0 && fleet.Wait(ctx, s.once) == nil
	if over {
		cancel()
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil || !over {
		return err
	}
	return updateSummary(out, fleet.Results())
}

// updateSummary prints how the updates went, and fails if one did not succeed.
func updateSummary(w io.Writer, results []dmdevice.Result) error {
	bad := 0
	for _, r := range results {
		state := fmt.Sprintf("State %d %s", r.State, r.State.Name())
		if r.State == 0 { // the server has deleted the node with its result
			state = "deleted by the server"
		}
		fmt.Fprintf(w, "%s ./FwUpdate/%s: %s, result %d %s\n", r.Device, r.Package, state, r.Code, r.Code.Name())
		if !r.Code.Success() {
			bad++
		}
	}
	if bad > 0 {
		return fmt.Errorf("%d of %s did not succeed", bad, count(len(results), "update"))
	}
	return nil
}

// printDMEvents prints what devices do, one line an event.
func printDMEvents(w io.Writer) func(dmdevice.Event) {
	var mu sync.Mutex // all devices share it
	return func(e dmdevice.Event) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(w, "%s %s\n", time.Now().Format("15:04:05.000"), e)
	}
}
