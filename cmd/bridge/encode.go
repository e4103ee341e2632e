package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/fwbridge/fwbridge/syncml"
)

func newEncode() *cobra.Command {
	var toXML, toWBXML, asHex bool
	cmd := &cobra.Command{
		Use:   "encode --wbxml|--xml FILE|-",
		Short: "Write a SyncML message in the other encoding",
		Long: `encode reads a SyncML message, in XML, WBXML or either of them as hexadecimal
text, and writes it to standard output as it would be sent: as WBXML or as XML.
A message that the encoding cannot carry is an error, never a changed value. -
reads standard input; --hex writes hexadecimal text.`,
		Example: `  bridge encode --wbxml message.xml > message.wbxml
  bridge encode --xml message.wbxml
  bridge encode --wbxml --hex message.xml`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("want one FILE, or - for standard input")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if toXML == toWBXML {
				return usagef("want either --wbxml or --xml")
			}
			data, err := readMessage(args[0], cmd.InOrStdin())
			if err != nil {
				return err
			}
			m, _, err := syncml.Decode(data, syncml.DefaultLimits)
			if err != nil {
				return fmt.Errorf("%s: %w", nameOf(args[0]), err)
			}
			enc := syncml.XML
			if toWBXML {
				enc = syncml.WBXML
			}
			b, err := syncml.Encode(m, enc)
			if err != nil {
				return fmt.Errorf("%s: %w", nameOf(args[0]), err)
			}
			if asHex {
				b = fmt.Appendf(nil, "%x\n", b)
			}
			_, err = cmd.OutOrStdout().Write(b)
			return err
		},
	}
	cmd.Flags().BoolVar(&toWBXML, "wbxml", false, "write WBXML")
	cmd.Flags().BoolVar(&toXML, "xml", false, "write XML")
	cmd.Flags().BoolVar(&asHex, "hex", false, "write hexadecimal text")
	return cmd
}
