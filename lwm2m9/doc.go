// Package lwm2m9 is Object 9, Software Management, of LwM2M: its states and
// results as types, the two dialects in which devices number them and their
// detection, both state machines as tables, and the resources. It sends and
// receives nothing; CoAP and content formats are below it (coap, wire),
// registrations and requests in server.
//
// Numbers exist only at the edge: [Dialect] turns a number into an
// [UpdateState] or [UpdateResult] and back; everything above compares names.
// On the way up, an answer becomes [Values] (Decode, for any format),
// the values an [Instance] (ReadInstance), its pair of numbers goes to the
// [Detector], and [Instance.In] names them in the dialect in force.
//
// Where the seed document (OMA draft "Software Management Object") says two
// things, both are named [Options] of [Machine], with the defaults of
// mapping.md section 2.
//
// Departures: resources 19 and higher of Object 9 V1.1 are ignored. Optional
// resources with a value of the wrong type are left out of a reading instead
// of spoiling it. A state or result outside the tables is no error: it is
// unknown, and its number is kept.
package lwm2m9
