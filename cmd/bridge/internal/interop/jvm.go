package interop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// startTimeout is for a JVM on a machine that is busy with other tests.
const startTimeout = time.Minute

// pollEvery is the pause between two looks at whether a program is ready.
const pollEvery = 50 * time.Millisecond

// leash runs its arguments until they end or its input does.
const leash = `exec 3<&0
"$@" </dev/null & p=$!
(read -r _ <&3; kill -9 "$p" 2>/dev/null) & w=$!
wait "$p"; s=$?
kill "$w" 2>/dev/null
exit "$s"`

// jvm is one running Java program.
type jvm struct {
	dir   string // its working directory
	log   string // file with its standard output and error
	stop  io.Closer
	ended chan struct{} // closed when the program has ended
}

// ready makes a test skip unless Java and the jars are there, and returns the
// paths of the jars.
func ready(t testing.TB, jars []artifact) []string {
	t.Helper()
	wanted := os.Getenv(EnvInterop)
	if wanted == "0" {
		t.Skipf("interop: skipped, %s=0", EnvInterop)
	}
	for _, program := range []string{"java", "sh"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("interop: skipped, %v", err)
		}
	}
	paths, err := obtain(context.Background(), jars, wanted == "1")
	if err != nil {
		t.Skipf("interop: skipped, no Leshan: %v", err)
	}
	return paths
}

// startJVM runs Java with arguments in a directory of its own. It is ended
// with the test, which shows the log when it failed.
func startJVM(t testing.TB, args ...string) *jvm {
	t.Helper()
	j := &jvm{dir: t.TempDir(), ended: make(chan struct{})}
	j.log = filepath.Join(j.dir, "log")
	log, err := os.Create(j.log)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	all := append([]string{"-c", leash, "sh", "java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-Duser.language=en"}, args...)
	cmd := exec.Command("sh", all...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = j.dir, log, log
	ownGroup(cmd)
	if j.stop, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(j.ended)
		cmd.Wait() // why it ended is in the log
	}()
	t.Cleanup(func() {
		j.end()
		if t.Failed() {
			t.Logf("log of the Java program:\n%s", j.read())
		}
	})
	return j
}

// startSource runs a Java program from its source.
func startSource(t testing.TB, jars []artifact, name string, source []byte, args ...string) *jvm {
	t.Helper()
	paths := ready(t, jars)
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, source, 0o600); err != nil {
		t.Fatal(err)
	}
	return startJVM(t, append([]string{"-cp", strings.Join(paths, string(os.PathListSeparator)), file}, args...)...)
}

// end ends the program and returns when it has ended.
func (j *jvm) end() {
	j.stop.Close()
	<-j.ended
}

// read is the log so far.
func (j *jvm) read() string {
	b, err := os.ReadFile(j.log)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// await asks again and again until done says yes.
func (j *jvm) await(what string, done func() bool) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	over := time.NewTimer(startTimeout)
	defer over.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-j.ended:
			return errors.New("the Java program ended")
		case <-over.C:
			return fmt.Errorf("no %s after %v", what, startTimeout)
		}
	}
	return nil
}

// complaints are the lines of a log at WARN or ERROR, each with the lines of
// its stack trace. What Jetty says without a level of event streams that we
// closed is none.
func complaints(log string) []string {
	var found []string
	inTrace := false
	for line := range strings.Lines(log) {
		line = strings.TrimRight(line, "\r\n")
		switch {
		case strings.Contains(line, " WARN ") || strings.Contains(line, " ERROR ") || strings.HasPrefix(line, "Exception in"):
			found = append(found, line)
			inTrace = true
		case strings.HasPrefix(line, "org.eclipse.jetty.io.EofException"):
			inTrace = false
		case strings.Contains(line, " INFO ") || strings.Contains(line, " DEBUG ") || strings.Contains(line, " TRACE "):
			inTrace = false
		case inTrace:
			found[len(found)-1] += "\n" + line
		}
	}
	return found
}
