package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/control"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/credentials"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
	"github.com/fwbridge/fwbridge/lwm2m9/dtls"
)

// The lengths of pre-shared keys, in bytes.
const (
	generatedKey = 16 // of --generate; AES-128 is what protects the rest
	shortKey     = 16 // shorter ones are warned of
)

// place is where credentials are kept.
type place struct{ config, data string }

func newDevice() *cobra.Command {
	var p place
	cmd := &cobra.Command{
		Use:   "device",
		Short: "Credentials of LwM2M devices",
		Long: `device adds, lists and removes the credentials with which devices prove who
they are (DTLS). They are kept in the bridge's store. While a bridge runs, it
makes the change, by a socket in the directory of the store; it holds at once.`,
		Example: `  bridge device add urn:imei:356938035643809 --generate --data /var/lib/fwbridge
  bridge device list --config bridge.yaml`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return usagef("say what to do: add, list or remove") },
	}
	cmd.PersistentFlags().StringVar(&p.config, "config", "", "the configuration `FILE` that says where the store is")
	cmd.PersistentFlags().StringVar(&p.data, "data", "", "the `DIR` of the store; goes before store.dir")
	cmd.AddCommand(newDeviceAdd(&p), newDeviceList(&p), newDeviceRemove(&p))
	return cmd
}

// with runs f on the credentials: in the store itself, or by the bridge that
// has it open. make says that the store may be new.
func (p *place) with(cmd *cobra.Command, make bool, f func(context.Context, control.Devices) error) error {
	c, err := loadConfig(cmd.ErrOrStderr(), p.config)
	if err != nil {
		return err
	}
	if p.data != "" {
		c.Store.Dir = p.data
	}
	if _, err := os.Stat(c.Store.Dir); errors.Is(err, fs.ErrNotExist) && !make {
		return fmt.Errorf("%s: there is no store; name it with --data or --config", c.Store.Dir)
	}
	db, err := store.OpenPebble(c.Store.Dir, store.Options{Reserve: int64(c.Store.Reserve)})
	if errors.Is(err, store.ErrLocked) {
		err = f(cmd.Context(), control.Dial(c.Store.Dir))
		if errors.Is(err, control.ErrNoBridge) {
			return fmt.Errorf("%s is in use, and who uses it does not answer: try again, or stop it (%w)", c.Store.Dir, err)
		}
		return err
	}
	if err != nil {
		return err
	}
	return errors.Join(f(cmd.Context(), &control.Local{Book: credentials.New(db)}), db.Close())
}

// addFlags are the flags of bridge device add.
type addFlags struct {
	identity, file                       string
	generate, certificate, text, replace bool
}

func newDeviceAdd(p *place) *cobra.Command {
	var f addFlags
	cmd := &cobra.Command{
		Use:   "add NAME",
		Short: "Give a device credentials",
		Long: `add gives the device of an endpoint name an identity, and a pre-shared key unless
it proves the identity by a certificate. The identity is the endpoint name when
--identity names no other.

The key is the first line of --psk-file, in hexadecimal, or as it stands with
--text; without that flag it is asked for at the terminal and not shown.
--generate makes one and prints it, once: give it to the device.`,
		Example: `  bridge device add urn:imei:356938035643809 --psk-file key
  bridge device add meter-7 --identity m7 --generate
  bridge device add meter-8 --certificate --identity m8.example.com`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, p, args[0]) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.identity, "identity", "", "the `ID` that the device proves; the endpoint name if not given")
	flags.StringVar(&f.file, "psk-file", "", "a `FILE` with the pre-shared key; - is standard input. Without it you are asked")
	flags.BoolVar(&f.generate, "generate", false, "make a key and print it")
	flags.BoolVar(&f.certificate, "certificate", false, "no key: the device has a certificate with the identity as its name")
	flags.BoolVar(&f.text, "text", false, "the key is the text itself, not hexadecimal")
	flags.BoolVar(&f.replace, "replace", false, "in place of the credentials that the device has")
	cmd.MarkFlagsMutuallyExclusive("psk-file", "generate", "certificate")
	cmd.MarkFlagsMutuallyExclusive("text", "generate", "certificate")
	return cmd
}

func (f *addFlags) run(cmd *cobra.Command, p *place, name string) error {
	d := credentials.Device{Endpoint: name, Identity: f.identity, PSK: !f.certificate}
	if !cmd.Flags().Changed("identity") {
		d.Identity = name
	}
	var err error
	if d.PSK {
		if d.Key, err = f.key(cmd, d.Identity); err != nil {
			return err
		}
	}
	err = p.with(cmd, true, func(ctx context.Context, devices control.Devices) error { return devices.Add(ctx, d, f.replace) })
	switch {
	case errors.Is(err, credentials.ErrExists):
		return fmt.Errorf("%s: %w; give --replace to change them", name, err)
	case errors.Is(err, credentials.ErrInvalid):
		return usagef("%v", err)
	case err != nil:
		return fmt.Errorf("%s: %w", name, err)
	}
	out := cmd.OutOrStdout()
	if f.generate {
		_, err = fmt.Fprintf(out, "%s\n", hex.EncodeToString(d.Key))
		return err
	}
	_, err = fmt.Fprintf(out, "%s has credentials: identity %s, %s\n", name, d.Identity, proofText(d))
	return err
}

func proofText(d credentials.Device) string {
	if d.PSK {
		return "pre-shared key"
	}
	return "certificate"
}

// key is the pre-shared key that the flags ask for.
func (f *addFlags) key(cmd *cobra.Command, identity string) (dtls.Key, error) {
	if f.generate {
		key := make(dtls.Key, generatedKey)
		rand.Read(key) // never fails
		return key, nil
	}
	secret, err := secretOf(cmd, "psk-file", f.file, "Pre-shared key of "+identity)
	if err != nil {
		return nil, err
	}
	key := dtls.Key(secret)
	if !f.text {
		if key, err = hex.DecodeString(string(secret)); err != nil {
			return nil, errors.New("the key is not hexadecimal; give --text if it is the text itself") // err would cite it
		}
	}
	if len(key) < shortKey {
		fmt.Fprintf(cmd.ErrOrStderr(), "warning: a key of %d bytes can be guessed; %d are good\n", len(key), generatedKey)
	}
	return key, nil
}

func newDeviceList(p *place) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the devices that have credentials",
		Long:    "list prints endpoint name, identity and kind of every device that has credentials.\nKeys are not shown.",
		Example: "  bridge device list --data /var/lib/fwbridge",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.with(cmd, false, func(ctx context.Context, devices control.Devices) error {
				list, err := devices.List(ctx)
				if err != nil {
					return err
				}
				w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
				for _, d := range list {
					fmt.Fprintf(w, "%s\t%s\t%s\n", d.Endpoint, d.Identity, proofText(d))
				}
				return w.Flush()
			})
		},
	}
}

func newDeviceRemove(p *place) *cobra.Command {
	return &cobra.Command{
		Use:   "remove NAME",
		Short: "Take a device's credentials away",
		Long: `remove takes the credentials of a device away. A running bridge ends its
connection and its registration; what the bridge knows of the device stays.`,
		Example: "  bridge device remove urn:imei:356938035643809 --data /var/lib/fwbridge",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			err := p.with(cmd, false, func(ctx context.Context, devices control.Devices) error { return devices.Remove(ctx, args[0]) })
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s has no credentials any more\n", args[0])
			return err
		},
	}
}
