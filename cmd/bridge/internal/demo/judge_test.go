package demo

import (
	"testing"

	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/dmserver"
	"github.com/fwbridge/fwbridge/cmd/bridge/internal/sim/lwm2mdevice"
	"github.com/fwbridge/fwbridge/fwupdate"
	"github.com/fwbridge/fwbridge/lwm2m9"
)

// TestJudge: the demo does not call everything good.
func TestJudge(t *testing.T) {
	installed := lwm2mdevice.Software{State: lwm2m9.Installed, Result: lwm2m9.ResultInstalled, Activation: lwm2m9.Enabled}
	inactive := installed
	inactive.Activation = lwm2m9.Disabled
	told := func(code, before, after int, correlator string) dmserver.Result {
		return dmserver.Result{Code: code, AlertsBefore: before, AlertsAfter: after, Correlator: correlator}
	}
	good := cast(1)[0]
	job := "job-" + good.deviceID
	polling := good
	polling.code = 0
	failing := good
	failing.state, failing.code = fwupdate.StateUpdateFailed, fwupdate.CodeCorrupted
	for _, tt := range []struct {
		name   string
		part   part
		result dmserver.Result
		shows  lwm2mdevice.Software
		want   bool
	}{
		{"as it should", good, told(200, 1, 0, job), installed, true},
		{"another result", good, told(410, 1, 0, job), installed, false},
		{"nothing told", good, told(0, 0, 0, ""), installed, false},
		{"told twice", good, told(200, 1, 1, job), installed, false},
		{"another correlator", good, told(200, 1, 0, "job"), installed, false},
		{"not active", good, told(200, 1, 0, job), inactive, false},
		{"polled", polling, dmserver.Result{State: 100}, installed, true},
		{"polled, not final", polling, dmserver.Result{State: 50}, installed, false},
		{"failed as it should", failing, told(402, 1, 0, job), lwm2mdevice.Software{}, true},
		{"installed although it should fail", failing, told(402, 1, 0, job), installed, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, err := lwm2mdevice.New(lwm2mdevice.Config{Endpoint: "e", Server: "127.0.0.1:1", Instances: []lwm2mdevice.Software{tt.shows}})
			if err != nil {
				t.Fatal(err)
			}
			if got := judge(tt.part, tt.result, d); got.good != tt.want {
				t.Errorf("judged %v: %+v", got.good, got)
			}
		})
	}
}

// TestJudgeLegacy is TestJudge for direction B.
func TestJudgeLegacy(t *testing.T) {
	good, failing := legacyCast(5)[0], legacyCast(5)[4]
	installed := lwm2m9.Instance{State: lwm2m9.Installed, Result: lwm2m9.ResultInstalled, Activation: lwm2m9.Enabled}
	inactive := installed
	inactive.Activation = lwm2m9.Disabled
	delivered := lwm2m9.Instance{State: lwm2m9.Delivered, Result: lwm2m9.ResultConnectionLost}
	done := func(state fwupdate.State, execs, alerts int) deviceSeen { return deviceSeen{state, execs, alerts} }
	for _, tt := range []struct {
		name  string
		part  legacyPart
		seen  deviceSeen
		shown lwm2m9.Instance
		step  string
		want  bool
	}{
		{"as it should", good, done(100, 1, 1), installed, "", true},
		{"executed twice", good, done(100, 2, 1), installed, "", false},
		{"its State was read first", good, done(100, 1, 0), installed, "", true},
		{"two alerts", good, done(100, 1, 2), installed, "", false},
		{"another State", good, done(80, 1, 1), installed, "", false},
		{"not active", good, done(100, 1, 1), inactive, "", false},
		{"failed at the server", good, done(100, 1, 1), delivered, scriptActivate, false},
		{"the script ended too early", good, done(100, 1, 1), installed, "install", false},
		{"failed as it should", failing, done(20, 1, 1), delivered, scriptActivate, true},
		{"activated although it failed", failing, done(20, 1, 1), delivered, "", false},
		{"installed although it should fail", failing, done(20, 1, 1), installed, "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := judgeLegacy(tt.part, tt.seen, tt.shown, tt.step); got.good != tt.want {
				t.Errorf("judged %v: %+v", got.good, got)
			}
		})
	}
}
