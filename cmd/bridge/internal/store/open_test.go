package store_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
)

func TestOpenRefuses(t *testing.T) {
	t.Run("a directory that is open", func(t *testing.T) {
		dir := t.TempDir()
		s := openPebble(t, dir, store.Options{})
		defer mustClose(t, s)
		_, err := store.OpenPebble(dir, store.Options{})
		if !errors.Is(err, store.ErrLocked) || !strings.Contains(err.Error(), dir) {
			t.Errorf("got %v; want ErrLocked that names %s", err, dir)
		}
	})
	t.Run("a directory that another process has open", func(t *testing.T) {
		dir := t.TempDir()
		s := openPebble(t, dir, store.Options{})
		defer mustClose(t, s)
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), crashDir+"="+dir)
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), dir+" is open in another bridge") {
			t.Errorf("the other process said %q (%v); want that the directory is in use", out, err)
		}
	})
	t.Run("a file instead of a directory", func(t *testing.T) {
		file := t.TempDir() + "/file"
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := store.OpenPebble(file, store.Options{}); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("got %v; want an error that names %s", err, file)
		}
	})
	t.Run("a newer format", func(t *testing.T) {
		dir := t.TempDir()
		mustClose(t, openPebble(t, dir, store.Options{}))
		setRaw(t, dir, "mformat", []byte{2})
		_, err := store.OpenPebble(dir, store.Options{})
		if err == nil || !strings.Contains(err.Error(), "written in format 02, this bridge reads format 01") || !strings.Contains(err.Error(), dir) {
			t.Errorf("got %v; want both formats and the directory", err)
		}
	})
	t.Run("a database of another program", func(t *testing.T) {
		dir := t.TempDir()
		setRaw(t, dir, "k", []byte("v"))
		_, err := store.OpenPebble(dir, store.Options{})
		if err == nil || !strings.Contains(err.Error(), "no bridge wrote") {
			t.Errorf("got %v; want that this is no store of a bridge", err)
		}
	})
}

func TestNewerValueIsAnError(t *testing.T) {
	dir := t.TempDir()
	mustClose(t, openPebble(t, dir, store.Options{}))
	setRaw(t, dir, "dnewer", append([]byte{2}, make([]byte, 8)...))
	setRaw(t, dir, "dshort", []byte{1, 0})
	s := openPebble(t, dir, store.Options{})
	defer mustClose(t, s)
	for key, want := range map[string]string{"newer": "version 2", "short": "2 bytes"} {
		if _, err := s.Get(key); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Get(%s): %v; want %q in it", key, err, want)
		}
		if _, err := s.Write(store.Change{Key: key, Value: []byte("v"), Expect: 1}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Write over %s: %v; want %q in it", key, err, want)
		}
	}
	for _, err := range s.Scan("short") {
		if err == nil {
			t.Error("Scan yields a broken value")
		}
	}
}

// setRaw writes a value past the store.
func setRaw(t *testing.T, dir, key string, value []byte) {
	t.Helper()
	db, err := pebble.Open(dir, &pebble.Options{Logger: quiet{}})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Set([]byte(key), value, pebble.Sync), db.Close()); err != nil {
		t.Fatal(err)
	}
}

type quiet struct{}

func (quiet) Infof(string, ...any)              {}
func (quiet) Errorf(string, ...any)             {}
func (quiet) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
