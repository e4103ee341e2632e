// Package wire holds the content formats of LwM2M: text/plain, opaque, TLV,
// link-format, and the arguments of an Execute. Bytes to values and back; it
// knows no object, no CoAP and does no I/O. Decoders accept what devices in
// the field send, encoders write what the specification says.
//
// The type of a resource does not travel in TLV or text. Whoever knows the
// object says it: [Type.FromTLV] and [Type.FromText] make a [Value] of bytes.
//
// Departures: NaN and infinity are refused. Not here: SenML, CBOR and LwM2M
// JSON, and the types Unsigned Integer and Corelnk of LwM2M 1.1, which Object 9
// V1.0 does not use.
package wire
