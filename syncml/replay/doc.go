// Package replay loads recorded OMA DM sessions, plays one side of them to a
// live peer and compares what the peer says with what was recorded. It also
// records: a [Recorder] is a reverse proxy that writes the sessions passing
// through it as fixtures.
//
// A recording is a folder with one file a message (NN-c2s.xml, NN-s2c.wbxml,
// optional HTTP headers in NN-c2s.http), a .txtar with files of these names, an
// HTTP archive (.har), or a packet capture (.pcap, .pcapng). [Load] reads all of
// them.
//
// A [Replayer] plays the client's side to a DM server ([Replayer.AsClient]: an
// [http.Handler], a URL or a [session.Server]) or the server's side to a DM
// client ([Replayer.AsServer]: a [session.Client], or a device that posts to
// [Replayer.Serve]). What it sends is the recorded message; only the
// references to the live peer's messages and, where the passwords are known,
// the credentials are made anew.
//
// The comparison ([Compare]) is of messages, not of bytes. May differ: the
// encoding, numbers of the peer's own commands (references have to fit them),
// credentials and nonces as to their value, times, and the order of what has
// none: Status and Results after the Status for the SyncHdr, the alerts of a
// client, the Items of a client's command and of a Get, the names in a list of
// children. All else is a difference, shown as lines of the message with the
// names of codes.
//
// The package knows nothing of ./FwUpdate or LwM2M: the tree that a session
// acts on comes from the caller. It opens no connection but to the URL or
// target it is given, and starts no goroutine.
package replay
