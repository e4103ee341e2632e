// Package lwm2mdevice is a simulated LwM2M device with Object 9 in either
// dialect: it registers, answers, downloads over HTTP, checks digests, and goes
// wrong on demand as real devices do (spec "LwM2M: what real devices do").
//
// It speaks through plain go-coap and not through this project's own CoAP
// package, so that every test with it is a test of two implementations.
//
// That holds for a fleet of thousands too: with go-coap a device costs about 32
// KiB and 5 goroutines, and 15,000 of them register in seconds beside the bridge
// on two cores (BenchmarkDevices, and BenchmarkFleet of cmd/bridge), so there is
// no lighter kind. DTLS is that of lwm2m9/dtls, with pion's client handshake.
//
// Departures from LwM2M: one server, no bootstrap, no SenML; the
// Security, Server and Access Control objects are not shown; attributes are
// accepted and have no effect.
//
// # Threads
//
// [Device.Run] owns everything. In each boot one goroutine, the loop, owns the
// instances and observations; go-coap's reader asks it to answer requests;
// one goroutine sends notifications in order; downloads and timers have a
// goroutine each, which hands its outcome to the loop.
package lwm2mdevice
