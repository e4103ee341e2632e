// Package wire holds the content formats of LwM2M: text/plain, opaque, TLV,
// link-format, and the arguments of an Execute. Bytes to values and back; it
// knows no object, no CoAP and does no I/O. Decoders accept what devices in
// the field send, encoders write what the specification says.
//
// The type of a resource does not travel in TLV or text. Whoever knows the
// object says it: [Type.FromTLV] and [Type.FromText] make a [Value] of bytes.
//
// Departures: strings must be UTF-8 in every format; the two-byte form of a
// half-empty TLV integer (length 0) is refused, not read as 0; NaN and infinity
// are refused. SenML, CBOR and LwM2M JSON are not here yet, nor are the types
// Unsigned Integer and Corelnk of LwM2M 1.1, which Object 9 does not use.
package wire
