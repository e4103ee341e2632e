// Package syncml is the vocabulary of OMA DM 1.1.2 and 1.2 (messages, commands,
// status and alert codes) and its two encodings, XML and WBXML. It opens no
// socket, keeps no session and knows nothing of firmware.
//
// One table of elements (elements.go) drives both encodings: a decoder turns
// bytes into a tree of those elements, one binding (bind.go) turns the tree
// into a [Message], and the encoders go the same way back. So the two
// encodings cannot disagree about what a message says.
//
// Decoding takes everything that can be understood without guessing: any
// order of elements, prefixes, CDATA, a MetInf wrapper, NUL bytes at the end
// of a value, DS-only elements (skipped). Encoding is as strict as the
// strictest client known: see [Message.AppendXML].
//
// Departures from the specification: commands that DM does not use (Put,
// Search, Sync, Map) decode as [Unknown], so that a session can refuse them
// one by one; a WBXML public identifier other than SyncML 1.1 or 1.2 is read
// with the SyncML 1.2 tables.
package syncml
