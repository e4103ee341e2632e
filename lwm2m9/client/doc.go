// Package client is the client's side of the LwM2M interfaces (1.0, 1.1, 1.2)
// over CoAP: virtual devices, thousands in one process. A [Host] has one
// coap.Endpoint for all of them; [Host.Add] makes a [Client], which is one
// device at one server. What a device has is said by its [Object] values; what
// is generic (paths, formats, operations, attributes, observations, Object 1) is
// here. It keeps no file: what must survive a restart is handed out as a [State].
//
// # One socket for each client
//
// A server tells devices apart by address and port, so each client has a UDP
// socket of its own, connected to the server: what others send to it never
// arrives. The endpoint tells its peers apart by address, too, and the server has
// only one; so it sees a made-up address for each client, in the dummy prefix
// 100:0:0:1::/64 (RFC 9780), never used twice in a process.
//
// # Threads
//
// [Host.Run] owns every goroutine: those of the endpoint; one for each socket,
// waiting until it can be read, without a buffer; one clock for all clients;
// one for each exchange with a server; and one for a client with
// notifications to send, as long as that takes. Objects are called in the
// goroutine of the request or notification, several at the same time. The order
// of locks is Client.mu, Host.mu, then those of fan and coap; none is held while
// an Object is called.
//
// # Departures from the specifications
//
//   - No bootstrap interface, no Object 0 and 2: whoever adds a client says what
//     they would hold. A server sees only its own instance of Object 1.
//   - Notifications that could not be sent are not stored, whatever resource 6 of
//     Object 1 says: the next one has the newest value.
//   - One observation of a path and format at a time: a new one takes the place
//     of the old, also with another token.
//   - A Write-Composite over several objects is checked as a whole before
//     anything is written, but an object that fails then leaves the others
//     written.
//   - Attributes end with the process. epmin, epmax, edge and hqmax are
//     accepted and kept, and have no effect. pmin and pmax written to an
//     observation of several paths (Observe-Composite) are the largest and the
//     smallest of those paths.
//   - While a confirmable notification is under way, others of the client wait
//     (NSTART, RFC 7252, 4.7), and its value is not replaced.
package client
