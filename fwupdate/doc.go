// Package fwupdate is the management tree that one device shows to a legacy
// DM server: ./FwUpdate of Windows Mobile and its relatives, ./DevInfo and
// ./DevDetail. It owns the nodes with their access types, the DDF that is
// derived from them, the State codes and the FUMO result codes. It knows
// nothing of SyncML messages beyond their status codes, of LwM2M, or of how an
// update is carried out: Exec leaves an [Execution] behind for whoever drives
// the device.
//
// A [Tree] is a plain value: it is stored, reloaded, copied for an Atomic and
// compared like one.
//
// Departures from the CSP document: PkgName, PkgVersion and PkgURL may be
// added one by one and in any order; missing interior nodes are created
// (implicit Add, as Windows Mobile 6.x does).
package fwupdate
