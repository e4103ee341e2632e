// Package session holds OMA DM sessions as state machines without I/O: the
// bytes of a message go in, the bytes of the answer and what was learned come
// out. It opens no connection, reads no clock and starts no goroutine; nonces
// come from the caller.
//
// [Client] is the device's side (packages 1 and 3), which direction A uses:
// it opens the session, carries out the server's commands on a [Tree] and
// reports Status and Results. [Server] is the server's side (packages 2 and 4):
// it tells what the device reports and what became of the commands that were
// queued for it. Both share the authentication, the large objects and the ends.
//
// Where deployed peers or safety ask for something else than the
// specification says. Both roles:
//
//   - A peer without a nonce has to ask for one, with a 401: the digest over
//     an empty nonce could be replayed. The default nonce of DM Notification 1.2
//     is good once, in a session that was triggered with it, and never stored.
//   - An account with MD5 is never talked into basic authentication, nor one
//     with MAC into MD5. With MAC a 212 does not end the signing, and an answer
//     without NextNonce leaves the last nonce in use.
//   - A Status with data 0, which real peers send, counts as failure.
//
// Server:
//
//   - A message that is refused for its credentials carries ours all the same,
//     since devices give up without, over an empty nonce if none is known; but
//     not with basic, which would hand our secret to whoever says a device's name.
//   - Status is sent for Results only when it is not 200.
//   - A Sequence goes out command by command to devices that do not take it, and
//     no command goes out while the device's package is open.
//   - An event (1224, 1226) counts once in a session, by its content, and
//     LocName is not compared with the account: the digest shows the user.
//   - After our Alert 1223 nothing more is said, whatever the device answers.
//   - An event in one piece may come between the chunks of another object.
//
// Client:
//
//   - The answer to a Generic Alert counts only from a server that has
//     authenticated itself, if the account wants that. For its sake even a
//     message without commands is challenged.
//   - A RespURI never leads out of TLS. Any other RespURI is followed.
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
package session
