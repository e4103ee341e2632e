package config

import "testing"

// BenchmarkLegacyDevice is what every session and every trigger of a legacy
// device begins with.
func BenchmarkLegacyDevice(b *testing.B) {
	c := load(b, `
legacy:
  listen: "127.0.0.1:0"
  url: http://127.0.0.1/dm
  groups:
    - name: phones
      devices: ["IMEI:351", "IMEI:352*"]
      adopt: true
      account: {client: {scheme: md5, user: dev, secret: s1}, server: {scheme: md5, secret: s2}}
      address: "{imei}"
  lwm2m_servers: [{name: main, address: "127.0.0.1:5683", devices: ["*"], lifetime: 1h}]
triggers: {out: {channel: kannel, url: "http://127.0.0.1/cgi-bin/sendsms"}}
`)
	for name, id := range map[string]string{"listed": "IMEI:351", "adopted": "IMEI:3521"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.LegacyDevice(id); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
