package main

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fwbridge/fwbridge/syncml"
	"github.com/fwbridge/fwbridge/syncml/notify"
	"github.com/fwbridge/fwbridge/syncml/replay"
)

// maxDecode bounds, in bytes, what decode reads: the largest message, as hex
// with a separator after every digit pair.
const maxDecode = 3 * syncml.DefaultMaxMessage

// archiveStart is how many bytes are looked at to see that a file is an archive.
const archiveStart = 64

func newDecode() *cobra.Command {
	var showSecrets bool
	cmd := &cobra.Command{
		Use:   "decode FILE|-",
		Short: "Print a SyncML message, a trigger, an HTTP archive or a packet capture, for people",
		Long: `decode prints a SyncML message as indented XML with the names of codes beside
their numbers. It finds out by itself whether the file holds XML, WBXML, a
trigger (Package 0, alone, in a WSP push or in an SMS), any of these as
hexadecimal text, or an HTTP archive (HAR) or packet capture (pcap, pcapng),
whose messages it prints one after the other, session by session; - reads
standard input. Credentials and nonces are hidden unless --show-secrets is given.

Of a packet capture the SyncML messages in HTTP/1 over TCP are read, on any port
and within tunnels such as GTP, but not in TLS. If packets are missing, what
could be read is printed and the exit code is 1.`,
		Example: `  bridge decode message.wbxml
  xxd -p message.wbxml | bridge decode -
  bridge decode session.har
  bridge decode capture.pcapng`,
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
			if err := printDecoded(cmd.OutOrStdout(), data, showSecrets); err != nil {
				return fmt.Errorf("%s: %w", nameOf(args[0]), err)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&showSecrets, "show-secrets", false, "show credentials and nonces")
	return cmd
}

// printDecoded prints what the bytes hold.
func printDecoded(w io.Writer, data []byte, showSecrets bool) error {
	if parse := archiveOf(data); parse != nil {
		sessions, err := parse(data)
		if err == nil && len(sessions) == 0 {
			err = replay.ErrNothing
		}
		if perr := printSessions(w, sessions, showSecrets); err == nil {
			err = perr
		}
		return err
	}
	message, encoding, err := syncml.Decode(data, syncml.DefaultLimits)
	if err != nil {
		if trigger, bad := notify.Open(data); bad == nil {
			if _, err := fmt.Fprintf(w, "trigger (Package 0), %s\n", count(len(data), "byte")); err != nil {
				return err
			}
			return notify.Describe(w, trigger, showSecrets)
		}
		return err
	}
	if _, err := fmt.Fprintf(w, "<!-- %s, %s -->\n", strings.ToUpper(encoding.String()), count(len(data), "byte")); err != nil {
		return err
	}
	return syncml.Describe(w, message, showSecrets)
}

// printSessions prints every message of an archive. One that cannot be decoded
// is said to be so, and the rest printed all the same.
func printSessions(w io.Writer, sessions []replay.Session, showSecrets bool) error {
	for _, s := range sessions {
		for _, e := range s.Exchanges {
			for _, m := range []replay.Message{e.Request, e.Response} {
				if m.Name == "" {
					continue // no answer was recorded
				}
				if _, err := fmt.Fprintf(w, "<!-- %s, %s -->\n", s.Name, m.Name); err != nil {
					return err
				}
				if len(m.Body) == 0 || archiveOf(m.Body) != nil {
					fmt.Fprintf(w, "<!-- HTTP status %d, no message -->\n", m.Status)
					continue
				}
				if err := printDecoded(w, m.Body, showSecrets); err != nil {
					if _, err := fmt.Fprintf(w, "<!-- %v -->\n", err); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

// archiveOf is what reads an archive that begins so; nil for messages. None of
// them begins with a brace.
func archiveOf(data []byte) func([]byte) ([]replay.Session, error) {
	switch {
	case replay.IsCapture(data):
		return replay.ParseCapture
	case bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n\ufeff"), []byte("{")):
		return replay.ParseHAR
	}
	return nil
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
	buffered := bufio.NewReader(in)
	limit, what := maxDecode, "no SyncML message is"
	if start, _ := buffered.Peek(archiveStart); archiveOf(start) != nil {
		limit, what = replay.MaxFile, "which is the limit of an archive or capture"
	}
	data, err := io.ReadAll(io.LimitReader(buffered, int64(limit)+1))
	if err != nil {
		return nil, err
	}
	switch {
	case len(data) == 0:
		return nil, fmt.Errorf("%s is empty", nameOf(file))
	case len(data) > limit:
		return nil, fmt.Errorf("%s: larger than %d bytes, %s", nameOf(file), limit, what)
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
