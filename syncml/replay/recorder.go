package replay

import (
	"container/list"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// Recordings with secrets are for their owner alone.
const (
	openDir, openFile     os.FileMode = 0o755, 0o644
	secretDir, secretFile os.FileMode = 0o700, 0o600
)

// MaxOpen is how many sessions a [Recorder] knows at a time. A message of a
// session that it has forgotten begins a new recording.
const MaxOpen = 10000

// Layout is how a [Recorder] writes a session.
type Layout uint8

// The layouts.
const (
	Folders  Layout = iota // a folder a session, a file a message
	Archives               // a .txtar a session
)

// Recorder writes exchanges to files as they come, each session by itself,
// also when sessions run at the same time. It is safe for concurrent use.
type Recorder struct {
	dir    string
	layout Layout
	mask   bool
	most   int // sessions in open

	mu    sync.Mutex
	open  map[sessionKey]*list.Element // of *recorded
	byAge *list.List                   // least recently used first
	names map[string]int               // how often a name was used
}

// recorded is what is known of a session that is being recorded.
type recorded struct {
	key    sessionKey
	path   string
	next   int  // number of the next message
	second bool // a message other than the first has come
}

// NewRecorder writes below dir, which is made if it is not there. With mask
// the secrets are taken out, see [Session.Masked]; without it nobody but the
// owner may read the files.
func NewRecorder(dir string, layout Layout, mask bool) (*Recorder, error) {
	if err := os.MkdirAll(dir, openDir); err != nil {
		return nil, err
	}
	return &Recorder{dir: dir, layout: layout, mask: mask, most: MaxOpen, open: make(map[sessionKey]*list.Element), byAge: list.New(), names: make(map[string]int)}, nil
}

// Record writes one exchange, and returns the folder or file of its session.
// The error is that of writing; the exchange is then not recorded, or half.
func (r *Recorder) Record(e Exchange) (path string, err error) {
	key, first := keyOf(e.Request) // before the device's id could be masked
	if r.mask {
		e = e.masked()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s, err := r.session(key, first)
	if err != nil {
		return "", err
	}
	number := s.next
	s.next += 2
	s.second = s.second || !first
	return s.path, r.write(s, e, number)
}

func (r *Recorder) write(s *recorded, e Exchange, number int) error {
	_, mode := r.modes()
	if r.layout == Folders {
		return writeFiles(s.path, e.files(number), mode)
	}
	old, err := os.ReadFile(s.path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	whole := Session{Name: s.key.String(), Exchanges: []Exchange{e}}.AppendTxtar(old)
	if len(whole) > MaxFile {
		return fmt.Errorf("%s: larger than %d bytes", s.path, MaxFile)
	}
	// Under another name first: who reads it meanwhile gets the old or the new.
	part := s.path + ".part"
	if err := os.WriteFile(part, whole, mode); err != nil {
		return err
	}
	return os.Rename(part, s.path)
}

func (r *Recorder) modes() (dir, file os.FileMode) {
	if r.mask {
		return openDir, openFile
	}
	return secretDir, secretFile
}

// session finds the recording that an exchange belongs to, or begins one.
func (r *Recorder) session(key sessionKey, first bool) (*recorded, error) {
	if at, ok := r.open[key]; ok {
		s := at.Value.(*recorded)
		if !first || !s.second {
			r.byAge.MoveToBack(at)
			return s, nil
		}
		r.forget(at)
	}
	path, err := r.create(key)
	if err != nil {
		return nil, err
	}
	if r.byAge.Len() >= r.most {
		r.forget(r.byAge.Front())
	}
	s := &recorded{key: key, path: path, next: 1}
	r.open[key] = r.byAge.PushBack(s)
	return s, nil
}

func (r *Recorder) forget(at *list.Element) {
	delete(r.open, at.Value.(*recorded).key)
	r.byAge.Remove(at)
}

// create makes a folder, or finds a name for a file, that is not there yet.
func (r *Recorder) create(key sessionKey) (string, error) {
	dirMode, _ := r.modes()
	base := "undecodable"
	if key != (sessionKey{}) {
		base = safe(key.source) + "-" + safe(key.id)
	}
	for {
		r.names[base]++
		name := base
		if n := r.names[base]; n > 1 {
			name = fmt.Sprintf("%s-%d", base, n)
		}
		path := filepath.Join(r.dir, name)
		var err error
		if r.layout == Archives {
			path += ".txtar"
			_, err = os.Lstat(path)
			if errors.Is(err, os.ErrNotExist) {
				return path, nil
			}
			if err == nil {
				err = os.ErrExist
			}
		} else {
			err = os.Mkdir(path, dirMode)
		}
		if err == nil || !errors.Is(err, os.ErrExist) {
			return path, err
		}
	}
}

// maxName is the length of a peer's identifier in the name of a file.
const maxName = 64

// safe is an identifier as part of the name of a file: peers choose them.
func safe(id string) string {
	if len(id) > maxName {
		id = id[:maxName]
	}
	id = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '.':
			return r
		}
		return '_'
	}, id)
	if strings.Trim(id, ".") == "" {
		return "_"
	}
	return strings.TrimLeft(id, ".")
}
