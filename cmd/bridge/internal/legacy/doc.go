// Package legacy is the joint of direction B: it holds one durable record per
// legacy DM device, carries out what its [mapping.Virtual] decides, and is asked
// by both sides: by DM sessions (it is a [dmlisten.Work]) and by the LwM2M
// client that shows the device to LwM2M servers. What is said is decided below
// it, in mapping, syncml/session and lwm2m9.
//
// # One turn
//
// Everything that concerns a device happens in a turn: its lane is locked, its
// record is stepped by one or more events, the changed record is written and
// synced, and only then the lane is unlocked, the effects are begun and the
// callers answered. When the write fails the record stays as it was and the
// callers get [ErrStore]: a device's message is answered with HTTP 503 and comes
// again, an LwM2M server gets 5.00.
//
// # Threads
//
// A lane is a lock for the devices whose names hash to it; there are
// Options.Lanes of them, and none per device. [Engine.Run] has one goroutine
// that waits for the next deadline of any device, and one for each effect under
// way (a fetch, a check, a trigger), which ends before Run returns. Locks are
// taken in the order lane, schedule; no foreign code but the store runs under
// either. An idle device has a seat of a few words.
//
// # Departures
//
// The nodes of ./DevDetail are asked for in a device's first session, and again
// in the first one after an update. A package's nodes are added one by one,
// parents first, and Exec goes out in the same message, behind them: plain
// commands, which devices carry out in their order (mapping.md, 6), although
// SyncML promises an order only inside of Sequence, which crashes some. Where
// they do not all fit into one message the Exec follows when the device has
// accepted the nodes. An Exec without a Status may have been carried out and is
// not sent again; State decides, and where that shows nothing the campaign ends
// after CampaignPolicy.Doubt.
package legacy
