package pkgserver

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"
	"time"
)

// reports is the first part of the paths that take install reports.
const reports = "report"

// maxReport bounds a report, in bytes.
const maxReport = 1 << 10

// descriptor serves an OMA download descriptor of the package of the same name
// under /ok/, which wants to be told of the end under /report/.
func descriptor(w http.ResponseWriter, r *http.Request, s served) {
	describe(w, r, len(s.body), fmt.Sprintf("%x", sha256.Sum256(s.body)))
}

// wrongDescriptor announces another digest.
func wrongDescriptor(w http.ResponseWriter, r *http.Request, s served) {
	describe(w, r, len(s.body), strings.Repeat("01", sha256.Size))
}

func describe(w http.ResponseWriter, r *http.Request, size int, digest string) {
	file := path.Base(r.URL.Path)
	if r.URL.RawQuery != "" {
		file += "?" + strings.ReplaceAll(r.URL.RawQuery, "&", "&amp;")
	}
	body := fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?>
<media xmlns="http://www.openmobilealliance.org/xmlns/dd">
  <DDVersion>1.0</DDVersion>
  <objectURI>../ok/%s</objectURI>
  <size>%d</size>
  <type>application/octet-stream</type>
  <hash>sha256:%s</hash>
  <installNotifyURI>../%s/%s</installNotifyURI>
</media>
`, file, size, digest, reports, file)
	w.Header().Set("Content-Type", "application/vnd.oma.dd+xml")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader([]byte(body)))
}

// report takes the status of an installation.
func (s *Server) report(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		http.Error(w, "want POST", http.StatusMethodNotAllowed)
		return
	}
	status, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxReport))
	if err != nil {
		http.Error(w, fmt.Sprintf("want a status of at most %d bytes", maxReport), http.StatusRequestEntityTooLarge)
		return
	}
	s.cfg.OnReport(r.URL.Path, string(status))
	w.WriteHeader(http.StatusNoContent)
}
