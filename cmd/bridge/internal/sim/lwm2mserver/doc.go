// Package lwm2mserver is a simulated LwM2M server that knows only Object 9: it
// takes every registration and leads each device through a script, observes,
// waits for notifications, and says whether all ended as the script expects. It
// does not know what is behind a device.
//
// It is built on lwm2m9/server and shares the states, results and formats of
// lwm2m9; it has no drive and no machine of its own, so that what it expects is
// only what its script says. It stores nothing.
//
// Departures from LwM2M: one server, no bootstrap; Send and composite
// operations are not used; resources are asked for one by one, as text.
//
// # Threads
//
// [Server.Run] owns everything: the goroutines of lwm2m9/server, those of DTLS
// if there are keys, and one for each device whose script is not over. Handler
// calls only change what a device's mutex guards and wake its goroutine.
package lwm2mserver
