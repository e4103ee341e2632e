package metrics

import (
	"maps"
	"slices"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/delivery"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/dmlisten"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/engine"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/legacy"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/report"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/transfer"
	"github.com/fwbridge/fwbridge/lwm2m9/dtls"
	"github.com/fwbridge/fwbridge/syncml/session"
)

// What is counted here and not read.
const (
	helpRequests = "Requests to LwM2M devices, by outcome: answered, refused, silent, garbage or unsent."
	helpWrites   = "Time of a write of the durable store until it is synced, in seconds."
	helpFailures = "Writes of the durable store that failed."
	helpBlocks   = "Bytes of packages that went to LwM2M devices over CoAP, by way: coap (fetched by the device) or push (written to it); a repeated block counts again."
	helpMoved    = "Packages that went to LwM2M devices over CoAP, by way (coap or push) and outcome: done or broken (ended early, refused, or not gone on with for 10 minutes)."
)

// emit gives one sample of a family.
type emit func(value float64, labels ...string)

// family is a metric that is read.
type family struct {
	name, help string
	kind       prometheus.ValueType
	labels     []string
	read       func(snapshot, emit)
}

const (
	gauge   = prometheus.GaugeValue
	counter = prometheus.CounterValue
)

// families are all metrics that are read, in the order of docs/metrics.md.
var families = []family{
	{"fwbridge_healthy", "1 while everything is stored, else 0; /healthz says why.", gauge, nil,
		of(func(s snapshot) *engine.Health { return s.health }, func(h *engine.Health, e emit) { e(truth(h.OK)) })},
	{"fwbridge_devices", "Devices with a record, by direction: a (LwM2M devices) or b (legacy devices).", gauge, []string{"direction"},
		of(func(s snapshot) *engine.Health { return s.health }, func(h *engine.Health, e emit) {
			e(float64(h.Devices), "a")
			e(float64(h.LegacyDevices), "b")
		})},
	{"fwbridge_devices_registered", "LwM2M devices that are registered.", gauge, nil,
		of(func(s snapshot) *int { return s.registered }, func(n *int, e emit) { e(float64(*n)) })},
	{"fwbridge_suspects_total", "Devices and DM servers that were not who they said.", counter, nil,
		of(func(s snapshot) *engine.Health { return s.health }, func(h *engine.Health, e emit) { e(float64(h.Suspects)) })},
	{"fwbridge_drives", "Updates of LwM2M devices, by the phase they are in; those that are over included.", gauge, []string{"phase"},
		ofCensus(func(c *engine.Census, e emit) { each(c.Phases, e) })},
	{"fwbridge_drives_ended_total", "Updates of LwM2M devices that have ended, by the FUMO code of their result.", counter, []string{"code"},
		ofCensus(func(c *engine.Census, e emit) { each(c.Results, e) })},
	{"fwbridge_notifications_waiting", "Final notifications that no DM server has answered yet, those given up included.", gauge, nil,
		ofCensus(func(c *engine.Census, e emit) { e(float64(c.Letters)) })},
	{"fwbridge_notifications_parked", "Of these, those that were given up: somebody has to look.", gauge, nil,
		ofCensus(func(c *engine.Census, e emit) { e(float64(c.Parked)) })},
	{"fwbridge_campaigns", "Updates of legacy devices, by the phase they are in; those that are over included.", gauge, []string{"phase"},
		ofCampaigns(func(c *legacy.Census, e emit) { each(c.Phases, e) })},
	{"fwbridge_campaigns_ended_total", "Updates of legacy devices that have ended, by the Update Result that is shown.", counter, []string{"result"},
		ofCampaigns(func(c *legacy.Census, e emit) { each(c.Results, e) })},
	{"fwbridge_dm_sessions_ended_total", "DM sessions that have ended, by role (client: with a DM server; server: with a legacy device) and by how.", counter, []string{"role", "end"}, readEnds},
	{"fwbridge_dm_sessions", "DM sessions of legacy devices in the table.", gauge, nil,
		ofSessions(func(c *dmlisten.Counts, e emit) { e(float64(c.Sessions)) })},
	{"fwbridge_dm_messages_total", "DM messages of legacy devices that were answered.", counter, nil,
		ofSessions(func(c *dmlisten.Counts, e emit) { e(float64(c.Messages)) })},
	{"fwbridge_dm_requests_refused_total", "Requests of legacy devices that were refused in HTTP, by status.", counter, []string{"status"},
		ofSessions(func(c *dmlisten.Counts, e emit) {
			for _, status := range slices.Sorted(maps.Keys(c.HTTP)) {
				e(float64(c.HTTP[status]), strconv.Itoa(status))
			}
		})},
	{"fwbridge_dm_wrong_passwords_total", "Wrong passwords of legacy devices.", counter, nil,
		ofSessions(func(c *dmlisten.Counts, e emit) { e(float64(c.Wrong)) })},
	{"fwbridge_dm_lockouts_total", "Times that a device or peer was locked out for wrong passwords.", counter, nil,
		ofSessions(func(c *dmlisten.Counts, e emit) { e(float64(c.Alarms)) })},
	{"fwbridge_triggers_total", "Triggers of DM servers that came in, by verdict.", counter, []string{"verdict"},
		of(func(s snapshot) *engine.Health { return s.health }, func(h *engine.Health, e emit) {
			for _, verdict := range slices.Sorted(maps.Keys(h.Triggers)) {
				e(float64(h.Triggers[verdict]), verdict)
			}
		})},
	{"fwbridge_dtls_associations", "DTLS associations with LwM2M devices.", gauge, nil,
		ofDTLS(func(s *dtls.Stats, e emit) { e(float64(s.Associations)) })},
	{"fwbridge_dtls_handshakes_total", "DTLS handshakes of LwM2M devices, by outcome: full, resumed, failed or refused (over a limit).", counter, []string{"outcome"},
		ofDTLS(func(s *dtls.Stats, e emit) {
			e(float64(s.Completed-s.Resumed), "full")
			e(float64(s.Resumed), "resumed")
			e(float64(s.Failed), "failed")
			e(float64(s.Refused), "refused")
		})},
	{"fwbridge_dtls_discarded_total", "DTLS records and datagrams that made no sense.", counter, nil,
		ofDTLS(func(s *dtls.Stats, e emit) { e(float64(s.Discarded)) })},
	{"fwbridge_packages", "Packages in the store, those being written included.", gauge, nil,
		ofStore(func(u *delivery.Usage, e emit) { e(float64(u.Packages)) })},
	{"fwbridge_packages_max", "Packages that the store may have.", gauge, nil,
		ofStore(func(u *delivery.Usage, e emit) { e(float64(u.MaxPackages)) })},
	{"fwbridge_package_bytes", "Bytes of the packages in the store, with those reserved for what is being written.", gauge, nil,
		ofStore(func(u *delivery.Usage, e emit) { e(float64(u.Bytes)) })},
	{"fwbridge_package_bytes_max", "Bytes that the packages in the store may have.", gauge, nil,
		ofStore(func(u *delivery.Usage, e emit) { e(float64(u.MaxBytes)) })},
	{"fwbridge_fetches", "Packages being fetched into the store, or waiting for a slot.", gauge, nil,
		ofFetches(func(c *delivery.FetchCounts, e emit) { e(float64(c.Running)) })},
	{"fwbridge_fetches_total", "Fetches of packages that have ended, by outcome: done, or why not.", counter, []string{"outcome"},
		ofFetches(func(c *delivery.FetchCounts, e emit) {
			e(float64(c.Done), "done")
			each(c.Failed, e)
		})},
	{"fwbridge_fetched_bytes_total", "Bytes of packages that have come, what was dropped again included.", counter, nil,
		ofFetches(func(c *delivery.FetchCounts, e emit) { e(float64(c.Bytes)) })},
	{"fwbridge_transfers", "Answers with packages going out over HTTP.", gauge, nil,
		ofServed(func(c *delivery.ServeCounts, e emit) { e(float64(c.Running)) })},
	{"fwbridge_transfers_total", "Answers with packages over HTTP, by outcome: done, broken (ended early) or refused.", counter, []string{"outcome"},
		ofServed(func(c *delivery.ServeCounts, e emit) {
			e(float64(c.Done), "done")
			e(float64(c.Broken), "broken")
			e(float64(c.Refused), "refused")
		})},
	{"fwbridge_served_bytes_total", "Bytes of packages that went out over HTTP.", counter, nil,
		ofServed(func(c *delivery.ServeCounts, e emit) { e(float64(c.Bytes)) })},
	{"fwbridge_block_transfers", "Packages on their way to LwM2M devices over CoAP, by way: coap (fetched by the device) or push (written to it).", gauge, []string{"way"},
		of(func(s snapshot) *map[transfer.Way]int { return s.moving }, func(n *map[transfer.Way]int, e emit) {
			for _, way := range blockwise {
				e(float64((*n)[way]), string(way))
			}
		})},
	{"fwbridge_install_reports_waiting", "Ends of updates that the package's server wants to be told (installNotifyURI) and has not taken yet.", gauge, nil,
		ofReports(func(c *report.Counts, e emit) { e(float64(c.Waiting)) })},
	{"fwbridge_install_reports_total", "Ends of updates that are settled, by outcome: taken, refused (for good) or dropped (not taken in a day, or over a limit).", counter, []string{"outcome"},
		ofReports(func(c *report.Counts, e emit) {
			e(float64(c.Accepted), "taken")
			e(float64(c.Refused), "refused")
			e(float64(c.Dropped), "dropped")
		})},
}

