// Package capture holds captured packets and the files they are kept in.
//
// A [Packet] is what a tap on an interface saw: the bytes, when, on which
// interface and in which direction, and what was decided about it. [Writer] keeps
// packets as pcapng with all of that; [NewReader] reads pcapng and pcap. The
// package needs no operating system and no emulated one.
package capture

import (
	"encoding/binary"
	"fmt"
	"time"
)

// LinkType says how the bytes of a packet begin, by the numbers that capture files
// use (https://www.tcpdump.org/linktypes.html).
type LinkType uint16

// The link types that Linux's interfaces have here.
const (
	Ethernet  LinkType = 1
	Raw       LinkType = 101 // IPv4 or IPv6, no header before it
	LinuxSLL  LinkType = 113 // "cooked": 16 bytes in front, the direction and the protocol
	LinuxSLL2 LinkType = 276 // the same with the interface's index: what "any" captures
)

var linkTypes = map[LinkType]struct{ name, description string }{
	Ethernet:  {"EN10MB", "Ethernet"},
	Raw:       {"RAW", "Raw IP"},
	LinuxSLL:  {"LINUX_SLL", "Linux cooked v1"},
	LinuxSLL2: {"LINUX_SLL2", "Linux cooked v2"},
}

// String returns libpcap's name of the link type: EN10MB, LINUX_SLL2. A type that is
// not one of the constants is its number.
func (t LinkType) String() string {
	if l, ok := linkTypes[t]; ok {
		return l.name
	}
	return fmt.Sprint(uint16(t))
}

// Description returns libpcap's words for the link type, or "" for a type that is
// not one of the constants.
func (t LinkType) Description() string { return linkTypes[t].description }

// Direction is how a packet met the interface that saw it: sent, or received and
// for whom. A received packet's direction is the kernel's packet type (PACKET_HOST
// and so on, eth_type_trans). Zero is unknown.
type Direction uint8

// The directions.
const (
	Unknown   Direction = iota
	In                  // received, for this host
	Broadcast           // received, to all hosts of the link
	Multicast           // received, to a group
	OtherHost           // received, for another host (seen by a promiscuous interface)
	Out                 // sent
)

// Interface is what a captured packet tells of the interface that saw it.
type Interface struct {
	Name     string
	Index    int    // 0 if unknown
	Hardware uint16 // the kernel's ARPHRD_*: 1 Ethernet, 772 loopback, 65534 none
}

// The hardware types that Cook and its callers need.
const (
	HardwareEthernet uint16 = 1
	HardwareLoopback uint16 = 772
	HardwareNone     uint16 = 65534
)

// Packet is one captured packet.
type Packet struct {
	Time      time.Time
	LinkType  LinkType
	Data      []byte // what was captured: at most Length bytes
	Length    int    // how long it was on the wire
	Interface Interface
	Direction Direction
	Comment   string // what was decided about it, in one line; "" for none
}

// Truncate cuts what is kept of the packet to n bytes. Zero keeps all.
func (p *Packet) Truncate(n int) {
	if n > 0 && len(p.Data) > n {
		p.Data = p.Data[:n]
	}
}

const (
	etherLen = 14
	// SLL2Len is the length of a cooked header, version 2.
	SLL2Len = 20

	maxLengthField = 1500 // a type field of an Ethernet frame up to this is a length (802.3)
	protoNovell    = 1    // 802.3 without LLC
	protoLLC       = 4    // 802.2 frames
)

// Cook returns the packet as a capture on all interfaces sees it: with a cooked
// header, version 2, in place of its link header. It copies the bytes. A packet
// that is cooked already, or too short to have a link header, is returned as it is.
func (p *Packet) Cook() Packet {
	var header int
	var proto uint16
	var from []byte // the sender's hardware address
	switch p.LinkType {
	case Ethernet:
		if len(p.Data) < etherLen {
			return *p
		}
		header, from, proto = etherLen, p.Data[6:12], frameProtocol(p.Data)
	case Raw:
		if len(p.Data) == 0 {
			return *p
		}
		proto = 0x0800
		if p.Data[0]>>4 == 6 {
			proto = 0x86dd
		}
	default:
		return *p
	}
	b := make([]byte, SLL2Len, SLL2Len+len(p.Data)-header)
	binary.BigEndian.PutUint16(b[0:], proto)
	binary.BigEndian.PutUint32(b[4:], uint32(p.Interface.Index))
	binary.BigEndian.PutUint16(b[8:], p.Interface.Hardware)
	b[10] = p.Direction.packetType()
	b[11] = uint8(len(from))
	copy(b[12:], from)
	cooked := *p
	cooked.LinkType = LinuxSLL2
	cooked.Data = append(b, p.Data[header:]...)
	cooked.Length = p.Length - header + SLL2Len
	return cooked
}

// frameProtocol is the kernel's skb->protocol of an Ethernet frame (eth_type_trans).
func frameProtocol(frame []byte) uint16 {
	t := binary.BigEndian.Uint16(frame[12:])
	switch {
	case t > maxLengthField:
		return t
	case len(frame) >= etherLen+2 && frame[14] == 0xff && frame[15] == 0xff:
		return protoNovell
	default:
		return protoLLC
	}
}

// packetType is the kernel's PACKET_* number: PACKET_HOST is 0, PACKET_OUTGOING 4.
func (d Direction) packetType() uint8 {
	if d == Unknown {
		return 0
	}
	return uint8(d - In)
}

// cookedDirection reads the direction, and for version 2 the interface's index and
// both versions' hardware type, from a cooked header.
func (p *Packet) cookedDirection() {
	var kind uint16
	switch {
	case p.LinkType == LinuxSLL2 && len(p.Data) >= SLL2Len:
		kind = uint16(p.Data[10])
		p.Interface.Index = int(binary.BigEndian.Uint32(p.Data[4:]))
		p.Interface.Hardware = binary.BigEndian.Uint16(p.Data[8:])
	case p.LinkType == LinuxSLL && len(p.Data) >= 16:
		kind = binary.BigEndian.Uint16(p.Data)
		p.Interface.Hardware = binary.BigEndian.Uint16(p.Data[2:])
	default:
		return
	}
	if kind <= 4 {
		p.Direction = In + Direction(kind)
	}
}
