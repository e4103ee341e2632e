package main

import (
	"github.com/spf13/cobra"

	"github.com/fwbridge/fwbridge/fwupdate"
)

func newDDF() *cobra.Command {
	return &cobra.Command{
		Use:   "ddf",
		Short: "Print the device description (DDF) of the management tree",
		Long: `ddf prints the OMA DM device description of the tree that the bridge shows for
each device: ./FwUpdate, ./DevInfo and ./DevDetail. A DM server that wants to
know the tree in advance can import it.`,
		Example: "  bridge ddf > fwbridge.ddf.xml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return fwupdate.WriteDDF(cmd.OutOrStdout())
		},
	}
}
