// Package session holds OMA DM sessions as state machines without I/O: the
// bytes of a message go in, the bytes of the answer and what was learned come
// out. It opens no connection, reads no clock and starts no goroutine; nonces
// come from the caller.
//
// [Client] is the device's side (packages 1 and 3), which direction A uses:
// it opens the session, carries out the server's commands on a [Tree] and
// reports Status and Results. The server's side comes with direction B.
//
// Where deployed servers or safety ask for something else than the
// specification says:
//
//   - The answer to a Generic Alert counts only from a server that has
//     authenticated itself, if the account wants that. For its sake even a
//     message without commands is challenged.
//   - An account with MD5 is never talked into basic authentication, and a
//     RespURI never leads out of TLS. Any other RespURI is followed.
//   - A server without a nonce has to ask for one, with a 401: the digest over
//     an empty nonce could be replayed.
//   - The Status for the SyncHdr is 212 also for a server that needs no
//     credentials: it means that none are wanted, and it is what devices send.
//   - A message of another session, of another device or with a number that
//     goes backwards is refused with 400 or 404, in all of its commands.
//   - An Exec in an Atomic is carried out, after all else succeeded. Sequence
//     and Get in an Atomic are refused like a nested Atomic; in a Sequence both
//     blocks are carried out.
//   - A chunk in a block, or of an Exec, is refused with 413; a first chunk
//     without Size with 411. Final in the message of a chunk is overlooked.
//   - There is no user to ask. [Interaction] is how one would answer.
//   - NoResp is honoured, although DM 1.2 wants it ignored: it was the way to
//     save answers in older versions. The SyncHdr always has its Status.
//   - A Status with data 0, which real peers send, counts as failure.
package session
