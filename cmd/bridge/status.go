package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/control"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/status"
)

// statusFlags are the flags of bridge status.
type statusFlags struct {
	place
	url         string
	limit       int
	watch, json bool
	every       time.Duration
}

// Limits of bridge status.
const (
	defaultShown = 100
	leastEvery   = time.Second
	statusWait   = 30 * time.Second // for one look at a bridge
)

func newStatus() *cobra.Command {
	var f statusFlags
	cmd := &cobra.Command{
		Use:   "status [DEVICE]",
		Short: "Show how a running bridge is doing",
		Long: `status shows a running bridge: whether it is healthy, its devices of both
directions as both sides see them (./FwUpdate and Object 9), and the packages on
their way with bytes and rate. With the name of a device it shows all of that one,
with its time line.

It asks by the socket in the directory of the store, which only the owner of the
store may open; if there is none, at http.listen of the configuration. Without any
flag that is the bridge on this machine that runs with defaults. --url asks a
bridge elsewhere.`,
		Example: `  bridge status --data /var/lib/fwbridge
  bridge status urn:imei:356938035643809 --watch
  bridge status --url http://127.0.0.1:8080 --json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name := ""
			if len(args) == 1 {
				if name = args[0]; name == "" {
					return usagef("the name of the device is empty")
				}
			}
			return f.run(cmd, name)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.config, "config", "", "the configuration `FILE` of the bridge")
	flags.StringVar(&f.data, "data", "", "the `DIR` of the bridge's store; goes before store.dir")
	flags.StringVar(&f.url, "url", "", "the `URL` of the bridge's HTTP listener")
	flags.IntVar(&f.limit, "limit", defaultShown, "show up to `N` devices of each direction")
	flags.BoolVar(&f.watch, "watch", false, "draw it anew until interrupted")
	flags.DurationVar(&f.every, "every", 2*time.Second, "how often, with --watch")
	flags.BoolVar(&f.json, "json", false, "as JSON")
	cmd.MarkFlagsMutuallyExclusive("url", "config")
	cmd.MarkFlagsMutuallyExclusive("url", "data")
	return cmd
}

func (f *statusFlags) run(cmd *cobra.Command, name string) error {
	if f.limit < 1 {
		return usagef("--limit: want 1 or more")
	}
	if f.every < leastEvery {
		return usagef("--every: want %v or more", leastEvery)
	}
	client, done, err := f.client(cmd)
	if err != nil {
		return err
	}
	defer done()
	out := cmd.OutOrStdout()
	if !f.watch {
		return f.show(cmd.Context(), client, name, out)
	}
	tick := time.NewTicker(f.every)
	defer tick.Stop()
	for {
		if onScreen(out) && !f.json {
			fmt.Fprint(out, "\x1b[H\x1b[2J")
		}
		if err := f.show(cmd.Context(), client, name, out); err != nil && cmd.Context().Err() == nil {
			return err
		}
		select {
		case <-cmd.Context().Done():
			return nil
		case <-tick.C:
		}
	}
}

// drawing is what is shown.
type drawing interface{ Draw(io.Writer) error }

func (f *statusFlags) show(ctx context.Context, c *status.Client, name string, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, statusWait)
	defer cancel()
	var d drawing
	var err error
	if name != "" {
		d, err = c.Device(ctx, name)
	} else {
		d, err = c.Overview(ctx, f.limit)
	}
	switch {
	case errors.Is(err, status.ErrUnknown) && name != "":
		return fmt.Errorf("%s: %w", name, err)
	case errors.Is(err, status.ErrUnknown):
		return errors.New("this is no bridge, or one of another version")
	case err != nil:
		return err
	case f.json:
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(d)
	}
	return d.Draw(out)
}

// client finds the bridge: at the URL, by the socket, or at http.listen. done
// frees it.
func (f *statusFlags) client(cmd *cobra.Command) (c *status.Client, done func(), err error) {
	plain := &http.Client{Transport: &http.Transport{}}
	if f.url != "" {
		u, err := url.Parse(f.url)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, nil, usagef("--url %q: want http://host:port", f.url)
		}
		base := url.URL{Scheme: u.Scheme, User: u.User, Host: u.Host}
		return &status.Client{HTTP: plain, Base: base.String()}, plain.CloseIdleConnections, nil
	}
	conf, err := loadConfig(cmd.ErrOrStderr(), f.config)
	if err != nil {
		return nil, nil, err
	}
	if f.data != "" {
		conf.Store.Dir = f.data
	}
	socket := control.Dial(conf.Store.Dir).Client()
	why := reach(cmd.Context(), socket, "http://bridge")
	if why == nil {
		return &status.Client{HTTP: socket, Base: "http://bridge"}, socket.CloseIdleConnections, nil
	}
	at := loopback(conf.HTTP.Listen)
	if f.data != "" || at == "" { // another bridge may be there
		return nil, nil, fmt.Errorf("no bridge answers for %s: %w", conf.Store.Dir, why)
	}
	if err := reach(cmd.Context(), plain, "http://"+at); err != nil {
		return nil, nil, fmt.Errorf("no bridge answers, neither for %s nor at http://%s; say where with --data, --config or --url (%w; %w)", conf.Store.Dir, at, why, err)
	}
	return &status.Client{HTTP: plain, Base: "http://" + at}, plain.CloseIdleConnections, nil
}

// reach says whether somebody answers.
func reach(ctx context.Context, c *http.Client, base string) error {
	ctx, cancel := context.WithTimeout(ctx, statusWait)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/healthz", nil)
	if err != nil {
		return err
	}
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// loopback is a listener's address as it is reached on this machine.
func loopback(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil || port == "0" {
		return ""
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}

// onScreen says whether somebody looks at w.
func onScreen(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
