// Package engine is the joint of direction A: it holds one durable record per
// LwM2M device and decides what is sent when, to the device and to its DM
// server. It knows the order of things (store before you speak) and the
// repetition of things (back-off, retries); what is said is decided below it,
// in mapping, fwupdate, syncml/session and lwm2m9/server.
//
// # One turn
//
// A shard takes the events that wait, steps each device's record, writes the
// changed records in one batch, and only then performs the effects and answers
// the callers. When the write fails nothing is performed: callers get
// [ErrStore], the records fall back to what is stored, and the events that
// nobody would repeat for us (answers of devices, restarts, deletions) are
// kept and applied again, with back-off. A DM session that was stepped in a
// failed turn is dropped: the server was not answered and begins anew.
//
// # Threads
//
//   - one goroutine per shard (Options.Shards), started and awaited by Run; it
//     owns the slots, the cache and the live state of its devices;
//   - one goroutine per request to a device or POST to a DM server under way,
//     started by a shard, awaited by Run; it touches nothing but its arguments
//     and reports by an event into the shard's mailbox;
//   - Handler calls run in the caller's goroutine: they put an event into the
//     mailbox and wait for the reply.
//
// A mailbox, the admission of DM sessions and the health are guarded by locks
// of their own, which are leaves: nothing else is called while one is held.
//
// An idle device costs a slot of a few words; no goroutine, no timer and no
// decoded record.
//
// # Departures
//
// Install on a device in queue mode is preceded by a read: CoAP duplicates are
// recognised for minutes only, so its exchange must begin while the device is
// awake. An empty HTTP answer to any message but the first ends a session well:
// some servers have nothing to say to a last word.
package engine
