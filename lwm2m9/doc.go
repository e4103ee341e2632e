// Package lwm2m9 is Object 9, Software Management, of LwM2M: its states and
// results as types, the two dialects in which devices number them, both state
// machines as tables, and the resources. It sends and receives nothing; CoAP
// and content formats are below it (coap, wire), registrations and requests in
// server.
//
// Numbers exist only at the edge: [Dialect] turns a number into an
// [UpdateState] or [UpdateResult] and back; everything above compares names.
//
// Departures from the seed document (OMA draft "Software Management Object")
// are named options of [Machine] with the defaults of mapping.md section 2.
package lwm2m9
