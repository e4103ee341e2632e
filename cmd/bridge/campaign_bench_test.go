package main

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"
)

// BenchmarkCampaign is what one campaign costs the bridge in CPU time, user and
// system, from the Write of the Package URI to ACTIVE: both simulators and the
// package server are other processes, the package has 1 KiB, devices are
// triggered through an SMS gateway, both sides prove themselves with MD5. The
// devices are known: each has had its first session before.
//
// The bridge has the package in its store each time. Without "served" its bytes
// come to the devices from another server (packages.url), as from a mirror in
// front of the bridge; with it the bridge answers their HEAD and GET as well.
func BenchmarkCampaign(b *testing.B) {
	packages := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { // at any path
		w.Header().Set("Content-Type", "application/octet-stream")
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(strings.Repeat("firmware", 128)))
	}))
	defer packages.Close()
	for _, encoding := range []string{"xml", "wbxml"} {
		for _, served := range []string{"", "+served"} {
			b.Run(encoding+served, func(b *testing.B) {
				c := benchCampaign{wbxml: encoding == "wbxml", uri: packages.URL + "/radio-2.0.bin"}
				if served == "" {
					c.mirror = packages.URL
				}
				for b.Loop() {
					c.run(b)
				}
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// benchCampaign is how the campaigns of a benchmark go.
type benchCampaign struct {
	wbxml  bool
	uri    string // Package URI
	mirror string // where devices fetch from; "" is the bridge
}

func (c benchCampaign) run(b *testing.B) {
	n := benchNumber(b, "LEGACY_CAMPAIGNS", legacyCampaigns)
	f := startLegacyBench(b, n, c.mirror, "pause "+legacyCampaignPause.String(), "write 3 "+c.uri, "wait state=DELIVERED", "install", "wait installed", "activate", "wait active")
	defer f.end()
	f.devices("--wbxml=" + strconv.FormatBool(c.wbxml))
	f.until(linePause, n)
	f.known(n)
	cpu, start, before := f.cpu(), time.Now(), f.counters()
	f.until(lineEnded, n)
	took := time.Since(start) - legacyCampaignPause
	b.ReportMetric((f.cpu()-cpu)/float64(n)*1e3, "bridge-cpu-ms/campaign")
	for name, value := range f.counters() {
		b.ReportMetric((value-before[name])/float64(n), campaignCounters[name])
	}
	b.ReportMetric(float64(n)/took.Seconds(), "campaigns/s")
}

// known waits until each device has had its first session.
func (f *legacyBench) known(n int) {
	f.b.Helper()
	for range 100 { // until well before the pause of the script ends
		if f.counters()["fwbridge_dm_messages_total"] >= float64(firstMessages*n) {
			return
		}
		time.Sleep(legacyCampaignPause / 200) // of a measurement, not of a test
	}
	f.b.Fatal("the devices have not all had a session before the campaigns")
}

// campaignCounters are what a campaign is made of, by the name of the metric.
var campaignCounters = map[string]string{
	"fwbridge_dm_messages_total":         "dm-messages/campaign",
	"fwbridge_store_write_seconds_count": "store-writes/campaign",
}

// counters are the bridge's campaignCounters.
func (f *legacyBench) counters() map[string]float64 {
	resp, err := http.Get("http://" + f.http + "/metrics")
	if err != nil {
		f.b.Fatal(err)
	}
	defer resp.Body.Close()
	all := map[string]float64{}
	for in := bufio.NewScanner(resp.Body); in.Scan(); {
		name, value, _ := strings.Cut(in.Text(), " ")
		if campaignCounters[name] != "" {
			all[name], _ = strconv.ParseFloat(value, 64)
		}
	}
	return all
}
