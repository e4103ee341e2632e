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
		devices int
		once    bool
		verbose bool
		timeout time.Duration
	)
	cmd := &cobra.Command{
		Use:   "demo [--devices N] [--once]",
		Short: "Show the main job: a legacy DM server updates LwM2M devices",
		Long: `demo runs a legacy DM server, the bridge and simulated LwM2M devices in one
process, over real loopback sockets with a store on disk, and prints the time
line of every device in both vocabularies. One device has the draft dialect, one
gets a corrupted package, one reboots in the middle.

With --once it ends when all devices are final: exit code 0 if each ended as it
should, 1 otherwise. Without, the bridge goes on for you to look at.`,
		Example: `  bridge demo
  bridge demo --devices 20 --once`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
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
				Devices: devices, Once: once, Timeout: timeout, Out: out, Color: isTerminal(out), Log: log,
			})
		},
	}
	cmd.Flags().IntVar(&devices, "devices", demo.DefaultDevices, "how many devices, `N`")
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
