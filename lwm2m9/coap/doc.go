// Package coap is the CoAP message layer of the bridge (RFC 7252, 7641, 7959)
// over any net.PacketConn: confirmable exchanges with exponential
// retransmission, duplicate detection, block-wise transfers with a cap,
// observations with correct ordering. It is built from go-coap's codec; go-coap
// types do not leave it. It knows nothing of LwM2M.
//
// It is not go-coap's own server because of what was measured there
// (docs/architecture.md, "Why a transport of our own").
//
// An [Endpoint] has both roles on one socket: it answers requests through its
// [Handler] and sends requests with [Endpoint.Do] and [Endpoint.Observe].
//
// # Threads
//
// [Endpoint.Run] owns every goroutine. One reads the socket, takes the lock for
// map look-ups, and never runs foreign code; one, the clock, has the only timer
// and retransmits; each request being handled and each observation with
// something to deliver has one for as long as that lasts. An idle peer has
// none. Endpoint.mu guards everything that is reachable from the Endpoint;
// nothing is written to the socket and no foreign code is called under it.
//
// # Departures from the specifications
//
//   - NSTART (RFC 7252, 4.7) is 1, and the slot is held until the response has
//     come, through all blocks of a body, not only until the acknowledgement:
//     constrained devices answer 5.03 to whatever comes in between.
//   - The memory of duplicates is bounded (Options): a peer that sends more
//     than that within EXCHANGE_LIFETIME has its oldest messages forgotten.
//   - Message ids are used one after the other: a body of more than 65,536
//     blocks that comes in less than EXCHANGE_LIFETIME uses some again (RFC 7252,
//     4.4). Who fetches such a body goes on over another Endpoint ([Sink].Offset).
//   - A notification is matched by its token alone, not also by its source
//     (RFC 7641, 3.2): tokens are 64 random bits, and behind a NAT a device's
//     address changes while its observations live on.
//   - Uri-Path and Uri-Query may be longer than 255 bytes when they arrive.
//   - Block numbers beyond the body are answered 4.00; If-Match and
//     If-None-Match are refused with 4.02. Multicast and the No-Response option
//     are not supported.
package coap
