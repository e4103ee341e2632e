package interop

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// The environment of the tests; see the package comment.
const (
	EnvInterop = "FWBRIDGE_INTEROP"
	EnvCache   = "FWBRIDGE_INTEROP_CACHE"
	EnvMaven   = "FWBRIDGE_INTEROP_MAVEN"
)

const (
	mavenCentral    = "https://repo1.maven.org/maven2"
	downloadTimeout = 2 * time.Minute
	maxArtifact     = 64 << 20 // bytes
)

// artifact is one file of a Maven repository.
type artifact struct {
	group, name, version, classifier string
	sha256                           string // hex
}

func (a artifact) file() string {
	if a.classifier != "" {
		return a.name + "-" + a.version + "-" + a.classifier + ".jar"
	}
	return a.name + "-" + a.version + ".jar"
}

func (a artifact) url(repository string) string {
	return strings.Join([]string{repository, strings.ReplaceAll(a.group, ".", "/"), a.name, a.version, a.file()}, "/")
}

// errNotCached means that a jar is not there and may not be downloaded.
var errNotCached = errors.New("not in the cache, and " + EnvInterop + "=1 is not set")

// obtain is the paths of the artifacts in the cache, in their order. It
// downloads what is missing when download is true.
func obtain(ctx context.Context, artifacts []artifact, download bool) ([]string, error) {
	dir := os.Getenv(EnvCache)
	if dir == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return nil, err
		}
		dir = filepath.Join(user, "fwbridge-interop")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, downloadTimeout)
	defer cancel()
	var paths []string
	for _, a := range artifacts {
		path := filepath.Join(dir, a.file())
		err := a.check(path)
		if err != nil && !download {
			return nil, fmt.Errorf("%s: %w", a.file(), errNotCached)
		} else if err != nil {
			err = a.download(ctx, path)
		}
		if err != nil {
			return nil, err
		}
		paths = append(paths, path)
	}
	return paths, nil
}

// check compares a file with the digest.
func (a artifact) check(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != a.sha256 {
		return fmt.Errorf("%s: SHA-256 %s instead of %s", a.file(), got, a.sha256)
	}
	return nil
}

// download fetches to a file beside path, checks it, and renames it: other
// tests may be doing the same.
func (a artifact) download(ctx context.Context, path string) error {
	repository := os.Getenv(EnvMaven)
	if repository == "" {
		repository = mavenCentral
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.url(strings.TrimSuffix(repository, "/")), nil)
	if err != nil {
		return err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", req.URL, resp.Status)
	}
	f, err := os.CreateTemp(filepath.Dir(path), a.file()+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = io.Copy(f, io.LimitReader(resp.Body, maxArtifact))
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := a.check(f.Name()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
