package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/bridge"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/config"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/control"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/delivery"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/status"
)

func newPackage() *cobra.Command {
	var p place
	cmd := &cobra.Command{
		Use:   "package",
		Short: "The store of packages, and pushing one by hand",
		Long: `package adds, lists and removes packages of the bridge's store, and pushes one to
a device. A package is named by its SHA-256 or by the first digits of it. While a
bridge runs, it does the work, by a socket in the directory of its store that only
the store's owner may open; without one the store is changed directly, except that
nothing can be pushed.

What is added is kept until room is needed for packages that devices need.`,
		Example: `  bridge package add firmware.bin --data /var/lib/fwbridge
  bridge package list --config bridge.yaml`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return usagef("say what to do: add, list, remove or push") },
	}
	cmd.PersistentFlags().StringVar(&p.config, "config", "", "the configuration `FILE` that says where the store is")
	cmd.PersistentFlags().StringVar(&p.data, "data", "", "the `DIR` of the bridge's store; goes before store.dir")
	cmd.AddCommand(newPackageAdd(&p), newPackageList(&p), newPackageRemove(&p), newPackagePush(&p))
	return cmd
}

// packages runs f on the store of packages: by the bridge that has it open, or
// in the store itself. make says that the store may be new.
func (p *place) packages(cmd *cobra.Command, make bool, f func(context.Context, control.Packages) error) error {
	c, err := loadConfig(cmd.ErrOrStderr(), p.config)
	if err != nil {
		return err
	}
	if p.data != "" {
		c.Store.Dir = p.data
	}
	remote := control.Dial(c.Store.Dir)
	_, err = remote.ListPackages(cmd.Context())
	if err == nil {
		return f(cmd.Context(), remote)
	}
	if !errors.Is(err, control.ErrNoBridge) && !errors.Is(err, control.ErrNoStore) {
		return err
	}
	return offline(cmd, c, make, f)
}

// offline is for a store that no bridge has open.
func offline(cmd *cobra.Command, c *config.Config, make bool, f func(context.Context, control.Packages) error) error {
	o := bridge.PackageOptions(c)
	if _, err := os.Stat(o.Store.Dir); errors.Is(err, fs.ErrNotExist) && !make {
		return fmt.Errorf("%s: there is no store of packages; name it with --data or --config", o.Store.Dir)
	}
	o.Store.Logger = slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	s, err := delivery.OpenStore(o.Store)
	if err != nil {
		return err
	}
	o.Fetcher.Store = s
	fetcher, err := delivery.NewFetcher(o.Fetcher)
	if err != nil {
		return errors.Join(err, s.Close())
	}
	err = f(cmd.Context(), &control.LocalPackages{Store: s, Fetcher: fetcher})
	fetcher.Close()
	if closed := s.Close(); err == nil {
		err = closed
	}
	return err // as it is: wrong use is told from failing by its type
}

