// Package tree is what every OMA DM management tree needs and no management
// object owns: addresses, access control lists, node properties and the
// serialization of sub-trees (TNDS). It knows no object, carries out no
// command and reads no clock: the time comes in with [Book.SetTime].
//
// Sources are OMA DM Tree and Description 1.2 (TND) and its serialization
// (TNDS 1.2). Where it departs from them:
//
//   - An RTProperties element always holds Type, also where a list leaves it
//     out: the DTD demands it.
//   - ?list=TNDS shows Name and Size only when they are asked for.
//   - VerNo of an interior node also counts children that come, go or are
//     renamed; that of a leaf counts every Replace, also one by the same value.
package tree
