// Package wire holds the content formats of LwM2M: text/plain, opaque, TLV,
// LwM2M JSON, SenML JSON and CBOR, plain CBOR, link-format, and the arguments of
// an Execute. Bytes to values and back; it knows no object, no CoAP and does no
// I/O. Decoders accept what devices in the field send, encoders write what the
// specification says.
//
// [Decode] and [Append] turn a payload in any format that holds values into
// entries, {path, value}, and back; a table says which formats there are. The
// bodies of the composite operations and of Send are the same with the root for
// a base: paths without values, values with times, nulls that delete.
//
// The type of a resource does not travel in TLV or text, and not wholly in
// JSON and CBOR: a time is a number there. Whoever knows the object says it, to
// Decode or later: [Value.As] makes a value of what came, [Type.FromTLV] and
// [Type.FromText] of bytes.
//
// Departures: NaN and infinity are refused. So are base values and sums of
// SenML, which LwM2M does not use, a path with two values at one time, and what
// lies outside the path that was asked for. Names without a base name and a
// slash continue the path of the request. Not here: LwM2M CBOR (11544) of LwM2M
// 1.2, and prefixes of gateways in names.
package wire
