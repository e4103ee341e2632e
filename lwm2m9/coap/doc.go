// Package coap is the CoAP message layer of the bridge (RFC 7252, 7641, 7959)
// over any net.PacketConn: confirmable exchanges with exponential
// retransmission, duplicate detection, block-wise transfers with a cap,
// observations with correct ordering. It is built from go-coap's codec; go-coap
// types do not leave it. It knows nothing of LwM2M.
//
// It is not go-coap's own server because of what was measured there
// (docs/architecture.md, "Why a transport of our own").
package coap
