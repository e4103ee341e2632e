package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// lockDir makes dir and takes it for this process.
func lockDir(dir string, fs vfs.FS) (*pebble.Lock, error) {
	if err := fs.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("store: making %s: %w", dir, orFull(err))
	}
	lock, err := pebble.LockDirectory(dir, fs)
	if err == nil {
		return lock, nil
	}
	if errno, isErrno := errors.AsType[syscall.Errno](err); isErrno && errno != syscall.EAGAIN && errno != syscall.EACCES {
		return nil, fmt.Errorf("store: locking %s: %w", dir, orFull(err))
	} else if isErrno && errno == syscall.EACCES {
		return nil, fmt.Errorf("store: locking %s: %w; may this user write there?", dir, err)
	}
	return nil, fmt.Errorf("%w: %s is open in another bridge; stop that one or use another directory", ErrLocked, dir)
}

// readMeta checks the layout and finds the last revision; an empty database
// gets both.
func (p *Pebble) readMeta() error {
	format, err := p.meta(metaFormat)
	if errors.Is(err, pebble.ErrNotFound) {
		return p.initialise()
	} else if err != nil {
		return err
	}
	if len(format) != 1 || format[0] != formatVersion {
		return fmt.Errorf("written in format %x, this bridge reads format %02x: use the bridge that wrote it, or another directory", format, formatVersion)
	}
	sequence, err := p.meta(metaSequence)
	if err != nil || len(sequence) != 8 {
		return fmt.Errorf("the last revision (%d bytes) cannot be read: %w", len(sequence), err)
	}
	p.sequence = binary.BigEndian.Uint64(sequence)
	return nil
}

// initialise marks an empty database as ours.
func (p *Pebble) initialise() error {
	it, err := p.db.NewIter(nil)
	if err != nil {
		return err
	}
	foreign := it.First()
	if err := it.Close(); err != nil {
		return err
	}
	if foreign {
		return errors.New("holds a Pebble database that no bridge wrote: use another directory")
	}
	batch := p.db.NewBatch()
	_ = batch.Set([]byte(metaFormat), []byte{formatVersion}, nil)
	return p.apply(batch)
}

func (p *Pebble) meta(key string) ([]byte, error) {
	raw, closer, err := p.db.Get([]byte(key))
	if err != nil {
		return nil, err
	}
	defer closer.Close()
	return append([]byte(nil), raw...), nil
}

// Close implements [Store]. When a batch waits for room on a full disk Close
// does not wait with it: it returns ErrFull, the batch was never acknowledged,
// and the directory stays locked until the process ends.
func (p *Pebble) Close() error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil
	}
	p.closed = true
	p.mu.Unlock()
	p.queue.close()
	p.users.Wait()
	close(p.room.closing)

	done := make(chan error, 1)
	go func() {
		<-p.committed
		done <- errors.Join(p.db.Close(), p.lock.Close())
	}()
	select {
	case err := <-done:
		if err != nil {
			return fmt.Errorf("store: closing %s: %w", p.dir, err)
		}
		return nil
	case <-p.room.abandoned:
		return fmt.Errorf("%w: %s was closed while a write waited for room", ErrFull, p.dir)
	}
}

// logger passes on what Pebble says.
type logger struct{ log *slog.Logger }

func (l logger) Infof(format string, args ...any)  { l.log.Debug(fmt.Sprintf(format, args...)) }
func (l logger) Errorf(format string, args ...any) { l.log.Error(fmt.Sprintf(format, args...)) }

// fatal is what Fatalf panics with: an error that Pebble cannot go on after.
type fatal string

func (f fatal) Error() string { return string(f) }

// Fatalf must not return: Pebble goes on as if nothing had failed when it does.
func (l logger) Fatalf(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	l.log.Error(text)
	panic(fatal("store: the disk failed, start the bridge again to recover: " + text))
}
