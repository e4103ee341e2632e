// Package mapping is the translation between ./FwUpdate and Object 9, the
// heart of the bridge: the tables of states and results, and the [Drive], one
// DownloadAndUpdate of a legacy server carried through Object 9 to its final
// notification.
//
// Everything here is pure: an event and a time go in, a new state and actions
// come out. It opens nothing, waits for nothing, reads no clock and logs
// nothing. It knows CoAP only as "accepted, refused, no answer" and SyncML
// only through the types of package fwupdate.
//
// The rules it keeps, whatever the order of events:
//
//   - it decides from readings of the device, never from notifications, which
//     only make it read; so their order and loss do not matter;
//   - one request is under way at a time, and what it asks is repeatable,
//     except Install: once it may have been carried out it is never requested
//     again, only after the device refused it or it certainly never went out;
//   - after a restart or a reconnect it reads before it does anything;
//   - it ends in exactly one [Finish], and never in success without having
//     seen INSTALLED;
//   - every wait has a deadline.
package mapping
