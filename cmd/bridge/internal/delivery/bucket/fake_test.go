package bucket_test

import (
	"bufio"
	"crypto/tls"
	"encoding/xml"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// service is an S3-compatible service, as much of it as is asked for here. It
// wants requests to be signed, and looks at no signature.
type service struct {
	host string

	mu      sync.Mutex
	objects map[string][]byte
	parts   map[string]map[int][]byte // by upload
	asked   map[string]int            // by method
	status  int                       // answered to everything; 0 for none
	cut     int                       // a GET breaks off after so many bytes; 0 never
	stop    int                       // uploads of parts beyond this one fail; 0 none
	signed  bool                      // all requests so far
}

func newService(t *testing.T) *service { return newSecureService(t, nil) }

// newSecureService has TLS, if it has a configuration of it.
func newSecureService(t *testing.T, conf *tls.Config) *service {
	t.Helper()
	s := &service{objects: map[string][]byte{}, parts: map[string]map[int][]byte{}, asked: map[string]int{}, signed: true}
	h := httptest.NewUnstartedServer(s)
	h.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes that fail
	if h.TLS = conf; conf != nil {
		h.StartTLS()
	} else {
		h.Start()
	}
	t.Cleanup(h.Close)
	s.host = h.Listener.Addr().String()
	return s
}

// set changes how the service behaves.
func (s *service) set(change func(*service)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// names are those of the objects, sorted.
func (s *service) names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.objects))
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := payload(r)
	if err != nil {
		answer(w, http.StatusBadRequest, "BadRequest")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked[r.Method]++
	s.signed = s.signed && strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=access/")
	name, found := strings.CutPrefix(r.URL.Path, "/bucket/")
	switch q := r.URL.Query(); {
	case s.status != 0:
		answer(w, s.status, "ServiceUnavailable")
	case q.Has("location"):
		fmt.Fprint(w, `<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/">eu-1</LocationConstraint>`)
	case !found:
		answer(w, http.StatusNotFound, "NoSuchBucket")
	case q.Has("uploads") || q.Has("uploadId"):
		s.multipart(w, r, name, body)
	case r.Method == http.MethodPut:
		s.objects[name] = body
		w.Header().Set("ETag", `"e"`)
	case r.Method == http.MethodDelete:
		delete(s.objects, name)
		w.WriteHeader(http.StatusNoContent)
	case s.objects[name] == nil:
		answer(w, http.StatusNotFound, "NoSuchKey")
	default:
		s.get(w, name)
	}
}

func (s *service) get(w http.ResponseWriter, name string) {
	b := s.objects[name]
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.Header().Set("Last-Modified", "Wed, 01 Jan 2025 00:00:00 GMT")
	w.Header().Set("ETag", `"e"`)
	if s.cut > 0 && s.cut < len(b) {
		_, _ = w.Write(b[:s.cut])
		panic(http.ErrAbortHandler)
	}
	_, _ = w.Write(b)
}

func (s *service) multipart(w http.ResponseWriter, r *http.Request, name string, body []byte) {
	id := r.URL.Query().Get("uploadId")
	switch r.Method {
	case http.MethodPost:
		if id == "" {
			s.parts["up"] = map[int][]byte{}
			fmt.Fprintf(w, `<InitiateMultipartUploadResult><Bucket>bucket</Bucket><Key>%s</Key><UploadId>up</UploadId></InitiateMultipartUploadResult>`, name)
			return
		}
		var whole []byte
		for _, n := range slices.Sorted(maps.Keys(s.parts[id])) {
			whole = append(whole, s.parts[id][n]...)
		}
		s.objects[name] = whole
		delete(s.parts, id)
		fmt.Fprintf(w, `<CompleteMultipartUploadResult><Bucket>bucket</Bucket><Key>%s</Key><ETag>"e"</ETag></CompleteMultipartUploadResult>`, name)
	case http.MethodPut:
		n, _ := strconv.Atoi(r.URL.Query().Get("partNumber"))
		if s.stop > 0 && n > s.stop {
			answer(w, http.StatusForbidden, "AccessDenied")
			return
		}
		s.parts[id][n] = body
		w.Header().Set("ETag", `"e"`)
	case http.MethodDelete:
		delete(s.parts, id)
		w.WriteHeader(http.StatusNoContent)
	}
}

func answer(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_ = xml.NewEncoder(w).Encode(struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
	}{Code: code})
}

// payload is a body, without the frames that a streaming signature puts around
// its pieces.
func payload(r *http.Request) ([]byte, error) {
	if !strings.HasPrefix(r.Header.Get("X-Amz-Content-Sha256"), "STREAMING-") {
		return io.ReadAll(r.Body)
	}
	in, all := bufio.NewReader(r.Body), []byte{}
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return nil, err
		}
		size, err := strconv.ParseInt(strings.Split(strings.TrimSpace(line), ";")[0], 16, 64)
		if err != nil || size == 0 {
			return all, err
		}
		piece := make([]byte, size+2)
		if _, err := io.ReadFull(in, piece); err != nil {
			return nil, err
		}
		all = append(all, piece[:size]...)
	}
}
