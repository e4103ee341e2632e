package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

func newMap() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "map",
		Short: "Print the translation between ./FwUpdate and Object 9",
		Long: `map prints the tables that the bridge translates by: the numbers of both
dialects of Object 9, what each State of ./FwUpdate stands for, and what an
Update Result means as State and FUMO result code, both ways. They are the
tables the program itself uses.`,
		Example: `  bridge map
  bridge map --format json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch format {
			case "text":
				return writeTables(cmd.OutOrStdout(), translationTables())
			case "json":
				enc := json.NewEncoder(cmd.OutOrStdout())
				enc.SetIndent("", "  ")
				return enc.Encode(translationTables())
			}
			return usagef("--format %q: want text or json", format)
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "`FORMAT` of the output: text or json")
	return cmd
}

// writeTables prints every table under its title.
func writeTables(w io.Writer, t translation) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for i, table := range t.text() {
		if i > 0 {
			fmt.Fprintln(tw)
		}
		fmt.Fprintf(tw, "%s\n\n", table.title)
		for _, row := range table.rows {
			for j, cell := range row {
				if j > 0 {
					fmt.Fprint(tw, "\t")
				}
				fmt.Fprint(tw, cell)
			}
			fmt.Fprintln(tw)
		}
	}
	return tw.Flush()
}
