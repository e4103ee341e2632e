package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/pkgserver"
)

func newSimPackages() *cobra.Command {
	var (
		listen string
		cfg    pkgserver.Config
	)
	cmd := &cobra.Command{
		Use:   "packages [--listen ADDR]",
		Short: "Serve packages over HTTP, well or badly",
		Long: `packages is a package server whose packages follow from their URL. The first
part of the path says how it behaves:

  /ok/radio-2.0.pkg           a good package
  /corrupt/radio-2.0.pkg      one with a changed byte
  /status-404/radio-2.0.pkg   the answer 404
  /signed/radio-2.0.pkg       one with a minisign signature beside it (.minisig);
                              the public key is printed at the start
  /descriptor/radio-2.0.pkg   an OMA download descriptor of the good package; what
                              is posted to its installNotifyURI is printed

A bridge on the same machine fetches from it only when its configuration says so:

  packages: {allow: {networks: [127.0.0.0/8], ports: [8090]}}

Behaviours: ` + strings.Join(pkgserver.Behaviours(), ", ") + `.`,
		Example: `  bridge sim packages --listen 127.0.0.1:8090
  curl -O http://127.0.0.1:8090/ok/radio-2.0.pkg`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cfg.Size < 1 || cfg.Size > pkgserver.MaxSize {
				return usagef("--size %d: must be 1 to %d", cfg.Size, pkgserver.MaxSize)
			}
			out := cmd.OutOrStdout()
			cfg.OnRequest = func(path string) { fmt.Fprintf(out, "%s %q\n", time.Now().Format(time.TimeOnly), path) }
			cfg.OnReport = func(path, status string) {
				fmt.Fprintf(out, "%s %q install report %q\n", time.Now().Format(time.TimeOnly), path, status)
			}
			return serveHTTP(cmd.Context(), listen, simLogger(cmd, false), func(base string) {
				fmt.Fprintf(out, "packages at %s, such as %s%s\n", base, base, pkgserver.Path("ok", "radio", "2.0"))
				fmt.Fprintf(out, "packages.hosts[].signed_by of /signed/: %s\n", pkgserver.PublicKey(cfg))
			}, pkgserver.New(cfg))
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:8090", "the TCP `ADDR` to listen at")
	cmd.Flags().IntVar(&cfg.Size, "size", 4096, "`BYTES` of a package's payload")
	return cmd
}
