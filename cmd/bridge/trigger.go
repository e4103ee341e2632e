package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/ask"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/bridge"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/config"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/trigger"
	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/notify"
)

// maxNonce bounds a nonce that is read from a file, in bytes.
const maxNonce = 1024

// triggerFlags are the flags of bridge trigger.
type triggerFlags struct {
	config, channel, url, user, gatewayFile string // the gateway
	to, serverID, secretFile, nonceFile     string // the trigger
	session, ui, version                    string
	tries                                   int
}

func newTrigger() *cobra.Command {
	var f triggerFlags
	cmd := &cobra.Command{
		Use:   "trigger --channel udp|pap|kannel --to ADDR --server-id ID",
		Short: "Send a trigger (Package 0) by hand",
		Long: `trigger builds the notification by which a DM server asks a device for a
session, and sends it: by UDP to host:port, or by a push proxy gateway (pap) or
an SMS gateway (kannel) to a telephone number. The gateway comes from
triggers.out of a configuration, or from --channel, --url and --user.

The secret of the DM server, which the digest is made with, is the first line of
--secret-file. Without that flag it is asked for at the terminal and not shown;
so is the password of --user. Without --nonce-file the digest has the default
nonce, which devices take when they lost theirs.`,
		Example: `  bridge trigger --channel udp --to 127.0.0.1:2948 --server-id operator-a-dm --secret-file secret
  bridge trigger --config bridge.yaml --to +4915112345678 --server-id operator-a-dm --session 2A7`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.run(cmd.Context(), cmd)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.config, "config", "", "take the gateway from triggers.out of this configuration `FILE`")
	flags.StringVar(&f.channel, "channel", "", "udp, pap or kannel")
	flags.StringVar(&f.url, "url", "", "the `URL` of the gateway, for pap and kannel")
	flags.StringVar(&f.user, "user", "", "the `NAME` of the user at the gateway")
	flags.StringVar(&f.gatewayFile, "gateway-secret-file", "", "a `FILE` with the password at the gateway. Without it you are asked")
	flags.StringVar(&f.to, "to", "", "the `ADDR` of the device: host:port for udp, else a telephone number")
	flags.StringVar(&f.serverID, "server-id", "", "the `ID` of the DM server, as the device knows it")
	flags.StringVar(&f.secretFile, "secret-file", "", "a `FILE` with the secret of the DM server; - is standard input. Without it you are asked")
	flags.StringVar(&f.nonceFile, "nonce-file", "", "a `FILE` with the server nonce as raw bytes")
	flags.StringVar(&f.session, "session", "", "the session id, as 1 to 4 hex digits; a random one if not given")
	flags.StringVar(&f.ui, "ui", "background", "what the user notices: none, background, informative or interaction")
	flags.StringVar(&f.version, "package-version", "1.1", "the version of Package 0: 1.0 to 1.3")
	flags.IntVar(&f.tries, "tries", 1, "how often it is sent when the gateway cannot take it now")
	_ = cmd.MarkFlagRequired("to")        // fails only for a flag that is not there
	_ = cmd.MarkFlagRequired("server-id") // the same
	return cmd
}

// uiModes are the words of --ui.
var uiModes = map[string]notify.UIMode{
	"none": notify.UINotSpecified, "background": notify.UIBackground, "informative": notify.UIInformative, "interaction": notify.UIInteraction,
}

// packageVersions are the words of --package-version.
var packageVersions = map[string]notify.Version{"1.0": 10, "1.1": 11, "1.2": 12, "1.3": 13}

func (f *triggerFlags) run(ctx context.Context, cmd *cobra.Command) error {
	m, err := f.message()
	if err != nil {
		return err
	}
	if f.secretFile == ask.Stdin && f.gatewayFile == ask.Stdin {
		return usagef("--secret-file and --gateway-secret-file cannot both be standard input")
	}
	s, plan, err := f.sender(cmd)
	if err != nil {
		return err
	}
	secret, err := secretOf(cmd, "secret-file", f.secretFile, "Secret of "+f.serverID)
	if err != nil {
		return err
	}
	nonce := notify.DefaultNonce
	if f.nonceFile != "" {
		if nonce, err = readUpTo(f.nonceFile, maxNonce); err != nil {
			return err
		}
	}
	m.Sign(notify.Key{User: m.ServerID, Secret: secret}, nonce)
	package0, err := m.Append(nil)
	if err != nil {
		return err
	}
	if err := trigger.Deliver(ctx, s, plan, f.to, package0); err != nil {
		return err
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "trigger for session %s of %s sent to %s\n", m.SessionText(), m.ServerID, f.to)
	return err
}

