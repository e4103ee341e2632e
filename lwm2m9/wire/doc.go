// Package wire holds the content formats of LwM2M: text/plain, opaque, TLV and
// link-format. Bytes to values and back; it knows no object, no CoAP and does
// no I/O. Decoders accept what devices in the field send, encoders write what
// the specification says.
package wire
