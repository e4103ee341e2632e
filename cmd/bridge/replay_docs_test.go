package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestReplayDocs runs the commands of docs/replay.md that need no other
// machine, and looks for what it shows where that comes from.
func TestReplayDocs(t *testing.T) {
	doc, err := os.ReadFile("../../docs/replay.md")
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile("../../syncml/replay/example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	other, err := filepath.Abs("testdata/replay/other.txtar")
	if err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs("../../testdata")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	if err := os.Symlink(root, "testdata"); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"pass": "pass\n", "srvpass": "srvpass\n"} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ran := 0
	for line := range strings.Lines(string(doc)) {
		args := strings.Fields(line)
		if !strings.HasPrefix(line, "    bridge replay testdata/") {
			continue
		}
		ran++
		var out, errOut bytes.Buffer
		if code := run(t.Context(), args[1:], nil, &out, &errOut); code != exitDone {
			t.Errorf("%s: exit %d\n%s%s", strings.TrimSpace(line), code, &out, &errOut)
		}
	}
	if ran < 3 {
		t.Errorf("only %d commands in the document could be run", ran)
	}
	_, block, _ := strings.Cut(string(doc), "```go\n")
	block, _, _ = strings.Cut(block, "```")
	if block == "" || !strings.Contains(string(example), block) {
		t.Errorf("the Go example of the document is in no example of the package:\n%s", block)
	}
	checkShown(t, string(doc), other)
}

// checkShown compares the output that the document shows with the real one.
func checkShown(t *testing.T, doc, other string) {
	t.Helper()
	b, err := os.ReadFile(other)
	if err == nil {
		err = os.WriteFile("other.txtar", b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if code := run(t.Context(), []string{"replay", "other.txtar"}, nil, &out, &bytes.Buffer{}); code != exitFailed {
		t.Errorf("exit %d", code)
	}
	want := "    " + strings.ReplaceAll(strings.TrimRight(out.String(), "\n"), "\n", "\n    ")
	if !strings.Contains(doc, want+"\n") {
		t.Errorf("the document does not show\n%s", want)
	}
}
