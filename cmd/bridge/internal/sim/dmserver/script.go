package dmserver

import (
	"fmt"
	"io"

	"go.yaml.in/yaml/v4"
)

// maxScript is the largest script that is read, in bytes.
const maxScript = 1 << 20

// LoadScript reads a configuration with its campaigns and quirks from YAML or
// JSON:
//
//	auth: md5
//	accounts:
//	  - {device: "*", password: secret}
//	campaigns:
//	  - {package: pkg1, name: radio, version: "2.0", url: "http://127.0.0.1:8080/ok/radio-2.0.pkg"}
//	quirks: [drop-answer@exec, refuse-alert=500*2]
//
// Unknown keys are refused with their line. The error lists everything that
// is wrong.
func LoadScript(r io.Reader) (Config, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxScript+1))
	if err != nil {
		return Config{}, fmt.Errorf("script: %w", err)
	}
	if len(b) > maxScript {
		return Config{}, fmt.Errorf("script: over %d bytes", maxScript)
	}
	var cfg Config
	if err := yaml.Load(b, &cfg, yaml.WithKnownFields()); err != nil {
		return Config{}, fmt.Errorf("script: %w", err)
	}
	if err := cfg.Validate(); err != nil {
		return Config{}, fmt.Errorf("script: %w", err)
	}
	return cfg, nil
}
