// Package trigger holds the channels of triggers (Package 0), in and out. In,
// the bridge stands where the push gateway of a legacy DM server stood: what
// comes by UDP, as a PAP push or as a request to an SMS gateway is read, its
// device found, and handed to the engine, which verifies it. Out, the same
// three channels are a [Sender] each. It knows no secret of a DM server and
// starts no session.
//
// # What a sender is told
//
// A device drops a trigger that it cannot verify without a word, and so do we:
// a gateway's answer says that the trigger was accepted for delivery, not that
// its digest was right. An address that belongs to no device, and a body that
// holds no trigger, are refused as a gateway refuses them.
//
// # Threads
//
// [UDP.Run] has one reader and at most [maxWaiting] goroutines that wait for
// the engine; it returns after the last. The HTTP handlers run in their
// server's goroutines, at most [maxWaiting] of them at a time. The counters
// are atomic; the rates of peers have a lock of their own, and so has the
// assembly of long messages.
//
// # Departures
//
// PAP (WAP-247): one address a push, and neither cancellation nor status
// queries; quality of service and capabilities are ignored; a push id that
// comes twice is not noticed, for the engine finds replays by the trigger
// itself. Kannel: only what a binary message needs of sendsms; every parameter
// else is ignored.
package trigger
