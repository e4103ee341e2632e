package config

import (
	"crypto/tls"
	"errors"
	"strings"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/delivery"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/delivery/bucket"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/tlsfiles"
	"github.com/fwbridge/fwbridge/syncml"
)

// PackageBucket is where all bridges of a cluster keep their packages: a bucket
// of an S3-compatible service. Without a name there is none.
type PackageBucket struct {
	Endpoint   string        `yaml:"endpoint"` // host or host:port
	Name       string        `yaml:"name"`
	Prefix     string        `yaml:"prefix"` // of the objects' names
	Region     string        `yaml:"region"` // empty asks the service
	AccessKey  string        `yaml:"access_key"`
	SecretKey  syncml.Secret `yaml:"secret_key"`
	SecretFile string        `yaml:"secret_file"`
	PathStyle  bool          `yaml:"path_style"`
	Insecure   bool          `yaml:"insecure"` // HTTP
	CA         string        `yaml:"ca"`

	tls *tls.Config // made from CA; nil is the system's trust
}

// Given says whether there is a bucket.
func (p *PackageBucket) Given() bool { return p.Name != "" }

// Options are those of the bucket, which were found right when they were read.
func (p *PackageBucket) Options() bucket.Options {
	return bucket.Options{
		Endpoint: p.Endpoint, Name: p.Name, Prefix: p.Prefix, Region: p.Region, AccessKey: p.AccessKey, SecretKey: delivery.Secret(p.SecretKey),
		PathStyle: p.PathStyle, Insecure: p.Insecure, TLS: p.tls,
	}
}

func (p *PackageBucket) check(b *binder, path string) {
	if *p == (PackageBucket{}) {
		return
	}
	if p.Name == "" {
		b.failAt(path+".name", "is missing: the name of the bucket")
	} else if err := bucket.CheckName(p.Name); err != nil {
		b.failAt(path+".name", "%q: %v", p.Name, err)
		return
	}
	if p.Endpoint == "" {
		b.failAt(path+".endpoint", "is missing: the host of the service, with :port if need be")
	}
	secret := p.SecretKey != "" || p.SecretFile != ""
	p.SecretKey = b.secretOf(path, p.SecretKey, p.SecretFile)
	if secret != (p.AccessKey != "") {
		b.failAt(path+".access_key", "and secret_key (or secret_file) belong together; one of them is missing")
	}
	if strings.HasPrefix(p.Prefix, "/") || strings.Contains(p.Prefix, "//") {
		b.failAt(path+".prefix", "want no / at the beginning, and none twice")
	}
	p.checkTLS(b, path)
	if p.Endpoint == "" || p.Name == "" {
		return
	}
	if _, err := bucket.New(p.Options()); err != nil {
		b.failAt(path+".endpoint", "%q: %v", p.Endpoint, err)
	}
}

func (p *PackageBucket) checkTLS(b *binder, path string) {
	switch {
	case p.CA == "":
		return
	case p.Insecure:
		b.failAt(path+".ca", "has no effect with insecure: true; HTTP has no certificates")
		return
	}
	conf, err := tlsfiles.Files{CA: b.given(p.CA)}.Client()
	if wrong, ok := errors.AsType[*tlsfiles.Error](err); ok {
		b.failAt(path+".ca", "%v", wrong.Err)
	}
	p.tls = conf
}
