// Package dmdevice is a fleet of simulated legacy DM devices as Windows Mobile
// made them: they know ./FwUpdate and nothing else. They hold sessions with a
// DM server on a schedule and when a trigger comes, fetch the package with HEAD
// and Range, go through the States, and report the end with a Generic Alert in
// package 1 of a new session until it is answered. Quirks are what such devices
// are known for, faults are what goes wrong with one.
//
// The sessions are those of syncml/session and the tree is fwupdate.Tree, with
// quirks around both; sockets for triggers are package smsgate's. Nothing is
// stored: a simulated reboot keeps or loses what the fault says.
//
// Departures from Windows Mobile: no OMA Download descriptors, no user to ask,
// one account, one update at a time. A package that is not of the format of
// simpackage counts as good. Two addresses of one download (a super package)
// are not told apart.
//
// # Threads
//
// [Fleet.Run] owns everything. One goroutine, the loop, knows when each device
// has something to do; a turn of a device (one session, or one request of a
// download) runs in a goroutine of its own, at most Config.Workers of them. A
// device is only touched by its turn, but for what Device.mu guards. A device
// that waits has neither goroutine nor timer.
package dmdevice
