// Package report tells package servers how updates have ended: where a download
// descriptor has an installNotifyURI, a status is posted there (OMA Download OTA
// 1.0, 5.4). It keeps what is still to be told in the store, so that it is told
// over restarts. It never decides which end is told, and how a status is posted
// is its owner's: package delivery, with the allow-list of fetches.
//
// # Once
//
// A report is a key of the store, written in the batch that ends the update
// ([Queue.Draft]) and deleted when it was taken or refused for good, so an end is
// told once. It is told again when nobody can know better: the answer to a POST
// was lost, or the bridge was killed between the answer and the deletion. What
// nobody has taken within [Life] is dropped, with a line in the log, and so is
// what is over [MaxWaiting].
//
// A URI may hold secrets: of it only the host is ever logged.
//
// # Threads
//
// [Queue.Run] has one goroutine, and one for each POST under way, at most
// [MaxPosts]. To one host there is one at a time: a host that does not answer
// holds up its own reports only, and is left alone for longer each time.
package report
