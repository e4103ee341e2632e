package delivery

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// whole takes an answer with the whole package.
func (d *download) whole(a *answer) error {
	if isDescriptor(a.Header) {
		b, err := a.all(MaxDescriptor)
		if err != nil {
			return err
		}
		dd, err := parseDescriptor(b, a.at)
		if err != nil {
			return err
		}
		return dd
	}
	if err := a.identity(); err != nil {
		return err
	}
	d.describe(a)
	d.total = max(0, a.ContentLength)
	if d.total == 0 {
		d.total = d.headTotal // else an answer without a length that breaks looks whole
	}
	if d.total > d.f.o.Store.o.MaxPackage {
		return d.f.o.Store.tooLarge()
	}
	if d.want.size != 0 && d.total != 0 && d.want.size != d.total {
		return fault(KindIntegrity, nil, "%d bytes were announced, the server has %d", d.want.size, d.total)
	}
	return d.copy(a)
}

// describe notes what the answer says of the package.
func (d *download) describe(a *answer) {
	d.mediaType = a.Header.Get("Content-Type")
	d.etag, d.validator = "", ""
	if tag := a.Header.Get("ETag"); strings.HasPrefix(tag, `"`) {
		d.etag, d.validator = tag, tag
	} else if modified := a.Header.Get("Last-Modified"); modified != "" {
		d.validator = modified
	}
}

// resume takes an answer with the rest of the package, from at on.
func (d *download) resume(a *answer, at int64) error {
	if err := a.identity(); err != nil {
		return err
	}
	first, last, total, ok := contentRange(a.Header.Get("Content-Range"))
	fits := ok && first == at && last >= first && (total == 0 || last < total) &&
		(d.total == 0 || total == 0 || total == d.total) &&
		(a.ContentLength < 0 || a.ContentLength == last-first+1)
	if !fits {
		d.wrong = true
		return d.changed("its ranges are wrong")
	}
	if tag := a.Header.Get("ETag"); tag != "" && d.etag != "" && tag != d.etag {
		return d.changed("it changes while it is fetched")
	}
	d.total = max(d.total, total)
	a.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(a.Body, last-first+1), a.Body}
	return d.copy(a)
}

// contentRange reads "bytes first-last/total" (RFC 9110, 14.4); total is 0 for
// "*".
func contentRange(s string) (first, last, total int64, ok bool) {
	s, isBytes := strings.CutPrefix(s, "bytes ")
	span, of, found := strings.Cut(s, "/")
	from, to, found2 := strings.Cut(span, "-")
	first, err := strconv.ParseInt(from, 10, 64)
	last, err2 := strconv.ParseInt(to, 10, 64)
	var err3 error
	if of != "*" {
		total, err3 = strconv.ParseInt(of, 10, 64)
	}
	return first, last, total, isBytes && found && found2 && err == nil && err2 == nil && err3 == nil && first >= 0 && total >= 0
}

// copyBuffer is how much is read at once, in bytes.
const copyBuffer = 64 << 10

// copy takes a body into the store.
func (d *download) copy(a *answer) error {
	buf := make([]byte, copyBuffer)
	for {
		n, err := a.Read(buf)
		if n > 0 {
			if _, err := d.w.Write(buf[:n]); err != nil {
				return err
			}
			d.f.counts.bytes.Add(uint64(n))
			d.report(false)
		}
		switch {
		case err == io.EOF:
			return d.complete()
		case err != nil:
			return err
		}
	}
}

// complete compares what has come with what the server said would. More can
// come only where HEAD said less: then HEAD was wrong.
func (d *download) complete() error {
	switch size := d.w.Size(); {
	case d.total != 0 && size < d.total:
		return &passing{fault: fault(KindInterrupted, nil, "%d of %d bytes came", size, d.total)}
	case size == 0:
		return fault(KindServer, nil, "the package is empty")
	}
	return nil
}

// pauses tells those who wait that nothing moves for a while, and why.
func (d *download) pauses(why *Error, wait time.Duration) {
	d.f.progress(d.fl, Progress{Bytes: d.w.Size(), Total: d.total, Pause: fmt.Sprintf("%s; it is asked again in %v", why.Reason, wait.Round(time.Millisecond))})
}

// report tells those who wait how far it is.
func (d *download) report(last bool) {
	if size := d.w.Size(); d.m.due(size, last) {
		d.f.progress(d.fl, Progress{Bytes: size, Total: d.total, Rate: d.m.rate})
	}
}
