// Package dtls is DTLS 1.2 (RFC 6347) with Connection IDs (RFC 9146) as packet
// connections that encrypt, to put below a coap.Endpoint: [Listen] for the
// server of many devices on one socket, [Dial] for one device, [Join] for a
// server with and without security. It knows nothing of CoAP or LwM2M, and no
// type of the libraries it is built from leaves it.
//
// # Addresses are associations
//
// What CoAP remembers of a peer (message ids, observations) belongs to one DTLS
// session (RFC 7252, 9.1). So the address that [Conn.ReadFrom] returns is not
// where a datagram came from but a made-up one per association, in the discard
// prefix 100::/64 and never used twice, also not after a restart. It stays the
// same when the device's real address changes (Connection ID), and a new
// handshake makes a new one: a retransmission in a new session is no duplicate
// of what the old one carried. [Addr] tells the identity and the real address.
//
// # Why the server's handshake is our own
//
// The client's handshake is pion's (github.com/pion/dtls/v3), run by the
// library; the server's is ours, over pion's key derivation and CCM. These were found in pion v3.1.2 and cannot be configured away:
//
//   - a Hello from anywhere makes a connection with goroutines, buffers and a
//     key pair before the cookie came back. Ours keeps nothing: the cookie is a
//     MAC over address and Hello;
//   - a Hello that resumes a session is believed without a cookie;
//   - the client's Finished message is decrypted but not compared, so the
//     client's idea of the handshake is not checked unless both use the
//     extended master secret;
//   - sessions are not bound to an identity and not to the extended master
//     secret, and with client certificates there is no resumption;
//   - an ECDHE_PSK ClientKeyExchange that ends early panics;
//   - an unknown PSK identity is told from a wrong key by its alert;
//   - an idle connection costs 32 KiB with four goroutines (with the one that
//     reads it); an association here costs 4.3 KiB at the server and none, and
//     7.2 KiB at the device, with the goroutine in [Client.ReadFrom] and its
//     socket (BenchmarkIdle, 2,000 associations).
//
// On the client, sessions are kept out of pion's store but to resume one, for it
// hangs when it learns one from a flight that comes in parts (see offer). The keys
// are taken out of pion's connection after the handshake and the connection is
// dropped, so both ends have one record layer, and an idle association of either
// has no goroutine.
//
// # Threads
//
// [Conn.ReadFrom] reads the socket itself, decrypts in place and returns; it
// computes nothing that takes long: handshakes that need signatures, key
// agreements or a look-up of a key go through bounded queues to the goroutines
// of [Conn.Run]. Nothing that one association does makes another wait: what
// finds a queue full is dropped, as the network may. Conn.mu guards the tables,
// each association and each handshake has a lock of its own for its keys; the
// order is handshake, association, Conn, sessions.
//
// # Departures from the specifications
//
//   - Renegotiation is refused by ignoring it (RFC 5746 is answered, empty).
//   - A ClientHello must come in one piece: without state there is nowhere to
//     put a fragment (RFC 6347, 4.2.1). That is up to 4 KiB.
//   - Records of version 1.0 are accepted in epoch 0, where a ClientHello may have it.
//   - A device's real address follows its newest record, without a check of the
//     way back (RFC 9146, 6 wants some): DTLS 1.2 devices have none to answer it.
//     So who has a key can have replies to its own requests sent elsewhere, and
//     who sees a record and is faster with a copy can turn replies away until the
//     device's next record. Neither can read them.
//   - A PSK that is wrong or unknown gets decrypt_error after its second try
//     (RFC 4279, 2): the first record that does not authenticate may be forged,
//     and RFC 6347 4.1.2.7 says to drop such.
//   - No compression, no RSA server keys, no OCSP; CRLs are not looked at. No
//     CBC suites: LwM2M 1.0 names them, but MAC-then-encrypt has had too many
//     attacks, and pion's CBC with a Connection ID authenticates other bytes
//     than RFC 9146 says.
package dtls
