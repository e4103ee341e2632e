// Package delivery brings packages from any server into the bridge's store,
// and from there to devices: [Store] keeps them by their SHA-256, [Fetcher]
// gets them over HTTP, HTTPS, CoAP and CoAP over DTLS, [Server] serves them over
// HTTP under URLs that cannot be guessed. It never decides which package a device
// gets nor by which way, keeps no record of devices, and writes nothing but its
// own directory.
//
// # Who may be asked
//
// What a server writes as a URI makes the bridge open connections, so
// [Allow] bounds where to: hosts by name, ports, and addresses after name
// resolution, at every connection and so also after a redirect or a descriptor.
// Without configuration no loopback, link-local, multicast or cloud-metadata
// address is connected to. There is no proxy, because a proxy would resolve the
// names.
//
// # What counts as a package
//
// A package is in the store when a file of its digest's name is in "packages",
// and it gets that name only whole, synced, and after digest, size and
// signature were found right. What is in "partial" never counts, and goes when
// the store is opened. [Store.Open] compares size, time of change and inode with
// those of the last check, and hashes again when they differ, so a package that
// was altered or deleted by hand is found out before it is served; the caller
// fetches it again.
//
// # A cluster
//
// With a [Remote], a bucket that all bridges share, the directory is a cache of
// it. A package is put there before it gets its name here, so that what counts
// on one bridge is found by all; the price is that nothing new comes in while the
// bucket is away, and what is in the directory is served all the same. What comes
// from there counts when its digest was found right. What was in the directory
// before it had a Remote stays on this bridge alone.
//
// # Threads
//
// A fetch has one goroutine for all who wait for the same URL; it ends when it
// is done or the last of them has left, and the last to leave waits for its end.
// A fetch over CoAP runs endpoints of its own, one at a time, for as long as it
// lasts. The server has none, the store one for each package that comes from the
// Remote, at most four at work; [Store.Close] ends them. Callbacks are called by
// the goroutine that moves the bytes and must not wait.
//
// # Departures
//
//   - The token of a URL is encrypted and authenticated with AES-GCM under a
//     nonce made by HMAC of what is in it: it names no device to whom sees the
//     URL, and one grant has one URL, also after a restart.
//   - CoAP: a fetch that breaks goes on only where the server gives an ETag, and
//     the same one: libcoap's coap-server makes a new one for each socket, so
//     from there it starts over. A package of more than 60,000 blocks that comes
//     in less than EXCHANGE_LIFETIME is asked for over further sockets, so that no
//     message id is used twice; from such a server it comes more slowly.
//   - Minisign's old signatures over the package itself, not its hash, are
//     refused over [MaxLegacySigned] bytes: Ed25519 needs them in memory.
//   - What a descriptor says is remembered until the next start. After that a
//     package that is in the store under the digest behind the descriptor's URL
//     is taken without asking, so nobody knows its installNotifyURI.
//   - Which package was used last is taken from the file's times after a
//     restart, which many systems keep to the day only.
package delivery
