package bucket

import (
	"context"
	"net"
	"time"
)

// patientDialer makes connections that end when no byte goes either way for so
// long. A limit for a request as a whole would have to know how large the
// package is and how fast the line.
func patientDialer(patience time.Duration) func(context.Context, string, string) (net.Conn, error) {
	d := &net.Dialer{Timeout: dialTimeout}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := d.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &patientConn{c, patience}, nil
	}
}

// patientConn moves the deadline of both directions with every call: net/http
// reads all the time, also while it sends, and what is sent counts for both.
type patientConn struct {
	net.Conn
	patience time.Duration
}

func (c *patientConn) Read(p []byte) (int, error) {
	if err := c.SetDeadline(time.Now().Add(c.patience)); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

func (c *patientConn) Write(p []byte) (int, error) {
	if err := c.SetDeadline(time.Now().Add(c.patience)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}
