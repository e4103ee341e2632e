package legacy

import (
	"context"
	"errors"
	"fmt"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/store"
	"github.com/fwbridge/fwbridge/lwm2m9"
	"github.com/fwbridge/fwbridge/mapping"
)

// flakyStore fails when it is told to.
type flakyStore struct {
	store.Store
	fail   error
	n      int    // writes
	during func() // called in each
}

func (s *flakyStore) Write(c ...store.Change) ([]uint64, error) {
	if s.fail != nil {
		return nil, s.fail
	}
	if s.n++; s.during != nil {
		s.during()
	}
	return s.Store.Write(c...)
}

// fakePackages is a store of packages without bytes.
type fakePackages struct {
	fail    error
	long    string // at the end of every URL
	altered bool
	held    map[string]bool // owner and digest
	fetches int
	during  func(digest string) // once, when a fetch has brought it
	notify  string              // of the descriptor
	told    []string            // ends, as they are durable
}

func (p *fakePackages) Fetch(_ context.Context, owner, uri string, progress func(Progress)) (mapping.PackageInfo, error) {
	p.fetches++
	if p.fail != nil {
		return mapping.PackageInfo{}, p.fail
	}
	progress(Progress{Done: 1, Total: 2, Rate: 3})
	digest := fmt.Sprintf("%x", uri)
	p.Hold(owner, digest)
	if during := p.during; during != nil {
		p.during = nil
		during(digest)
	}
	return mapping.PackageInfo{Name: "fw", Version: "2", Size: 10, Digest: digest, Notify: p.notify}, nil
}

func (p *fakePackages) Put(_ context.Context, owner string, body []byte) (mapping.PackageInfo, error) {
	if len(body) > p.MaxPush() {
		return mapping.PackageInfo{}, &PackageError{Result: lwm2m9.ResultNotEnoughStorage, Reason: "too large"}
	}
	p.Hold(owner, "pushed")
	return mapping.PackageInfo{Size: int64(len(body)), Digest: "pushed"}, nil
}

func (p *fakePackages) Report(device string, r mapping.Report) (store.Change, func(), bool) {
	text := fmt.Sprintf("%s %v %v", r.Notify, r.Code, r.Result)
	c := store.Change{Key: fmt.Sprint("told/", len(p.told)), Value: []byte(text)}
	return c, func() { p.told = append(p.told, device+" "+text) }, r.Notify != "none"
}

func (p *fakePackages) MaxPush() int                        { return 100 }
func (p *fakePackages) Verify(context.Context, string) bool { return !p.altered }
func (p *fakePackages) Hold(owner, digest string)           { p.held[owner+" "+digest] = true }
func (p *fakePackages) Release(owner, digest string)        { delete(p.held, owner+" "+digest) }
func (p *fakePackages) URL(_ string, i mapping.PackageInfo) (string, error) {
	if i.Digest == "" {
		return "", errors.New("no package")
	}
	return "https://bridge.example/p/" + i.Digest + p.long, nil
}
