package datapath

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"

	"github.com/rulewalk/rulewalk/rpdb"
)

// TestDuelLearning tells both hosts of smaller MTUs and of shorter ways, and compares how they
// answer afterwards.
func TestDuelLearning(t *testing.T) {
	d := newDuel(t, []string{"net.ipv4.conf.all.accept_redirects=1", "net.ipv4.conf.default.secure_redirects=0", "net.ipv4.conf.all.secure_redirects=0"}, append([]string{
		"neigh add 10.0.0.9 lladdr 02:00:00:00:02:09 dev a nud permanent", "neigh add fe80::9 lladdr 02:00:00:00:02:09 dev a nud permanent",
	}, duelLines...))
	router := addrBytes("10.0.0.9")
	for i, c := range []struct {
		name      string
		typ, code uint8
		info      uint32
		quoted    uint8 // the protocol of the packet that is quoted
		from      string
		sport     uint16 // of the datagram: from 9 there is a socket
	}{
		{name: "fragmentation needed, for a datagram of a socket", typ: icmpUnreach, code: unreachFragNeeded, info: 1200, quoted: 17, sport: 9, from: "10.0.0.2"},
		{name: "redirect for a datagram of a socket", typ: icmpRedirect, code: redirectHost, info: be32(router), quoted: 17, sport: 9, from: "10.0.0.2"},
		{name: "fragmentation needed, for a segment of nobody", typ: icmpUnreach, code: unreachFragNeeded, info: 1200, quoted: 6, sport: 9, from: "10.0.0.2"},
		{name: "fragmentation needed", typ: icmpUnreach, code: unreachFragNeeded, info: 1200, quoted: 1, from: "10.0.0.2"},
		{name: "fragmentation needed, for a datagram of nobody", typ: icmpUnreach, code: unreachFragNeeded, info: 1200, quoted: 17, from: "10.0.0.2"},
		{name: "a small MTU", typ: icmpUnreach, code: unreachFragNeeded, info: 300, quoted: 1, from: "203.0.113.1"},
		{name: "no MTU", typ: icmpUnreach, code: unreachFragNeeded, info: 0, quoted: 1, from: "10.0.0.2"},
		{name: "larger than the device's", typ: icmpUnreach, code: unreachFragNeeded, info: 9000, quoted: 1, from: "10.0.0.2"},
		{name: "redirect", typ: icmpRedirect, code: redirectHost, info: be32(router), quoted: 1, from: "10.0.0.2"},
		{name: "redirect of somebody else", typ: icmpRedirect, code: redirectHost, info: be32(router), quoted: 1, from: "10.0.0.8"},
		{name: "redirect for a datagram of nobody", typ: icmpRedirect, code: redirectHost, info: be32(router), quoted: 17, from: "10.0.0.2"},
		{name: "redirect beyond the link", typ: icmpRedirect, code: redirectHost, info: be32(addrBytes("203.0.113.9")), quoted: 1, from: "10.0.0.2"},
		{name: "redirect to a broadcast address", typ: icmpRedirect, code: redirectHost, info: be32(addrBytes("10.0.0.255")), quoted: 1, from: "10.0.0.2"},
		{name: "redirect of an unknown code", typ: icmpRedirect, code: 9, info: be32(router), quoted: 1, from: "10.0.0.2"},
		{name: "redirect for a request of nobody", typ: icmpRedirect, code: 3, info: be32(router), quoted: 99, from: "10.0.0.2"},
	} {
		peer := fmt.Sprintf("198.18.77.%d", i)
		q := new(Engine).build4(netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr(peer), c.quoted, 0, 64, 8).data()
		clear(q[20:])
		put16(q[20:], c.sport)
		sealIP4(q)
		m := make([]byte, icmpLen, icmpLen+len(q))
		m[0], m[1] = c.typ, c.code
		put32(m[4:], c.info)
		m = append(m, q...)
		put16(m[2:], checksum(m))
		p := new(Engine).build4(netip.MustParseAddr(c.from), netip.MustParseAddr("10.0.0.1"), 1, 0, 64, len(m)).data()
		copy(p[20:], m)
		sealIP4(p)
		d.compare(sideA, ether(hostMAC[sideA], peerMAC[sideA], protoIPv4, p), c.name)
		for _, n := range []int{56, 1400} {
			d.compare(sideA, ether(hostMAC[sideA], peerMAC[sideA], protoIPv4, echo4n(peer, "10.0.0.1", n)), fmt.Sprint("IPv4, after ", c.name, ": echo of ", n))
		}
	}
	for i, c := range []struct {
		name   string
		mtu    uint32 // 0: a redirect
		quoted uint8
		from   string
		target string
		sport  uint16
	}{
		{name: "too big, for a datagram of a socket", mtu: 1300, quoted: rpdb.ProtoUDP, sport: 9, from: "fd00:0:0:a::2"},
		{name: "redirect for a datagram of a socket", quoted: rpdb.ProtoUDP, sport: 9, from: "fe80::2", target: "fe80::9"},
		{name: "redirect for a datagram of nobody", quoted: rpdb.ProtoUDP, from: "fe80::2", target: "fe80::9"},
		{name: "redirect for a segment of nobody", quoted: rpdb.ProtoTCP, from: "fe80::2", target: "fe80::9"},
		{name: "too big", mtu: 1300, quoted: rpdb.ProtoICMPv6, from: "fd00:0:0:a::2"},
		{name: "too big, for a datagram of nobody", mtu: 1300, quoted: rpdb.ProtoUDP, from: "fd00:0:0:a::2"},
		{name: "too small an MTU", mtu: 600, quoted: rpdb.ProtoICMPv6, from: "fd00:0:0:a::2"},
		{name: "larger than the device's", mtu: 9000, quoted: rpdb.ProtoICMPv6, from: "fd00:0:0:a::2"},
		{name: "redirect", quoted: rpdb.ProtoICMPv6, from: "fe80::2", target: "fe80::9"},
		{name: "redirect of somebody else", quoted: rpdb.ProtoICMPv6, from: "fe80::8", target: "fe80::9"},
		{name: "redirect to the destination", quoted: rpdb.ProtoICMPv6, from: "fe80::2", target: "self"},
	} {
		peer := fmt.Sprintf("fd1a::77:%d", i)
		q := packet6("fd00:0:0:a::1", peer, c.quoted, 64, binary.BigEndian.AppendUint16(nil, c.sport))
		q = append(q, make([]byte, 6)...)
		put16(q[4:], 8)
		m := make([]byte, icmpLen)
		m[0] = icmp6TooBig
		put32(m[4:], c.mtu)
		hops := uint8(64)
		if c.mtu == 0 {
			hops = ndHops
			if c.target == "self" {
				c.target = peer
			}
			m = ndMessage(icmp6Redirect, 0, netip.MustParseAddr(c.target), addrBytes(peer), []byte{ndRedirected, uint8(1 + len(q)/8), 0, 0, 0, 0, 0, 0})
		}
		m = append(m, q...)
		p := packet6(c.from, "fd00:0:0:a::1", rpdb.ProtoICMPv6, hops, m)
		sealICMP6(p, p[ip6Len:])
		d.compare(sideA, ether(hostMAC[sideA], peerMAC[sideA], protoIPv6, p), c.name)
		for _, n := range []int{56, 1400} {
			d.compare(sideA, ether(hostMAC[sideA], peerMAC[sideA], protoIPv6, echo6(peer, "fd00:0:0:a::1", 64, n)), fmt.Sprint("IPv6, after ", c.name, ": echo of ", n))
		}
	}
}

func addrBytes(a string) []byte { return netip.MustParseAddr(a).AsSlice() }