func newPackageAdd(p *place) *cobra.Command {
	return &cobra.Command{
		Use:   "add FILE|URL",
		Short: "Put a package into the store",
		Long: `add puts a file into the store, or what is at a URL (http, https, coap, coaps).
The bridge fetches it as it fetches for devices: only from where packages.allow
lets it, with the credentials and checks of packages.hosts. It prints the SHA-256.
A device whose package is announced with that digest (#sha256=…) needs no fetch
any more.`,
		Example: `  bridge package add firmware.bin
  bridge package add https://dl.example.com/fw.bin#sha256=5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.packages(cmd, true, func(ctx context.Context, packages control.Packages) error {
				added, err := addPackage(ctx, cmd, packages, args[0])
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s  %d bytes\n", added.Digest, added.Size)
				return err
			})
		},
	}
}

// addPackage adds a file, or what is at a URL.
func addPackage(ctx context.Context, cmd *cobra.Command, packages control.Packages, from string) (delivery.Package, error) {
	bar := newBar(cmd, "added")
	defer bar.End()
	if u, err := url.Parse(from); err == nil && u.Host != "" {
		added, err := packages.FetchPackage(ctx, from, stepsOf(bar))
		if err != nil {
			return added, fmt.Errorf("%s: %w", u.Host, err) // the rest may hold secrets
		}
		return added, nil
	}
	f, err := os.Open(from)
	if err != nil {
		return delivery.Package{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return delivery.Package{}, err
	case !info.Mode().IsRegular():
		return delivery.Package{}, fmt.Errorf("%s: not a file", from)
	case info.Size() == 0:
		return delivery.Package{}, fmt.Errorf("%s: the file is empty", from)
	}
	// A reader without Close: a client would close the file.
	return packages.AddPackage(ctx, struct{ io.Reader }{f}, info.Size(), measure(bar))
}

// newBar shows progress on standard error.
func newBar(cmd *cobra.Command, name string) *status.Progress {
	return &status.Progress{Out: cmd.ErrOrStderr(), Terminal: onScreen(cmd.ErrOrStderr()), Name: name}
}

// stepsOf draws the steps of a bridge.
func stepsOf(bar *status.Progress) func(control.Step) {
	return func(s control.Step) {
		if s.Note != "" {
			bar.Note(s.Note)
			return
		}
		bar.Show(s.Bytes, s.Total, s.Rate)
	}
}

// drawEvery is the least time between two drawings.
const drawEvery = 100 * time.Millisecond

// measure draws steps that come fast and without a rate.
func measure(bar *status.Progress) func(control.Step) {
	began := time.Now()
	drawn := began
	return func(s control.Step) {
		now := time.Now()
		if now.Sub(drawn) < drawEvery && s.Bytes < s.Total {
			return
		}
		drawn = now
		bar.Show(s.Bytes, s.Total, float64(s.Bytes)/now.Sub(began).Seconds())
	}
}

func newPackageList(p *place) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the packages of the store",
		Long:    "list prints SHA-256, size in bytes, when it was last used and how many devices need it,\nof every package; last used first. Which devices, status DEVICE says.",
		Example: "  bridge package list --data /var/lib/fwbridge",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.packages(cmd, false, func(ctx context.Context, packages control.Packages) error {
				list, err := packages.ListPackages(ctx)
				if err != nil {
					return err
				}
				w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
				for _, l := range list.Packages {
					fmt.Fprintf(w, "%s\t%d\t%s\t%s\n", l.Digest, l.Size, l.Used.UTC().Format(time.DateTime), count(len(l.Owners), "device"))
				}
				fmt.Fprintf(w, "%s, %s of %s\n", count(len(list.Packages), "package"), status.Bytes(float64(list.Bytes)), status.Bytes(float64(list.MaxBytes)))
				return w.Flush()
			})
		},
	}
}

func newPackageRemove(p *place) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "remove DIGEST",
		Short: "Take a package out of the store",
		Long: `remove takes a package out of the store. One that a device needs stays, unless
--force is given; then it is fetched again when the device asks for it. Without a
running bridge it is not known which are needed.`,
		Example: "  bridge package remove 5feceb66ffc8 --data /var/lib/fwbridge",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.packages(cmd, false, func(ctx context.Context, packages control.Packages) error {
				gone, err := packages.RemovePackage(ctx, args[0], force)
				if err != nil {
					return asUse(err)
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is removed\n", gone.Digest)
				return err
			})
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "also when a device needs it")
	return cmd
}

// asUse makes wrong use of what is one.
func asUse(err error) error {
	if errors.Is(err, control.ErrWrongUse) {
		return usagef("%v", err)
	}
	return err
}

func newPackagePush(p *place) *cobra.Command {
	var instance uint16
	cmd := &cobra.Command{
		Use:   "push ENDPOINT DIGEST|FILE",
		Short: "Write a package to a device, block by block",
		Long: `push writes a package of the store, or a file that is put there first, into the
Package resource (2) of an instance of Object 9 of a registered LwM2M device. The
device takes and checks it; nothing installs it, and no DM server is told. While an
update by the DM server runs on the device, it is refused.

When the device loses what it had, it is begun anew; when it says "later", it is
tried again for some minutes. Interrupted, nothing more is sent. It goes at the pace
of packages.push_rate, and waits while packages.max_pushes others go on.`,
		Example: `  bridge package push urn:imei:356938035643809 firmware.bin --data /var/lib/fwbridge
  bridge package push meter-7 5feceb66ffc8 --instance 1`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			r := control.PushRequest{Endpoint: args[0]}
			if cmd.Flags().Changed("instance") {
				r.Instance = &instance
			}
			return p.packages(cmd, false, func(ctx context.Context, packages control.Packages) error {
				return pushPackage(ctx, cmd, packages, r, args[1])
			})
		},
	}
	cmd.Flags().Uint16Var(&instance, "instance", 0, "the `NUMBER` of the instance; the only one if not given")
	return cmd
}

func pushPackage(ctx context.Context, cmd *cobra.Command, packages control.Packages, r control.PushRequest, what string) error {
	if local, ok := packages.(*control.LocalPackages); ok && local.Push == nil {
		return errors.New("nothing can be pushed: no bridge runs there that keeps packages (packages.way, or legacy.listen)")
	}
	if r.Digest = what; !isDigest(what) {
		added, err := addPackage(ctx, cmd, packages, what)
		if err != nil {
			return err
		}
		r.Digest = added.Digest.String()
	}
	bar := newBar(cmd, "pushed")
	err := packages.PushPackage(ctx, r, stepsOf(bar))
	bar.End()
	if err != nil {
		return asUse(err)
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s has the package\n", r.Endpoint)
	return err
}

// isDigest says whether it names a package and no file: a file of such a name
// is written ./name.
func isDigest(s string) bool {
	s = strings.TrimPrefix(s, "sha256:")
	return len(s) >= control.MinPrefix && len(s) <= 64 && strings.Trim(strings.ToLower(s), "0123456789abcdef") == ""
}
