package config

import (
	"strings"
	"testing"
)

// TestCancelNeedsLoopback: nobody proves who he is at the HTTP listener.
func TestCancelNeedsLoopback(t *testing.T) {
	for listen, good := range map[string]bool{
		"127.0.0.1:8080": true, "127.8.9.1:0": true, "[::1]:8080": true, "localhost:8080": true, "[::ffff:127.0.0.1]:1": true,
		":8080": false, "0.0.0.0:8080": false, "[::]:8080": false, "192.0.2.1:8080": false, "localhost.example.com:1": false, "": false,
	} {
		text := `http: {listen: "` + listen + `", cancel: true}`
		_, err := parse("f.yaml", []byte(text))
		const want = "f.yaml:1: http.cancel: needs http.listen on a loopback address, such as 127.0.0.1:8080"
		if good && err != nil || !good && (err == nil || err.Error() != want) {
			t.Errorf("%s: %v; good is %v", text, err, good)
		}
		if _, err := parse("f.yaml", []byte(strings.Replace(text, "true", "false", 1))); err != nil {
			t.Errorf("%s without cancel: %v", text, err)
		}
	}
}
