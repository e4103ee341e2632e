package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/bridge"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/config"
	"github.com/fwbridge/fwbridge/mapping"
)

// describePackages prints how packages get to LwM2M devices and where they are
// kept meanwhile; nothing when the bridge never has one.
func describePackages(w io.Writer, c *config.Config) error {
	if !c.KeepsPackages() {
		return nil
	}
	_, err := fmt.Fprintf(w, `
packages     %v
ways         %s
kept         in %s, %s
`, c.Packages.Way, waysText(c), bridge.PackageOptions(c).Store.Dir, keptText(&c.Packages))
	return err
}

// waysText says which ways there are, and what the others lack.
func waysText(c *config.Config) string {
	var all, lack []string
	for _, way := range []struct {
		way   mapping.Way
		there bool
		needs string
	}{
		{mapping.WayDirect, true, ""},
		{mapping.WayProxyCoAP, c.Packages.CoAPURL != "", "packages.coap_url"},
		{mapping.WayProxyHTTP, c.PackagesURL() != "", "packages.url with packages.listen or legacy.listen"},
		{mapping.WayPush, true, ""},
	} {
		if way.there {
			all = append(all, way.way.String())
		} else {
			lack = append(lack, fmt.Sprintf("; no %v without %s", way.way, way.needs))
		}
	}
	return strings.Join(all, ", ") + strings.Join(lack, "")
}

func keptText(p *config.Packages) string {
	text := fmt.Sprintf("%v in all, %v each", p.MaxBytes, p.MaxPackage)
	if p.Bucket.Given() {
		text += ", a cache of the bucket " + p.Bucket.Name
	}
	return text
}

// deviceWay is how one device gets its packages.
func deviceWay(c *config.Config, endpoint string) string {
	w := c.Way(endpoint)
	if w == mapping.WayPush || w == 0 { // which may come to it
		return fmt.Sprintf("%v, pushed at %v a second at most", w, config.Size(c.PushRate(endpoint)))
	}
	return w.String()
}
