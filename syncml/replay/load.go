package replay

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Limits of what is loaded.
const (
	// MaxFile is the longest file in bytes: archives of a whole test day are
	// shorter.
	MaxFile = 64 << 20
	// MaxMessages is how many messages a recording may hold.
	MaxMessages = 20000
)

// ErrNothing says that a folder or file holds no recorded message.
var ErrNothing = errors.New("no recorded SyncML messages")

// Load reads a recording: a folder, a .txtar, a .har, or a packet capture
// (.pcap, .pcapng, .cap). The error names the file, and is or wraps
// [ErrNothing] when there is nothing recorded in it.
func Load(path string) (*Recording, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	var sessions []Session
	switch ext := strings.ToLower(filepath.Ext(path)); {
	case info.IsDir():
		sessions, err = loadFolder(os.DirFS(path))
	case parsers[ext] == nil:
		err = errors.New("not a recording: want a folder, a .txtar, a .har or a .pcap")
	default:
		var data []byte
		if data, err = readFile(path); err == nil {
			sessions, err = parsers[ext](data)
		}
	}
	if err == nil && len(sessions) == 0 {
		err = ErrNothing
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &Recording{Path: path, Sessions: sessions}, nil
}

// parsers are those of files, by their extension.
var parsers = map[string]func(data []byte) ([]Session, error){
	".txtar": ParseTxtar, ".har": ParseHAR, ".pcap": ParseCapture, ".pcapng": ParseCapture, ".cap": ParseCapture,
}

func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > MaxFile {
		return nil, fmt.Errorf("larger than %d bytes", MaxFile)
	}
	return os.ReadFile(path)
}

// Find lists the recordings at or below path, in order of their names: path
// itself if it is one, otherwise every folder, archive and capture below it that
// holds messages. The error is [ErrNothing], with the path, if there are none.
func Find(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	var found []string
	err = filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch ext := strings.ToLower(filepath.Ext(p)); {
		case d.IsDir():
			entries, err := os.ReadDir(p)
			if err != nil {
				return err
			}
			for _, e := range entries {
				if _, ok := parseName(e.Name()); ok && !e.IsDir() {
					found = append(found, p)
					break
				}
			}
		case parsers[ext] != nil:
			found = append(found, p)
		}
		return nil
	})
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("%s: %w", path, ErrNothing)
	}
	return found, err
}
