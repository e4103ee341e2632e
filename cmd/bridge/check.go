package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/config"
)

func newCheck() *cobra.Command {
	var file, endpoint, device string
	cmd := &cobra.Command{
		Use:   "check --config FILE",
		Short: "Test a configuration file",
		Long: `check reads a configuration file and the files that it names, and reports
everything that is wrong with them, with file, line and key, and what is
allowed but probably not meant. When all is good it shows how each DM server is
reached, who proves what to whom, and how packages get to devices. It starts
nothing. Secrets are never printed.

With --endpoint it shows instead which DM server and account a device has, with
--device under which name and to which LwM2M servers a legacy device is shown.`,
		Example: `  bridge check --config bridge.yaml
  bridge check --config bridge.yaml --endpoint urn:imei:356938035643809
  bridge check --config bridge.yaml --device IMEI:356938035643809`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if file == "" {
				return usagef("--config is empty; name a file")
			}
			one, legacy := cmd.Flags().Changed("endpoint"), cmd.Flags().Changed("device")
			if one && legacy {
				return usagef("give --endpoint or --device, not both")
			}
			c, err := loadConfig(cmd.ErrOrStderr(), file)
			if err != nil {
				return err
			}
			for _, text := range append(c.Warnings, c.Missing()...) {
				fmt.Fprintf(cmd.ErrOrStderr(), "warning: %s\n", text)
			}
			out := cmd.OutOrStdout()
			switch {
			case one:
				return describeDevice(out, c, endpoint)
			case legacy:
				return describeLegacyDevice(out, c, device)
			}
			_, err = fmt.Fprintf(out, "%s is good: %s, %s\n\n%s", file, count(len(c.Servers), "DM server"), count(len(c.Devices), "device rule"), devicesText(&c.CoAP))
			for i := range c.Servers {
				err = errors.Join(err, describeServer(out, c, &c.Servers[i]))
			}
			return errors.Join(err, describePackages(out, c), describeLegacy(out, c))
		},
	}
	cmd.Flags().StringVar(&file, "config", "", "the configuration `FILE`")
	cmd.Flags().StringVar(&endpoint, "endpoint", "", "show what the file says about the device of this endpoint `NAME`")
	cmd.Flags().StringVar(&device, "device", "", "show what the file says about the legacy device of this `NAME` in its messages")
	_ = cmd.MarkFlagRequired("config") // fails only for a flag that is not there
	return cmd
}

// describeDevice prints what the configuration decides about a device.
func describeDevice(w io.Writer, c *config.Config, endpoint string) error {
	account, err := c.Account(endpoint)
	if err != nil {
		return err
	}
	server, _ := c.ServerFor(endpoint)
	_, err = fmt.Fprintf(w, `endpoint   %s
server     %s (%s)
url        %s
version    %s, %v
poll       %v
device id  %s
user       %s
dialect    %v
activate   %v
packages   %s
`, endpoint, server.Name, account.ServerID, account.URL, config.Word(server.Version), config.Word(server.Encoding), server.Poll, account.DeviceID,
		account.Client.User, config.Word(c.Dialect(endpoint)), c.Policy(endpoint).Activate, deviceWay(c, endpoint))
	return err
}

// devicesText is how devices register.
func devicesText(c *config.CoAP) string {
	plain, secure := c.Listen, c.Secure.Listen
	if plain == "" {
		plain = "none"
	} else {
		plain += ", whoever reaches it is believed"
	}
	if secure == "" {
		return fmt.Sprintf("devices      without security: %s\ndtls         none\n", plain)
	}
	var proofs []string
	if c.Secure.PSK {
		proofs = append(proofs, "pre-shared keys")
	}
	if c.Secure.Certificate != "" {
		proofs = append(proofs, "certificates of "+c.Secure.ClientCA)
	}
	suites := "all suites"
	if n := len(c.Secure.CipherSuites); n > 0 {
		suites = count(n, "suite")
	}
	return fmt.Sprintf("devices      without security: %s\ndtls         %s, %s, %s\n", plain, secure, strings.Join(proofs, " and "), suites)
}

// count is "1 thing" or "n things".
func count(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}
