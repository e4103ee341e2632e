package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"github.com/spf13/cobra"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/fleet"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/tlsfiles"
)

// Where the devices register unless --server says otherwise.
const (
	simServer       = "127.0.0.1:5683"
	simSecureServer = "127.0.0.1:5684"
)

// simSecurity is the part of the command line that makes devices speak DTLS.
type simSecurity struct {
	pskFile, pskSeed string
	print            bool
	cert             tlsfiles.Files
	serverName       string
}

func (s *simSecurity) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&s.pskFile, "psk-file", "", "DTLS with the pre-shared keys in `FILE`, a line \"endpoint identity hexkey\" each")
	f.StringVar(&s.pskSeed, "psk-seed", "", "DTLS with pre-shared keys made from `TEXT`, for test benches only")
	f.BoolVar(&s.print, "psk-print", false, "print the keys that --psk-seed makes, and end")
	f.StringVar(&s.cert.Cert, "certificate", "", "DTLS with the certificate in the PEM `FILE`; %d in the name is the device's number")
	f.StringVar(&s.cert.Key, "key", "", "the PEM `FILE` with the certificate's key; %d as above")
	f.StringVar(&s.cert.CA, "ca", "", "the PEM `FILE` with the CA of the server's certificate")
	f.StringVar(&s.serverName, "server-name", "", "the `NAME` in the server's certificate (default the host of --server)")
	cmd.MarkFlagsMutuallyExclusive("psk-file", "psk-seed", "certificate")
}

// credentials are what the flags say; nil without DTLS. It completes the
// server's address.
func (s *simSecurity) credentials(cmd *cobra.Command, server *string) (fleet.Credentials, error) {
	secure := s.pskFile != "" || cmd.Flags().Changed("psk-seed") || s.cert.Cert != ""
	if *server == "" {
		*server = simServer
		if secure {
			*server = simSecureServer
		}
	}
	switch {
	case s.print && s.pskSeed == "":
		return nil, usagef("--psk-print needs --psk-seed")
	case cmd.Flags().Changed("psk-seed") && s.pskSeed == "":
		return nil, usagef("--psk-seed: a text is wanted")
	case s.cert.Cert == "" && (s.cert.Key != "" || s.cert.CA != "" || s.serverName != ""):
		return nil, usagef("--key, --ca and --server-name go with --certificate")
	case s.cert.Cert != "" && (s.cert.Key == "" || s.cert.CA == ""):
		return nil, usagef("--certificate needs --key and --ca")
	case s.pskSeed != "":
		return fleet.Seed(s.pskSeed), nil
	case s.pskFile != "":
		return readKeys(s.pskFile)
	case s.cert.Cert != "":
		if s.serverName == "" {
			s.serverName, _, _ = net.SplitHostPort(*server) // what is no address is told of later
		}
		return fleet.Certificates{Files: s.cert, ServerName: s.serverName}, nil
	}
	return nil, nil
}

func readKeys(name string) (fleet.Keys, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	keys, err := fleet.ReadKeys(f)
	if err != nil {
		err = fmt.Errorf("%s: %w", name, err)
	}
	return keys, errors.Join(err, f.Close())
}

// printKeys prints the keys of a fleet as --psk-file reads them.
func (s *simSecurity) printKeys(out io.Writer, endpoint string, count int) error {
	w := bufio.NewWriter(out)
	for n := range count {
		name := fleet.Numbered(endpoint, n+1)
		fmt.Fprintf(w, "%s %s %x\n", name, name, []byte(fleet.Seed(s.pskSeed).Key(name)))
	}
	return w.Flush()
}
