// Package dmlisten carries the sessions of legacy DM devices over HTTP: one
// POST a message, one answer (OMA SyncML HTTP Binding 1.2). It finds the
// session of a message, keeps the number of sessions, their time and the size
// of bodies within limits, and locks out who guesses passwords. What a message
// means is [session.Server]'s; who a device is and what there is to say to it
// is [Work]'s. It stores nothing.
//
// # How a message finds its session
//
// By the token in the URL, which every answer gives as RespURI; else, for
// devices that ignore it, by the device's name and SessionID. A message 1, or
// one with Alert 1200 or 1201, that does not answer anything begins a session,
// also under a SessionID that is in use: there are devices that call every
// session 1.
//
// # Two sessions of one device
//
// The newer one counts, once its device has proved who it is; the older one is
// over then, and what it had left to say is said in the newer one. Before that
// proof it can neither end nor slow down another session. Messages of one device
// are handled one at a time.
//
// # What is answered how
//
// What HTTP can say about a request is said in HTTP: 405, 408, 411, 413, 415,
// and 400 for what is no message. What concerns sessions and devices is said in
// Statuses with HTTP 200, for the header and for every command, because devices
// take any other status for a broken line (oma-dm.md 1.6):
//
//	400  a message without the device's name
//	404  a device that nobody knows
//	408  a message of a session that has timed out
//	414  a name that is too long
//	417  a device or peer that is locked out
//	503  too many sessions
//
// The exception is 503 in HTTP: [Work] could not store what it was told. It is
// as if the message had not arrived, and the device repeats it; with a Status
// it would believe that its final notification had been answered.
//
// # Threads
//
// [Handler.Run] is one goroutine, which removes sessions that are over; net/http
// starts the others. [Serve] runs a listener and returns after its last one.
package dmlisten
