package main

import (
	"context"
	"errors"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/replay"
)

// The words of --as and --format.
var (
	replaySides   = []string{"client", "server"}
	replayFormats = []string{"text", "json", "junit"}
)

// replayFlags are the flags of bridge replay.
type replayFlags struct {
	url, as, format, color string
	listen                 string
	user, secretFile       string
	serverID, serverSecret string
	device                 string
	ignore                 []string
}

func newReplay() *cobra.Command {
	var f replayFlags
	cmd := &cobra.Command{
		Use:   "replay PATH…",
		Short: "Play recorded DM sessions to a live peer and compare its messages",
		Long: `replay plays one side of recorded OMA DM sessions and compares what comes back
with the other side of the recording. A PATH is a recording (a folder with
NN-c2s.xml, NN-s2c.wbxml and so on, a .txtar, an HTTP archive .har, a packet
capture .pcap or .pcapng), or a folder with recordings below it, which are played
in order of their names.

Without --url the peer is in this process: with --as server (the default) the
recorded server is played to the bridge's own DM client with a ./FwUpdate tree,
with --as client the recorded client to the bridge's own DM server.

  --url URL            the recorded client posts to this DM server
  --listen ADDR        the recorded server waits for a device to post to it

Encoding, numbers, credentials, nonces, times and the order of what has none may
differ. All else is shown as lines of the message and makes the exit code 1.
Give the passwords to have credentials computed for the live nonces; the files
hold nothing else. Recordings are played one after the other, and the device
keeps its tree and nonces from one session of a recording to the next.`,
		Example: `  bridge replay testdata/sessions
  bridge replay session.har --as client --url http://dm.example.com/dm --user user --secret-file pw
  bridge replay recorded/ --format junit > report.xml`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("want at least one PATH: a folder, a .txtar, a .har or a .pcap")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return err
			}
			return runReplay(cmd, f, args)
		},
	}
	f.register(cmd)
	return cmd
}

func (f *replayFlags) register(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&f.url, "url", "", "the `URL` of the DM server that the recorded client posts to")
	fl.StringVar(&f.listen, "listen", "", "the TCP `ADDR` at which the recorded server waits for a device")
	fl.StringVar(&f.as, "as", "", "the side of the recording that is played: client or server (default: client with --url, else server)")
	fl.StringVar(&f.format, "format", "text", "text, json or junit")
	fl.StringVar(&f.color, "color", "auto", "always, never or auto: when the output is a terminal")
	fl.StringVar(&f.user, "user", "", "the device's user `NAME`, for its credentials")
	fl.StringVar(&f.secretFile, "secret-file", "", "the `FILE` with the device's password")
	fl.StringVar(&f.serverID, "server-id", "", "the server's `NAME`, for its credentials (default \"dmserver\")")
	fl.StringVar(&f.serverSecret, "server-secret-file", "", "the `FILE` with the server's password")
	fl.StringVar(&f.device, "device", "", "play as, or with, the device of this `ID` instead of the recorded one")
	fl.StringArrayVar(&f.ignore, "ignore", nil, "do not compare elements whose path ends in `PATH`, such as Status/TargetRef; may be repeated")
}

// check reports wrong use.
func (f *replayFlags) check() error {
	if f.as == "" {
		f.as = "server"
		if f.url != "" {
			f.as = "client"
		}
	}
	for _, c := range []struct {
		name, value string
		words       []string
	}{{"--as", f.as, replaySides}, {"--format", f.format, replayFormats}, {"--color", f.color, []string{"always", "never", "auto"}}} {
		if !slices.Contains(c.words, c.value) {
			return usagef("%s %q: want %s", c.name, c.value, strings.Join(c.words, " or "))
		}
	}
	if u, err := url.Parse(f.url); f.url != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		return usagef("--url %q: want a URL such as http://dm.example.com/dm", f.url)
	}
	switch {
	case f.url != "" && f.as == "server":
		return usagef("--url goes with --as client; to play the server to a device use --listen")
	case f.listen != "" && f.as == "client":
		return usagef("--listen goes with --as server; to play the client to a server use --url")
	case f.secretFile != "" && f.user == "":
		return usagef("--secret-file needs --user")
	}
	if f.serverID == "" {
		f.serverID = "dmserver"
	}
	return nil
}

// options are those of the replay, with the passwords read from their files.
func (f *replayFlags) options() (replay.Options, error) {
	o := replay.Options{Target: f.url, Device: f.device, Ignore: f.ignore}
	o.Client.User = f.user
	o.Server.User = f.serverID
	for _, s := range []struct {
		file string
		to   *replay.Credentials
	}{{f.secretFile, &o.Client}, {f.serverSecret, &o.Server}} {
		if s.file == "" {
			continue
		}
		b, err := os.ReadFile(s.file)
		if err != nil {
			return o, err
		}
		s.to.Secret = syncml.Secret(strings.TrimRight(string(b), "\r\n"))
	}
	return o, nil
}

// runReplay plays every recording, and goes on after one that differs.
func runReplay(cmd *cobra.Command, f replayFlags, args []string) error {
	var paths []string
	for _, arg := range args {
		found, err := replay.Find(arg)
		if err != nil {
			return err
		}
		paths = append(paths, found...)
	}
	o, err := f.options()
	if err != nil {
		return err
	}
	out := newReplayOutput(cmd, f, len(paths))
	for _, path := range paths {
		if err := cmd.Context().Err(); err != nil {
			return err
		}
		report := replayOne(cmd.Context(), f, o, path, out)
		if err := out.add(report); err != nil {
			return err
		}
	}
	return out.finish()
}

// replayOne plays the sessions of one recording to one peer.
func replayOne(ctx context.Context, f replayFlags, o replay.Options, path string, out *replayOutput) replay.RecordingReport {
	report := replay.RecordingReport{Path: path}
	rec, err := replay.Load(path)
	if err != nil {
		report.Err = errors.Unwrap(err) // the path is told anyway
		if report.Err == nil {
			report.Err = err
		}
		return report
	}
	peer, err := newReplayPeer(ctx, f, o, rec, out)
	if err != nil {
		report.Err = err
		return report
	}
	defer peer.close()
	report.Results, report.Err = peer.play(ctx, rec.Sessions)
	return report
}
