// Command bridge lets legacy OMA DM servers (./FwUpdate) update LwM2M devices
// (Object 9). It holds the command line, one file a command, and no logic: a
// command reads its arguments, calls a package and prints.
//
// The exit code is 0 for done, 1 for failed and 2 for wrong use.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop() // before Exit: a deferred call would not run
	os.Exit(code)
}

// The exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// run is the whole program. It reads nothing global but the files that the
// arguments name.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	if len(args) == 0 {
		root.SetOut(stderr)
		_ = root.Help()
		return exitUsage
	}
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitDone
	}
	fmt.Fprintf(stderr, "bridge: %v\n", err)
	if _, failed := errors.AsType[*failure](err); failed {
		return exitFailed
	}
	fmt.Fprintf(stderr, "Run '%s --help' for how to use it.\n", cmd.CommandPath())
	return exitUsage
}
