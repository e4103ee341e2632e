package delivery

import (
	"encoding/base64"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/beevik/etree"
)

// descriptorType is the media type of a download descriptor (OMA Download OTA
// 1.0, 5.1).
const descriptorType = "application/vnd.oma.dd+xml"

// MaxNotify bounds an installNotifyURI, in bytes: it is kept for each device. A
// longer one is as good as none.
const MaxNotify = 2048

// descriptor is what an OMA download descriptor says, as far as it matters
// here (OMA Download OTA 1.0, 5.2). It is an error where a package was
// expected.
type descriptor struct {
	object    *url.URL
	size      int64 // 0 for none: then it is no descriptor, but some leave it out
	mediaType string
	name      string
	version   string
	digest    Digest // not of OMA: "hash", as some servers add it
	notify    string
}

func (*descriptor) Error() string { return "delivery: a download descriptor, not a package" }

// isDescriptor says whether an answer is a descriptor.
func isDescriptor(h http.Header) bool {
	t, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	return err == nil && t == descriptorType
}

// parseDescriptor reads a descriptor that was found at base. Elements that are
// not known are ignored, as 5.2 asks. Errors are of KindUnsupported.
func parseDescriptor(b []byte, base *url.URL) (*descriptor, error) {
	doc := etree.NewDocument()
	// No document type: nothing here has one, and entities stay what they are.
	if err := doc.ReadFromBytes(b); err != nil || doc.Root() == nil || doc.Root().Tag != "media" {
		return nil, fault(KindUnsupported, nil, "the descriptor cannot be read")
	}
	text := func(tag string) string {
		if e := doc.Root().SelectElement(tag); e != nil {
			return strings.TrimSpace(e.Text())
		}
		return ""
	}
	d := &descriptor{mediaType: text("type"), name: text("name"), version: text("installParam")}
	if v := text("version"); v != "" {
		d.version = v
	}
	if text("DDVersion") != "" && !strings.HasPrefix(text("DDVersion"), "1.") {
		return nil, fault(KindUnsupported, nil, "the descriptor is not of version 1")
	}
	if err := d.places(text("objectURI"), text("installNotifyURI"), base); err != nil {
		return nil, err
	}
	if size := text("size"); size != "" {
		n, err := strconv.ParseInt(size, 10, 64)
		if err != nil || n <= 0 {
			return nil, fault(KindUnsupported, nil, "the descriptor's size is no number")
		}
		d.size = n
	}
	if hash := text("hash"); hash != "" {
		var ok bool
		if d.digest, ok = anyDigest(hash); !ok {
			return nil, fault(KindUnsupported, nil, "the descriptor's hash is no SHA-256")
		}
	}
	return d, nil
}

// places resolves the URIs of a descriptor.
func (d *descriptor) places(object, notify string, base *url.URL) error {
	if object == "" {
		return fault(KindUnsupported, nil, "the descriptor has no objectURI")
	}
	var err error
	if d.object, err = base.Parse(object); err != nil {
		return fault(KindUnsupported, nil, "the descriptor's objectURI is none")
	}
	if notify != "" {
		u, err := base.Parse(notify)
		if err != nil {
			return fault(KindUnsupported, nil, "the descriptor's installNotifyURI is none")
		}
		if s := u.String(); len(s) <= MaxNotify {
			d.notify = s
		}
	}
	return nil
}

// anyDigest reads a SHA-256 in hexadecimal or base64, also behind "sha256:" or
// "sha-256=".
func anyDigest(s string) (Digest, bool) {
	for _, prefix := range []string{"sha256:", "sha256=", "sha-256:", "sha-256="} {
		if len(s) > len(prefix) && strings.EqualFold(s[:len(prefix)], prefix) {
			s = s[len(prefix):]
			break
		}
	}
	if d, err := ParseDigest(s); err == nil {
		return d, true
	}
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil || len(b) != len(Digest{}) {
		return Digest{}, false
	}
	return Digest(b), !Digest(b).IsZero()
}

// follow is what a fetch is after when a descriptor has come instead.
func (f *Fetcher) follow(w want, dd *descriptor) (want, error) {
	u, err := f.parseURI(dd.object.String())
	if err != nil {
		return w, err
	}
	if w.u.Scheme == "https" && u.Scheme != "https" && u.Scheme != "coaps" && !f.o.AllowDowngrade {
		return w, fault(KindNotAllowed, nil, "a descriptor that leads from https to %s", u.Scheme)
	}
	u.Fragment, u.RawFragment = "", ""
	if w.size != 0 && dd.size != 0 && w.size != dd.size {
		return w, fault(KindIntegrity, nil, "two sizes are announced that differ")
	}
	w.u, w.dd, w.size = u, dd, max(w.size, dd.size)
	// The keys of the place that was written also count for where it leads.
	if there := f.host(u); len(w.host.Keys) == 0 {
		w.host.Keys = there.Keys
	}
	w.host.Sidecar = w.host.Sidecar || f.host(u).Sidecar
	if err := w.announce(f.o.Digests[u.String()]); err != nil {
		return w, err
	}
	return w, w.announce(dd.digest)
}
