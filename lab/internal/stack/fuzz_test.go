package stack

import (
	"net/netip"
	"testing"
	"time"

	"github.com/rulewalk/rulewalk/rpdb"
)

// Whatever arrives, as a packet or quoted in an ICMP error, nothing crashes.
func FuzzDeliver(f *testing.F) {
	w := newWorld(f, false)
	a, b := w.host("10.0.0.1", "fd00::1"), w.host("10.0.0.2", "fd00::2")
	l, err := b.stack.ListenTCP("tcp", addrPort("[::]:80"), Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { l.Close() })
	pair(f, a, l, "10.0.0.2:80")
	listenUDP(f, b, "udp", "[::]:53", Options{RecvErr: true})
	for _, network := range []string{"ip4", "ip6"} {
		c, err := b.stack.ListenPing(network, netip.Addr{}, 7, Options{RecvErr: true})
		if err != nil {
			f.Fatal(err)
		}
		f.Cleanup(func() { c.Close() })
		r, err := b.stack.ListenRaw(network, rpdb.ProtoTCP, netip.Addr{}, Options{RecvErr: true})
		if err != nil {
			f.Fatal(err)
		}
		f.Cleanup(func() { r.Close() })
	}
	for _, p := range w.packets(func([]byte) bool { return true }) {
		proto, at := upper(p)
		f.Add(p, proto, uint8(at), uint8(icmpUnreach), uint8(3), uint32(0))
		f.Add(p, proto, uint8(at), uint8(icmpUnreach), uint8(icmpFragNeeded), uint32(600))
	}
	ip := ipHeader{src: netip.MustParseAddr("fd00::1"), dst: netip.MustParseAddr("fd00::2"), ttl: 1}
	f.Add(udpPacket(&ip, 53, 53, []byte("x")), rpdb.ProtoUDP, uint8(40), uint8(icmp6TooBig), uint8(0), uint32(1280))
	f.Add([]byte{0x45}, uint8(0), uint8(20), uint8(0), uint8(0), uint32(0))
	f.Fuzz(func(_ *testing.T, p []byte, proto, at, typ, code uint8, info uint32) {
		b.stack.Deliver(p, Arrival{
			IIF: eth0, Proto: proto, Upper: int(at), Type: rpdb.Local, Verified: true, Time: time.Unix(0, 0),
		})
		b.stack.ICMPError(ICMPError{
			Offender: netip.MustParseAddr("10.0.0.9"), Type: typ, Code: code, Info: info, Quoted: p, IIF: eth0,
		})
	})
}
