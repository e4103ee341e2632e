// Package fwupdate is the management tree that one device shows to a legacy
// DM server: ./FwUpdate and ./Vendor/MSFT/ROMPackage of Windows Mobile,
// ./DevInfo, ./DevDetail, and the account in the layout of DM 1.2 (./DMAcc) or
// 1.1.2 (./SyncML/DMAcc). It owns the nodes with their access types, the DDF
// that is derived from them, the State codes and the FUMO result codes;
// addresses, access control lists, properties and TNDS are in package tree. It
// holds no secret, not even in the nodes of passwords and nonces. It knows
// nothing of SyncML messages beyond their Items and status codes, of LwM2M, or
// of how an update is carried out: Exec leaves an [Execution] behind for
// whoever drives the device.
//
// A [Tree] is a plain value: it is stored, reloaded, copied for an Atomic and
// compared like one.
//
// Every command is checked in one order (that of a deployed client; the
// specification fixes none): the URI
// (404, 406, 414), existence (404, 418), the server's rights (425), access type
// (405), format and type (415), data (412), size and space (413, 420). The
// first failure is the answer, and it changes nothing.
//
// Departures from the CSP document and from OMA DM:
//
//   - PkgName, PkgVersion and PkgURL may be added one by one and in any order;
//     missing interior nodes are created (implicit Add, as Windows Mobile 6.x
//     does), in DM 1.1.2 too.
//   - Add of State and of ./FwUpdate is 405 although they exist: they can never
//     be added.
//   - A node that the objects do not define is 405 for Add inside them and 404
//     outside.
//   - A server without one of the CSP's roles may nothing, whatever the access
//     control lists say: "*" there is everybody who manages the device. An
//     object's list gives all rights to the holders of roles until a server
//     replaces it; emptied, it is that again, so that nobody is locked out.
//   - Who may Add but not Replace gets its new node with the inherited list and
//     its own Add, Delete, Get and Replace in it: it could not look after the
//     node otherwise.
//   - Replace of Name (rename) is for packages only; 403 while their drive runs.
//   - A TNDS document is taken below ./FwUpdate. A read-only node in it, such as
//     State, has to be as it is. Replace deletes what the document lacks.
//   - Size is not shown of what nobody may read.
//   - A malformed URI is 404, not 400: such a node does not exist.
//   - {x}, %7Bx%7D and %7bx%7d name the same package; lists show %7Bx%7D.
package fwupdate
