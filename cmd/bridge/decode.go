package main

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fwbridge/fwbridge/syncml"
)

// maxDecode bounds, in bytes, what decode reads: the largest message, as hex
// with a separator after every digit pair.
const maxDecode = 3 * syncml.DefaultMaxMessage

func newDecode() *cobra.Command {
	var showSecrets bool
	cmd := &cobra.Command{
		Use:   "decode FILE|-",
		Short: "Print a SyncML message, XML or WBXML, for people",
		Long: `decode prints a SyncML message as indented XML with the names of codes beside
their numbers. It finds out by itself whether the file holds XML, WBXML or
either of them as hexadecimal text; - reads standard input. Credentials and
nonces are hidden unless --show-secrets is given.`,
		Example: `  bridge decode message.wbxml
  xxd -p message.wbxml | bridge decode -`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("want one FILE, or - for standard input")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			data, err := readMessage(args[0], cmd.InOrStdin())
			if err != nil {
				return err
			}
			message, encoding, err := syncml.Decode(data, syncml.DefaultLimits)
			if err != nil {
				return fmt.Errorf("%s: %w", nameOf(args[0]), err)
			}
			out := cmd.OutOrStdout()
			if _, err := fmt.Fprintf(out, "<!-- %s, %s -->\n", strings.ToUpper(encoding.String()), count(len(data), "byte")); err != nil {
				return err
			}
			return syncml.Describe(out, message, showSecrets)
		},
	}
	cmd.Flags().BoolVar(&showSecrets, "show-secrets", false, "show credentials and nonces")
	return cmd
}

func nameOf(file string) string {
	if file == "-" {
		return "standard input"
	}
	return file
}

// readMessage reads a file or standard input, and hex as the bytes it means.
func readMessage(file string, stdin io.Reader) ([]byte, error) {
	in := stdin
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, maxDecode+1))
	if err != nil {
		return nil, err
	}
	switch {
	case len(data) == 0:
		return nil, fmt.Errorf("%s is empty", nameOf(file))
	case len(data) > maxDecode:
		return nil, fmt.Errorf("%s: larger than %d bytes, no SyncML message is", nameOf(file), maxDecode)
	}
	if raw, ok := fromHex(data); ok {
		return raw, nil
	}
	return data, nil
}

// fromHex reads digit pairs with white space and colons between them. No
// message in XML or WBXML looks like that: one begins with <, the other with a
// version number below 4.
func fromHex(data []byte) ([]byte, bool) {
	digits := bytes.Map(func(r rune) rune {
		if strings.ContainsRune(" \t\r\n:", r) {
			return -1
		}
		return r
	}, data)
	raw := make([]byte, hex.DecodedLen(len(digits)))
	_, err := hex.Decode(raw, digits)
	return raw, err == nil && len(raw) > 0
}
