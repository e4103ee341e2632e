package coaptest

import (
	"fmt"
	"net/netip"
	"time"
)

// Deliver lets a datagram arrive at once.
func Deliver(p Packet) []Arrival { return []Arrival{{0, p.Data}} }

// Lose lets none arrive.
func Lose(Packet) []Arrival { return nil }

// Delay lets a datagram arrive late; with other datagrams sent meanwhile it
// arrives after them.
func Delay(d time.Duration) Rule {
	return func(p Packet) []Arrival { return []Arrival{{d, p.Data}} }
}

// Repeat lets a datagram arrive at once, and again after d.
func Repeat(d time.Duration) Rule {
	return func(p Packet) []Arrival { return []Arrival{{0, p.Data}, {d, p.Data}} }
}

// Corrupt lets a datagram arrive with a version that no CoAP message has, which
// the receiver must ignore.
func Corrupt(p Packet) []Arrival {
	b := append([]byte(nil), p.Data...)
	if len(b) > 0 {
		b[0] &= 0x3f
	}
	return []Arrival{{0, b}}
}

// Nth applies the rule to the n-th datagram from one address to another, and
// delivers the others.
func Nth(from, to netip.AddrPort, n int, r Rule) Rule {
	return func(p Packet) []Arrival {
		if p.From == from && p.To == to && p.N == n {
			return r(p)
		}
		return Deliver(p)
	}
}

// From applies the rule to every datagram from an address.
func From(from netip.AddrPort, r Rule) Rule {
	return func(p Packet) []Arrival {
		if p.From == from {
			return r(p)
		}
		return Deliver(p)
	}
}

// Kind is the type and code of a CoAP message, "CON 0.01", "ACK 0.00", or
// "garbage".
func Kind(data []byte) string {
	if len(data) < 4 || data[0]>>6 != 1 {
		return "garbage"
	}
	types := [...]string{"CON", "NON", "ACK", "RST"}
	return fmt.Sprintf("%s %d.%02d", types[data[0]>>4&3], data[1]>>5, data[1]&0x1f)
}
