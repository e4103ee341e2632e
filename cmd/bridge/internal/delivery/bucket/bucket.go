// Package bucket keeps packages in a bucket of an S3-compatible service, so that
// all bridges of a cluster have them: it is the [delivery.Remote] behind a
// store. A package is an object named by its digest, behind a prefix. It never
// looks into a package, keeps nothing on disk, lists nothing, and touches no
// object but those it is asked for.
//
// # Departures
//
//   - A package over 16 MiB is sent in parts (multipart upload). What the parts
//     of an upload that died with its bridge cost goes by a rule of the bucket
//     that aborts incomplete uploads; nothing here does it.
//   - The digest of a package is not checked here but by the store, while the
//     package comes.
package bucket

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/s3utils"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/delivery"
)

// What the options stand for where they say nothing.
const (
	DefaultTries    = 4 // of one request, the pauses between them up to a second
	DefaultPatience = time.Minute
	dialTimeout     = 10 * time.Second
	maxIdle         = 16 // connections kept
)

// Options say where the bucket is. Endpoint and Name have no default.
type Options struct {
	Endpoint string // host or host:port
	Name     string // of the bucket, which has to be there
	Prefix   string // before each name, such as "packages/"
	Region   string // "" asks the service
	// AccessKey and SecretKey sign the requests (AWS Signature Version 4);
	// both empty sends them unsigned.
	AccessKey string
	SecretKey delivery.Secret
	Insecure  bool        // HTTP in place of HTTPS
	TLS       *tls.Config // nil is the system's trust
	// PathStyle has the bucket's name in the path always. Without it, it is in
	// the host name for the services known to want it so.
	PathStyle bool
	Tries     int           // of one request, 1 for no second one
	Patience  time.Duration // without a byte in either direction
}

// Bucket is a [delivery.Remote].
type Bucket struct {
	name, prefix string // and not the Options: their secret would be printed
	core         minio.Core
	transport    *http.Transport
}

var _ delivery.Remote = (*Bucket)(nil)

// CheckName says what is wrong with the name of a bucket, for any service: 3 to
// 63 bytes, letters, digits, and some others between them.
func CheckName(name string) error {
	if err := s3utils.CheckValidBucketName(name); err != nil {
		return fmt.Errorf("name of the bucket: %w", err)
	}
	return nil
}

// New makes a Bucket, and asks nobody: a service that is away is found out at
// the first use. The error says what of the options is wrong.
func New(o Options) (*Bucket, error) {
	o.Tries = cmp.Or(o.Tries, DefaultTries)
	o.Patience = cmp.Or(o.Patience, DefaultPatience)
	if err := CheckName(o.Name); err != nil {
		return nil, err
	}
	t := &http.Transport{
		DialContext: patientDialer(o.Patience), TLSClientConfig: o.TLS.Clone(),
		TLSHandshakeTimeout: dialTimeout, MaxIdleConnsPerHost: maxIdle, IdleConnTimeout: o.Patience,
		DisableCompression: true, // packages come as they are
	}
	lookup := minio.BucketLookupAuto
	if o.PathStyle {
		lookup = minio.BucketLookupPath
	}
	c, err := minio.New(o.Endpoint, &minio.Options{
		Creds:  credentials.NewStaticV4(o.AccessKey, string(o.SecretKey), ""),
		Secure: !o.Insecure, Transport: t, Region: o.Region, BucketLookup: lookup, MaxRetries: o.Tries,
	})
	if err != nil {
		return nil, fmt.Errorf("endpoint of the bucket: %w", err)
	}
	return &Bucket{name: o.Name, prefix: o.Prefix, core: minio.Core{Client: c}, transport: t}, nil
}

// Close implements [delivery.Remote].
func (b *Bucket) Close() { b.transport.CloseIdleConnections() }

func (b *Bucket) object(d delivery.Digest) string { return b.prefix + d.String() }

// Put implements [delivery.Remote]. It holds no part of the package in memory.
func (b *Bucket) Put(ctx context.Context, d delivery.Digest, r io.ReaderAt, size int64) error {
	_, err := b.core.Client.PutObject(ctx, b.name, b.object(d), io.NewSectionReader(r, 0, size), size,
		minio.PutObjectOptions{ContentType: "application/octet-stream"})
	return b.failed("put", err)
}

// Get implements [delivery.Remote].
func (b *Bucket) Get(ctx context.Context, d delivery.Digest) (io.ReadCloser, int64, error) {
	body, info, _, err := b.core.GetObject(ctx, b.name, b.object(d), minio.GetObjectOptions{})
	if err != nil {
		return nil, 0, b.failed("get", err)
	}
	return body, info.Size, nil
}

// Stat implements [delivery.Remote].
func (b *Bucket) Stat(ctx context.Context, d delivery.Digest) (int64, error) {
	info, err := b.core.StatObject(ctx, b.name, b.object(d), minio.StatObjectOptions{})
	return info.Size, b.failed("look for", err)
}

// Delete implements [delivery.Remote].
func (b *Bucket) Delete(ctx context.Context, d delivery.Digest) error {
	err := b.failed("delete", b.core.RemoveObject(ctx, b.name, b.object(d), minio.RemoveObjectOptions{}))
	if errors.Is(err, delivery.ErrMissing) {
		return nil
	}
	return err
}

// failed says what the service did not do. Its errors have the names of bucket
// and object, and no keys.
func (b *Bucket) failed(what string, err error) error {
	if err == nil {
		return nil
	}
	r := minio.ToErrorResponse(err)
	if r.Code == minio.NoSuchKey {
		return delivery.ErrMissing
	}
	if r.StatusCode != 0 {
		return fmt.Errorf("bucket %q: cannot %s a package: %d %s: %w", b.name, what, r.StatusCode, r.Code, err)
	}
	return fmt.Errorf("bucket %q: cannot %s a package: %w", b.name, what, err)
}
