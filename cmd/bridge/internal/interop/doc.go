// Package interop makes LwM2M software of others usable as a peer in tests:
// the Eclipse Leshan demo server with its REST API ([StartServer]), and two
// programs of ours on Leshan's libraries, a device ([StartDevice]) and a server
// that leads devices through a script ([StartScript]). TestBridge has the demo
// server lead legacy devices through the bridge. It is for tests only and
// nothing of Leshan is in the repository: the jars come from Maven Central by
// coordinates and digest into a cache, and run over loopback.
//
// # When the tests run
//
// Without Java, or without the jars where they cannot be had, a test that
// calls one of these is skipped with one line that says what
// is missing. Nothing is downloaded unless FWBRIDGE_INTEROP=1 is set; jars that
// are there already are used without it, and FWBRIDGE_INTEROP=0 skips in any
// case. FWBRIDGE_INTEROP_CACHE names another cache than
// os.UserCacheDir()/fwbridge-interop, FWBRIDGE_INTEROP_MAVEN another repository.
//
// # Which Leshan
//
// Of the demo server Maven Central has one version only, 2.0.0-M4 (LwM2M 1.0
// and 1.1, TLV, LwM2M JSON and SenML JSON, Connection IDs of a draft). The
// demo client is not there at all, but the libraries are, up to 2.0.0-M18
// (SenML CBOR, composite operations, Send, Connection IDs of RFC 9146).
//
// # How a JVM ends
//
// Each runs below a shell that kills it when a pipe from the test closes: at
// the end of the test, and also when the test process dies without one.
package interop
