// Package ask gets secrets from people: typed at a terminal without being
// shown, or as the first line of a file. There is no way by the command line,
// where other users of the machine and the shell's history could read them.
// Nothing here keeps, logs or prints a secret.
package ask

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/fwbridge/fwbridge/syncml"
)

// MaxSecret bounds a secret, in bytes.
const MaxSecret = 1024

// Stdin is the file name that stands for standard input.
const Stdin = "-"

var (
	// ErrNoTerminal means that there is nobody to ask: the input is a pipe, a
	// file or nothing.
	ErrNoTerminal = errors.New("standard input is no terminal, nobody can be asked")

	errLength = fmt.Errorf("want a secret of 1 to %d bytes in one line", MaxSecret)
)

// Terminal reads a line that is not shown while it is typed. An input that has
// this method is asked by it; so are files that are terminals.
type Terminal interface {
	ReadHidden(context.Context) ([]byte, error)
}

// Secret asks for a secret: it writes "prompt: " to out and reads one hidden
// line. The error is, or wraps, ErrNoTerminal, that of the context, or says
// what is wrong with the answer.
func Secret(ctx context.Context, in io.Reader, out io.Writer, prompt string) (syncml.Secret, error) {
	t, ok := terminal(in)
	if !ok {
		return "", ErrNoTerminal
	}
	if _, err := fmt.Fprintf(out, "%s: ", prompt); err != nil {
		return "", err
	}
	line, err := t.ReadHidden(ctx)
	fmt.Fprintln(out) // the line end that was typed was hidden too
	if errors.Is(err, io.EOF) {
		err = errors.New("nothing was typed")
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", prompt, err)
	}
	return checked(string(line), prompt)
}

// FirstLine is the secret in the first line of a file, or of in for Stdin: when
// that is a terminal, it is asked as by Secret. The error names the file and
// shows nothing of it.
func FirstLine(ctx context.Context, file string, in io.Reader, out io.Writer, prompt string) (syncml.Secret, error) {
	name := file
	if file == Stdin {
		if _, ok := terminal(in); ok {
			return Secret(ctx, in, out, prompt)
		}
		name = "standard input"
	} else {
		f, err := os.Open(file)
		if err != nil {
			return "", err
		}
		defer f.Close()
		in = f
	}
	if in == nil {
		in = strings.NewReader("")
	}
	line, err := bufio.NewReader(io.LimitReader(in, MaxSecret+2)).ReadString('\n') // 2: a line end of two bytes
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return checked(line, name)
}

// checked is a line without its end, as a secret.
func checked(line, where string) (syncml.Secret, error) {
	line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
	if line == "" || len(line) > MaxSecret {
		return "", fmt.Errorf("%s: %w", where, errLength)
	}
	return syncml.Secret(line), nil
}

// terminal is what a hidden line can be read from.
func terminal(in io.Reader) (Terminal, bool) {
	if t, ok := in.(Terminal); ok {
		return t, true
	}
	f, ok := in.(*os.File)
	if !ok || f == nil || !term.IsTerminal(int(f.Fd())) {
		return nil, false
	}
	return file{f}, true
}

// file is a terminal of the system.
type file struct{ *os.File }

// ReadHidden implements [Terminal]. When the context ends first it gives the
// terminal back as it was, or the shell would stay without echo. The read
// cannot be called back: its goroutine ends with the process, which is what
// an interrupted command does next.
func (f file) ReadHidden(ctx context.Context) ([]byte, error) {
	fd := int(f.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return nil, err
	}
	type answer struct {
		line []byte
		err  error
	}
	typed := make(chan answer, 1)
	go func() {
		line, err := term.ReadPassword(fd)
		typed <- answer{line, err}
	}()
	select {
	case a := <-typed:
		return a.line, a.err
	case <-ctx.Done():
		return nil, errors.Join(context.Cause(ctx), term.Restore(fd, before))
	}
}
