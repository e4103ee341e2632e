package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"
)

// maxFile bounds the configuration file, in bytes.
const maxFile = 4 << 20

// Load reads the file and what it names: secret files and account files,
// relative to its own directory. The error is [Problems] for what is wrong in
// the files, or that of the file that cannot be read.
func Load(file string) (*Config, error) {
	data, err := readFile(file, maxFile)
	if err != nil {
		return nil, err
	}
	return parse(file, data)
}

// parse is Load for a file that was read.
func parse(file string, data []byte) (*Config, error) {
	b := &binder{file: file, lines: map[string]int{}}
	root, err := b.tree(data)
	if err != nil {
		return nil, err
	}
	c := Default()
	if root != nil {
		b.bind("", root, reflect.ValueOf(c).Elem(), bounds{})
	}
	c.check(b)
	c.readAccounts(b)
	c.Legacy.readDevices(b, c.Triggers.Out.Channel)
	if err := b.problems.err(); err != nil {
		return nil, err
	}
	c.warn(b)
	return c, nil
}

// tree parses the YAML; nil is an empty file.
func (b *binder) tree(data []byte) (*yaml.Node, error) {
	loader, err := yaml.NewLoader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.file, err)
	}
	var doc, more yaml.Node
	if err := loader.Load(&doc); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, b.syntax(err)
	}
	if err := loader.Load(&more); !errors.Is(err, io.EOF) {
		if err != nil {
			return nil, b.syntax(err)
		}
		return nil, Problems{{File: b.file, Line: more.Line, Text: "a second document begins here; only one is read"}}
	}
	if len(doc.Content) == 0 || doc.Content[0].ShortTag() == "!!null" {
		return nil, nil
	}
	return doc.Content[0], nil
}

// quoted is what a syntax error cites; it may be part of a secret.
var quoted = regexp.MustCompile(`'[^' ]{2,}'`)

// syntax turns the parser's error into a Problem without the file's content.
func (b *binder) syntax(err error) error {
	line, text := 0, "cannot be read as YAML"
	if e, ok := errors.AsType[*yaml.LoadError](err); ok {
		line, text = e.Mark.Line, "not YAML: "+quoted.ReplaceAllString(e.Message, "…")
	}
	return Problems{{File: b.file, Line: line, Text: text}}
}

// readFile reads at most limit bytes of a regular file.
func readFile(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		if e, ok := errors.AsType[*fs.PathError](err); ok {
			err = e.Err // the name is put before it here
		}
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%s: larger than %v", name, Size(limit))
	}
	return data, nil
}

// beside is a file name as the configuration file means it.
func (b *binder) beside(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(b.file), name)
}

// readSecret reads a secret file; the error does not show its content.
func (b *binder) readSecret(name string) (string, error) {
	data, err := readFile(b.beside(name), maxText)
	if err != nil {
		return "", err
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	if text == "" {
		return "", fmt.Errorf("%s is empty", b.beside(name))
	}
	return text, nil
}