// blockwise are the ways over CoAP.
var blockwise = []transfer.Way{transfer.CoAP, transfer.Push}

// of reads a part of the snapshot, if it is there.
func of[T any](part func(snapshot) *T, read func(*T, emit)) func(snapshot, emit) {
	return func(s snapshot, e emit) {
		if p := part(s); p != nil {
			read(p, e)
		}
	}
}

func ofCensus(read func(*engine.Census, emit)) func(snapshot, emit) {
	return of(func(s snapshot) *engine.Census { return s.census }, read)
}

func ofCampaigns(read func(*legacy.Census, emit)) func(snapshot, emit) {
	return of(func(s snapshot) *legacy.Census { return s.campaigns }, read)
}

func ofSessions(read func(*dmlisten.Counts, emit)) func(snapshot, emit) {
	return of(func(s snapshot) *dmlisten.Counts { return s.sessions }, read)
}

func ofDTLS(read func(*dtls.Stats, emit)) func(snapshot, emit) {
	return of(func(s snapshot) *dtls.Stats { return s.dtls }, read)
}

func ofStore(read func(*delivery.Usage, emit)) func(snapshot, emit) {
	return of(func(s snapshot) *delivery.Usage { return s.store }, read)
}

func ofFetches(read func(*delivery.FetchCounts, emit)) func(snapshot, emit) {
	return of(func(s snapshot) *delivery.FetchCounts { return s.fetches }, read)
}

func ofServed(read func(*delivery.ServeCounts, emit)) func(snapshot, emit) {
	return of(func(s snapshot) *delivery.ServeCounts { return s.served }, read)
}

func ofReports(read func(*report.Counts, emit)) func(snapshot, emit) {
	return of(func(s snapshot) *report.Counts { return s.reports }, read)
}

// readEnds are both roles' sessions. A session without an end had no answer at
// all from the DM server.
func readEnds(s snapshot, e emit) {
	if s.census != nil {
		for end, n := range s.census.Sessions {
			name := end.String()
			if end == session.EndNot {
				name = "server not reached"
			}
			e(float64(n), "client", name)
		}
	}
	if s.sessions != nil {
		for end, n := range s.sessions.Ends {
			e(float64(n), "server", end.String())
		}
	}
}

// each is a sample of each key, by its name.
func each[K interface {
	comparable
	String() string
}, N int64 | uint64](counts map[K]N, e emit) {
	for k, n := range counts {
		e(float64(n), k.String())
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
