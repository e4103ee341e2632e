package main

import (
	"bytes"
	"context"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"bridge": main})
}

// TestScripts runs the command lines of testdata/script, wrong use included.
func TestScripts(t *testing.T) {
	recordings, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("RECORDINGS", recordings+"/../../testdata/dm-client-recordings")
			env.Setenv("SESSIONS", recordings+"/../../testdata/sessions")
			env.Setenv("CAPTURES", recordings+"/../../testdata/captures")
			env.Setenv("SCRIPTDATA", recordings+"/testdata/replay")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"cutoff": cutOff},
	})
}

// cutOff is "cutoff FILE BYTES COPY": a copy that ends too early.
func cutOff(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: cutoff FILE BYTES COPY")
	}
	size, err := strconv.Atoi(args[1])
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(ts.ReadFile(args[0]))[:size], 0o600))
}

// TestEveryCommandExplainsItself: what it is, what it does, an example that
// starts with its name, and nothing that it does not document.
func TestEveryCommandExplainsItself(t *testing.T) {
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		t.Run(cmd.CommandPath(), func(t *testing.T) {
			if cmd.Short == "" || cmd.Long == "" {
				t.Error("has no short or long help")
			}
			if !strings.HasPrefix(cmd.Example, "  ") || !strings.Contains(cmd.Example, "bridge") {
				t.Errorf("has no example: %q", cmd.Example)
			}
			if strings.HasSuffix(cmd.Short, ".") {
				t.Errorf("%q ends with a full stop, others do not", cmd.Short)
			}
			var out, errOut bytes.Buffer
			args := append(strings.Fields(cmd.CommandPath())[1:], "--help")
			if code := run(t.Context(), args, nil, &out, &errOut); code != exitDone || errOut.Len() > 0 {
				t.Errorf("--help: exit %d, stderr %q", code, &errOut)
			}
			for _, part := range []string{cmd.Long, cmd.Example, "-h, --help"} {
				if !strings.Contains(out.String(), part) {
					t.Errorf("--help does not show %q", part)
				}
			}
		})
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk(newRoot())
}

// brokenPipe fails as a closed pipe does.
type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, os.ErrClosed }

// TestOutputErrors: a command whose output is lost has failed.
func TestOutputErrors(t *testing.T) {
	for _, args := range [][]string{{"version"}, {"map"}, {"map", "--format", "json"}, {"ddf"},
		{"decode", "../../testdata/dm-client-recordings/xml-md5-challenge/01-c2s.xml"}} {
		var errOut bytes.Buffer
		if code := run(context.Background(), args, nil, brokenPipe{}, &errOut); code != exitFailed || !strings.Contains(errOut.String(), os.ErrClosed.Error()) {
			t.Errorf("%q: exit %d, %q; want 1 and the error", args, code, &errOut)
		}
	}
}

// TestDecodeLimit: what can be no message is not read to its end.
func TestDecodeLimit(t *testing.T) {
	for n, want := range map[int]string{maxDecode: "syncml: ", maxDecode + 1: "standard input: larger than 786432 bytes"} {
		var out, errOut bytes.Buffer
		code := run(t.Context(), []string{"decode", "-"}, strings.NewReader(strings.Repeat("<", n)), &out, &errOut)
		if code != exitFailed || !strings.Contains(errOut.String(), want) || out.Len() > 0 {
			t.Errorf("%d bytes: exit %d, %q; want 1 and %q", n, code, &errOut, want)
		}
	}
}
