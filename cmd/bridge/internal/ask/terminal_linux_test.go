package ask

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/term"
)

// openTerminal gives both ends of a terminal: what a person has before them,
// and what the process reads.
func openTerminal(t *testing.T) (person, process *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("this machine has no terminals: %v", err)
	}
	var number, unlocked uint32
	for _, call := range []struct {
		request uintptr
		arg     *uint32
	}{{syscall.TIOCSPTLCK, &unlocked}, {syscall.TIOCGPTN, &number}} {
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, person.Fd(), call.request, uintptr(unsafe.Pointer(call.arg))); errno != 0 {
			t.Fatal(errno)
		}
	}
	process, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { person.Close(); process.Close() })
	return person, process
}

func state(t *testing.T, f *os.File) *term.State {
	t.Helper()
	s, err := term.GetState(int(f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestTerminal asks at a real terminal: what is typed does not show.
func TestTerminal(t *testing.T) {
	person, process := openTerminal(t)
	before := state(t, process)
	type answer struct {
		secret string
		err    error
	}
	typed := make(chan answer, 1)
	go func() {
		s, err := Secret(t.Context(), process, process, "Secret")
		typed <- answer{string(s), err}
	}()
	for reflect.DeepEqual(state(t, process), before) {
		runtime.Gosched() // until it is asked
	}
	if _, err := person.WriteString("hunter2\n"); err != nil {
		t.Fatal(err)
	}
	if a := <-typed; a.secret != "hunter2" || a.err != nil {
		t.Errorf("%d bytes, %v; want what was typed", len(a.secret), a.err)
	}
	if !reflect.DeepEqual(state(t, process), before) {
		t.Error("the terminal is not as it was")
	}
	if _, err := process.WriteString("end"); err != nil {
		t.Fatal(err)
	}
	var shown []byte
	for !bytes.HasSuffix(shown, []byte("end")) {
		b := make([]byte, 100)
		n, err := person.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		shown = append(shown, b[:n]...)
	}
	if strings.TrimSpace(string(shown)) != "Secret: \r\nend" {
		t.Errorf("the person sees %q", shown)
	}
}

// TestInterrupted: a terminal gets its echo back also when nobody answers.
func TestInterrupted(t *testing.T) {
	person, process := openTerminal(t)
	before := state(t, process)
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := Secret(ctx, process, process, "Secret")
		failed <- err
	}()
	for reflect.DeepEqual(state(t, process), before) {
		runtime.Gosched()
	}
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v; want that it was interrupted", err)
	}
	if !reflect.DeepEqual(state(t, process), before) {
		t.Error("the terminal is not as it was")
	}
	if _, err := person.WriteString("\n"); err != nil { // ends the read
		t.Fatal(err)
	}
}
