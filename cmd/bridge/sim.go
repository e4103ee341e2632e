package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"
)

func newSim() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "sim COMMAND",
		Short: "Simulated devices and servers for tests",
		Long: `sim runs one side of an update, to try a bridge or a server of your own
against: LwM2M devices with Object 9 and a legacy DM server that follows a
script, legacy DM devices and an LwM2M server that follows one, and a server of
packages that the simulated devices can install. Each can be told what shall go
wrong.`,
		Example: `  bridge sim packages --listen 127.0.0.1:8090
  bridge sim dm-server --listen 127.0.0.1:8091 --script campaign.yaml
  bridge sim lwm2m-device --server 127.0.0.1:5683 --endpoint urn:imei:356938035643809
  bridge sim lwm2m-server --listen 127.0.0.1:5683 --package-url http://127.0.0.1:8090/ok/radio-2.0.pkg
  bridge sim dm-device --server http://127.0.0.1:8080/dm --device-id IMEI:356938035643809`,
		RunE: func(*cobra.Command, []string) error {
			return usagef("sim needs a command: lwm2m-device, dm-server, dm-device, lwm2m-server or packages")
		},
	}
	cmd.AddCommand(newSimDevice(), newSimDMServer(), newSimDMDevice(), newSimLwM2MServer(), newSimPackages())
	return cmd
}

// serveHTTP serves h on addr until ctx ends, and says where.
func serveHTTP(ctx context.Context, addr string, log *slog.Logger, up func(base string), h http.Handler) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return socketError("--listen", addr, err)
	}
	up("http://" + l.Addr().String())
	return serveSim(ctx, l, log, h)
}

// lastAnswers is how long answers under way may take when a simulator ends.
const lastAnswers = time.Second

// serveSim is serveHTTP for a listener, which it closes. Answers under way are
// still sent: the last one may be what the other side waits for.
func serveSim(ctx context.Context, l net.Listener, log *slog.Logger, h http.Handler) error {
	s := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}
	closed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(closed)
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastAnswers)
		defer cancel()
		if s.Shutdown(last) != nil {
			s.Close()
		}
	})
	defer func() {
		if !stop() {
			<-closed
		}
	}()
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving on %s: %w", l.Addr(), err)
	}
	return nil
}

// simLogger logs to standard error: everything with verbose, else warnings.
func simLogger(cmd *cobra.Command, verbose bool) *slog.Logger {
	level := slog.LevelWarn
	if verbose {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: level}))
}
