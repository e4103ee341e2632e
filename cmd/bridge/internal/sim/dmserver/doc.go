// Package dmserver is a simulated legacy OMA DM server that knows only
// ./FwUpdate: it runs campaigns on the devices that come, in DM 1.1.2 or 1.2,
// XML or WBXML (always as the client speaks), checks credentials, waits for
// the final alert or polls State, and goes wrong on demand.
//
// It has a session handling of its own instead of the bridge's, so that a test
// with it is a test of two implementations; the message model and the codecs
// are shared. It stores nothing on disk.
//
// Departures from OMA DM: no server-initiated sessions (Package 0), no large
// objects, no TNDS; DevInfo is noted and not judged.
package dmserver
