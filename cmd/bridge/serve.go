package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/bridge"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/config"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/heap"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
)

func newServe() *cobra.Command {
	var file, data string
	cmd := &cobra.Command{
		Use:   "serve [--config FILE] [--data DIR]",
		Short: "Run the bridge",
		Long: `serve runs the bridge until it is interrupted: LwM2M devices register at
coap.secure.listen (UDP port 5684, DTLS) with the credentials of bridge device,
or at coap.listen without security; sessions with their DM servers are opened as the
configuration says, and http.listen (127.0.0.1:8080) shows what goes on.

Every setting has a default. Without a configuration file devices can register,
but no DM server is known. What must not get lost is kept in --data; a bridge
that was killed goes on from there.`,
		Example: `  bridge serve --config bridge.yaml --data /var/lib/fwbridge
  curl http://127.0.0.1:8080/api/v1/devices`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadConfig(cmd.ErrOrStderr(), file)
			if err != nil {
				return err
			}
			if data != "" {
				c.Store.Dir = data
			}
			return serve(cmd.Context(), c, cmd.ErrOrStderr())
		},
	}
	cmd.Flags().StringVar(&file, "config", "", "the configuration `FILE`; without it every setting has its default")
	cmd.Flags().StringVar(&data, "data", "", "the `DIR` of the durable state; goes before store.dir")
	return cmd
}

// loadConfig reads a configuration and prints all its problems; an empty name
// is the default configuration.
func loadConfig(stderr io.Writer, file string) (*config.Config, error) {
	if file == "" {
		return config.Default(), nil
	}
	c, err := config.Load(file)
	if problems, ok := errors.AsType[config.Problems](err); ok {
		fmt.Fprintln(stderr, problems)
		return nil, fmt.Errorf("%s: %s", file, count(len(problems), "problem"))
	}
	return c, err
}

func serve(ctx context.Context, c *config.Config, stderr io.Writer) error {
	defer heap.Floor(heap.Usual)()
	log := newLogger(c.Log, stderr)
	for _, text := range append(c.Warnings, c.Missing()...) {
		log.Warn(text)
	}
	db, err := store.OpenPebble(c.Store.Dir, store.Options{Logger: log, Reserve: int64(c.Store.Reserve)})
	if err != nil {
		return err
	}
	err = serveOn(ctx, c, db, log)
	return errors.Join(err, db.Close())
}

// serveOn opens the sockets and runs the bridge on an open store.
func serveOn(ctx context.Context, c *config.Config, db store.Store, log *slog.Logger) error {
	o := bridge.Configured(c)
	o.Legacy = bridge.ConfiguredLegacy(c)
	o.Packages, o.Ways = bridge.ConfiguredPackages(c)
	o.Engine.Store, o.Log = db, log
	open, err := listen(c, &o)
	if err != nil {
		return err
	}
	b, err := bridge.New(o)
	if err != nil {
		open.close()
		return err
	}
	var attrs []any
	if o.Devices != nil {
		attrs = append(attrs, "coap", o.Devices.LocalAddr().String())
	}
	if o.Secure != nil {
		attrs = append(attrs, "coaps", o.Secure.LocalAddr().String())
	}
	attrs = append(attrs, "data", c.Store.Dir, "dm_servers", len(c.Servers))
	if o.HTTP != nil {
		attrs = append(attrs, "http", o.HTTP.Addr().String())
	}
	for _, u := range o.Triggers.UDP {
		attrs = append(attrs, "triggers_udp", u.Conn.LocalAddr().String())
	}
	if o.Triggers.PAP != nil {
		attrs = append(attrs, "triggers_pap", o.Triggers.PAP.Addr().String())
	}
	if o.Triggers.Kannel != nil {
		attrs = append(attrs, "triggers_kannel", o.Triggers.Kannel.Addr().String())
	}
	if o.Legacy != nil {
		attrs = append(attrs, "legacy", o.Legacy.Listener.Addr().String(), "lwm2m_servers", len(c.Legacy.Servers))
	}
	if o.Files != nil {
		attrs = append(attrs, "packages", o.Files.Addr().String())
	}
	log.Info("bridge is up", attrs...)
	err = b.Run(ctx)
	log.Info("bridge has stopped")
	return err
}

// socketError names the key, the value and what to do.
func socketError(key, addr string, err error) error {
	what := "choose another address"
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		what = "another program listens there: stop it, or choose another port"
	case errors.Is(err, syscall.EACCES):
		what = "this user may not listen there: choose a port above 1023"
	}
	return fmt.Errorf("%s %q: %w; %s", key, addr, err, what)
}

func newLogger(l config.Log, w io.Writer) *slog.Logger {
	o := &slog.HandlerOptions{Level: l.Level}
	if l.Format == config.LogJSON {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}
