// Package syncml is the vocabulary of OMA DM 1.1.2 and 1.2 (messages, commands,
// status and alert codes) and its two encodings, XML and WBXML. It opens no
// socket, keeps no session and knows nothing of firmware.
//
// One table of elements (elements.go) drives both encodings: a decoder turns
// bytes into a tree of those elements, one binding (shapes.go) turns the tree
// into a [Message], and the encoders go the same way back. So the two
// encodings cannot disagree about what a message says.
//
// XML of the kind that nearly all senders write is read by a reader of our own
// (xmlusual.go); etree reads all other XML and finds the place of every fault.
// WBXML has a usual way too (wbxmlleaf.go) beside the way by single tokens. Fuzz
// targets hold the two of each pair together. Documents of trees, which stand in
// Data, have [DecodeTNDS] and [EncodeTNDS].
//
// Decoding takes everything that can be understood without guessing: any
// order of elements, prefixes, CDATA, a MetInf wrapper, NUL bytes at the end
// of a value, DS-only elements (skipped). What it cannot understand is a
// [SyntaxError] with the place and never the content. Encoding is as strict as
// the strictest client known: see [Message.AppendXML], [Message.AppendWBXML]
// and [Message.Normal]. What an encoding cannot carry is an [EncodeError], never
// a changed value.
//
// Departures from the specification, when decoding:
//
//   - commands that DM does not use (Put, Search, Sync, Map, Move) and commands
//     nobody knows decode as [Unknown], so that a session can refuse them one by
//     one;
//   - a WBXML public identifier other than SyncML 1.1 or 1.2 is read with the
//     SyncML 1.2 tables; extension tokens are refused, since SyncML has none;
//   - a status or alert code that is no number is 0, which is a failure;
//   - NUL bytes at the end of Data are cut off where its Format names text;
//   - a Status for SyncHdr without CmdRef has the CmdRef "0";
//   - elements that stand in Data unescaped are kept as their XML text;
//   - XML is read in UTF-8 only; a DOCTYPE may name a DTD but not hold one, and
//     nothing is ever fetched or expanded.
//
// And when encoding: no numeric character reference is written, because real
// clients drop a message that has one; so XML carries no carriage return.
package syncml
