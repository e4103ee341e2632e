package main

import (
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/demo"
)

func newDemo() *cobra.Command {
	var (
		direction string
		devices   int
		once      bool
		verbose   bool
		timeout   time.Duration
	)
	cmd := &cobra.Command{
		Use:   "demo [--direction a|b] [--devices N] [--once]",
		Short: "Show both directions with simulated servers and devices",
		Long: `demo runs one bridge with simulated servers and devices in one process, over
real loopback sockets with a store on disk, and prints the time line of every
device in both vocabularies. In direction A a legacy DM server updates LwM2M
devices: one has the draft dialect, one gets a corrupted package, one reboots in
the middle. In direction B an LwM2M server updates legacy DM devices: one speaks
DM 1.1.2 and sends no alerts, one loses its alert, one fails the download.

With --once it ends when all devices are final: exit code 0 if each ended as it
should, 1 otherwise. Without, the bridge goes on for you to look at.`,
		Example: `  bridge demo
  bridge demo --direction b
  bridge demo --devices 20 --once`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			way, err := demo.ParseDirection(direction)
			if err != nil {
				return usagef("--direction %v", err)
			}
			if devices < 1 || devices > demo.MaxDevices {
				return usagef("--devices %d: must be 1 to %d", devices, demo.MaxDevices)
			}
			if timeout <= 0 {
				return usagef("--timeout %v: must be positive", timeout)
			}
			log := slog.New(slog.DiscardHandler)
			if verbose {
				log = slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelDebug}))
			}
			out := cmd.OutOrStdout()
			return demo.Run(cmd.Context(), demo.Config{
				Direction: way, Devices: devices, Once: once, Timeout: timeout, Out: out, Color: isTerminal(out), Log: log,
			})
		},
	}
	cmd.Flags().StringVar(&direction, "direction", demo.Both.String(), "what to show: a, b or both")
	cmd.Flags().IntVar(&devices, "devices", demo.DefaultDevices, "how many devices in each direction, `N`")
	cmd.Flags().BoolVar(&once, "once", false, "end when every device is final")
	cmd.Flags().DurationVar(&timeout, "timeout", demo.DefaultTimeout, "with --once: how long that may take")
	cmd.Flags().BoolVar(&verbose, "verbose", false, "log everything to standard error")
	return cmd
}

// isTerminal says whether colours make sense (https://no-color.org).
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
