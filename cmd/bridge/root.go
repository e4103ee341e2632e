package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

// commands are the constructors of all commands, in the order of the help.
var commands = []func() *cobra.Command{
	newServe,
	newDemo,
	newSim,
	newStatus,
	newCheck,
	newDevice,
	newPackage,
	newTrigger,
	newMap,
	newDDF,
	newDecode,
	newEncode,
	newReplay,
	newRecord,
	newVersion,
}

// newRoot builds the command line.
func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "bridge",
		Short: "Update LwM2M devices from legacy OMA DM servers",
		Long: `bridge stands between legacy OMA DM servers, which know the ./FwUpdate
management object, and LwM2M devices, which know Object 9. Each device appears
to the DM server as an OMA DM client of its own.`,
		Example: `  bridge check --config bridge.yaml
  bridge decode message.wbxml`,
		SilenceErrors:     true, // run prints them
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	for _, build := range commands {
		root.AddCommand(build())
	}
	root.SetHelpCommand(newHelp(root))
	markFailures(root)
	return root
}

// newHelp replaces cobra's, which calls an unknown command a success.
func newHelp(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND]",
		Short:   "Show the help of a command",
		Long:    "help shows what a command does, its flags and examples.",
		Example: "  bridge help decode",
		RunE: func(_ *cobra.Command, args []string) error {
			cmd, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return usagef("no command %q", args[len(args)-1])
			}
			return cmd.Help()
		},
	}
}

// failure is an error of a command that was used rightly. All others, cobra's
// among them, are wrong use.
type failure struct{ err error }

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// usageError is wrong use that only the command itself can notice.
type usageError string

func (u usageError) Error() string { return string(u) }

func usagef(format string, args ...any) error { return usageError(fmt.Sprintf(format, args...)) }

// markFailures tells what a command returns apart from what cobra does.
func markFailures(cmd *cobra.Command) {
	if runE := cmd.RunE; runE != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			err := runE(cmd, args)
			if _, usage := err.(usageError); err == nil || usage {
				return err
			}
			return &failure{err}
		}
	}
	for _, sub := range cmd.Commands() {
		markFailures(sub)
	}
}