// message is what the flags ask for, without a digest.
func (f *triggerFlags) message() (*notify.Message, error) {
	ui, ok := uiModes[f.ui]
	if !ok {
		return nil, usagef("--ui %q: want none, background, informative or interaction", f.ui)
	}
	version, ok := packageVersions[f.version]
	if !ok {
		return nil, usagef("--package-version %q: want 1.0 to 1.3", f.version)
	}
	session := uint64(rand.N(0xFFFF) + 1)
	if f.session != "" {
		var err error
		if session, err = strconv.ParseUint(f.session, 16, 16); err != nil || session == 0 {
			return nil, usagef("--session %q: want 1 to FFFF", f.session)
		}
	}
	m := &notify.Message{Version: version, UIMode: ui, Initiator: notify.ByServer, SessionID: uint16(session), ServerID: f.serverID}
	if _, err := m.Append(nil); err != nil {
		return nil, usagef("--server-id: %v", err)
	}
	return m, nil
}

// sender is the channel of the configuration, changed by the flags.
func (f *triggerFlags) sender(cmd *cobra.Command) (trigger.Sender, trigger.Schedule, error) {
	c, err := loadConfig(cmd.ErrOrStderr(), f.config)
	if err != nil {
		return nil, trigger.Schedule{}, err
	}
	out := &c.Triggers.Out
	plan := trigger.Schedule{Tries: out.Tries, Base: out.BackoffMin, Cap: out.BackoffMax}
	if f.config == "" || cmd.Flags().Changed("tries") {
		plan.Tries = f.tries
	}
	for word, channel := range outChannels {
		if word == f.channel {
			out.Channel = channel
		}
	}
	if f.channel != "" && config.Word(out.Channel) != f.channel {
		return nil, plan, usagef("--channel %q: want udp, pap or kannel", f.channel)
	}
	if f.url != "" {
		out.URL = f.url
	}
	if f.user != "" {
		out.User = f.user
	}
	if err := checkGateway(out); err != nil {
		return nil, plan, err
	}
	if f.gatewayFile != "" || f.user != "" {
		if out.Secret, err = secretOf(cmd, "gateway-secret-file", f.gatewayFile, "Password of "+out.User+" at the gateway"); err != nil {
			return nil, plan, err
		}
	}
	return bridge.TriggerSender(out), plan, nil
}

// secretOf is the secret of a file that a flag names; without one the person at
// the terminal is asked.
func secretOf(cmd *cobra.Command, flag, file, prompt string) (syncml.Secret, error) {
	if file != "" {
		return ask.FirstLine(cmd.Context(), file, cmd.InOrStdin(), cmd.ErrOrStderr(), prompt)
	}
	secret, err := ask.Secret(cmd.Context(), cmd.InOrStdin(), cmd.ErrOrStderr(), prompt)
	if errors.Is(err, ask.ErrNoTerminal) {
		return "", usagef("--%s is missing, and %v; name a file, or - for standard input", flag, err)
	}
	return secret, err
}

var outChannels = map[string]config.OutChannel{
	trigger.ChannelUDP: config.OutUDP, trigger.ChannelPAP: config.OutPAP, trigger.ChannelKannel: config.OutKannel,
}

// checkGateway says what the channel lacks.
func checkGateway(out *config.TriggersOut) error {
	if (out.Channel == config.OutPAP || out.Channel == config.OutKannel) && out.URL == "" {
		return usagef("--url is missing: which gateway?")
	}
	if out.Channel == config.OutNone {
		return usagef("no channel: give --channel, or --config with triggers.out")
	}
	return nil
}

// readUpTo reads a whole file of limited length.
func readUpTo(file string, limit int64) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%s: larger than %d bytes", file, limit)
	}
	return b, err
}
