// Package session holds OMA DM sessions as state machines without I/O: the
// bytes of a message go in, the bytes of the answer and what was learned come
// out. It opens no connection, reads no clock and starts no goroutine; nonces
// come from the caller.
//
// [Client] is the device's side (packages 1 and 3), which direction A uses:
// it opens the session, carries out the server's commands on a [Tree] and
// reports Status and Results. The server's side comes with direction B.
//
// Departures from the specification, all for the sake of deployed servers:
// Alert 1226 may precede Alert 1201; a Status with data 0 counts as failure;
// a server message with an unknown session id is refused, one with an
// unknown RespURI is followed.
package session
