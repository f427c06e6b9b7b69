// Package packettest makes the packets that tests of captures read: of each protocol
// that a lab's hosts speak, whole, cut short and damaged.
package packettest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/rulewalk/rulewalk/lab/internal/capture"
)

// packet is a packet of the network layer and its EtherType.
type packet struct {
	kind int
	data []byte
}

func network() []packet {
	var all []packet
	ip := func(p ...[]byte) {
		for _, b := range p {
			kind := etherIPv4
			if b[0]>>4 == 6 {
				kind = etherIPv6
			}
			all = append(all, packet{kind, b})
		}
	}
	ip(tcpPackets()...)
	ip(udpPackets()...)
	ip(icmpPackets()...)
	ip(icmp6Packets()...)
	ip(tunnelPackets()...)
	ip(headerPackets()...)
	return append(all, arpPackets()...)
}

// Packets returns the packets: all of them on Ethernet, and what can be without it also
// with the other headers. They are the same every time.
func Packets() []capture.Packet {
	var all []capture.Packet
	add := func(link capture.LinkType, b []byte) {
		all = append(all, capture.Packet{LinkType: link, Data: b, Length: len(b)})
	}
	for _, f := range etherFrames() {
		add(capture.Ethernet, f)
	}
	for _, p := range network() {
		add(capture.Ethernet, etherFrame(p.kind, p.data))
	}
	for i, p := range network() {
		if i%7 == 0 && p.kind != etherARP && p.kind != etherRARP {
			add(capture.Raw, p.data)
		}
		if i%5 == 0 {
			add(capture.LinuxSLL, join(be16(i%6), be16(1), be16(6*(i%2)), raw("0200000000010000"), be16(p.kind), p.data))
			add(capture.LinuxSLL2, join(be16(p.kind), be16(0), be32(1), be16(772), []byte{byte(i % 6), byte(6 * (i % 2))}, raw("0200000000010000"), p.data))
		}
	}
	add(capture.Raw, raw("75"))
	for _, s := range []string{"0004", "0001", "0007", "1234", "8100"} {
		body := join(raw("424203 0000 00 80"), zeros(30))
		if s == "8100" {
			body = join(raw("0005 0800"), udp4(udpDatagram(1, 2, nil)))
		}
		add(capture.LinuxSLL, join(raw("0000 0001 0006 0200000000010000"), raw(s), body))
		add(capture.LinuxSLL2, join(raw(s), raw("0000 00000001 0304 00 06 0200000000010000"), body))
	}
	start := time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC)
	for i := range all {
		all[i].Time = start.Add(time.Duration(i) * 1234567 * time.Microsecond)
	}
	return all
}

// Cut returns packets of which fewer bytes were captured: of each, n random cuts.
func Cut(pkts []capture.Packet, r *rand.Rand, n int) []capture.Packet {
	var out []capture.Packet
	for _, p := range pkts {
		for range n {
			q := p
			if len(p.Data) > 1 {
				q.Data = p.Data[:1+r.IntN(len(p.Data)-1)]
			}
			out = append(out, q)
		}
	}
	return out
}

// Damage returns packets with a few bytes changed: of each, n.
func Damage(pkts []capture.Packet, r *rand.Rand, n int) []capture.Packet {
	var out []capture.Packet
	for _, p := range pkts {
		for range n {
			q := p
			q.Data = append([]byte(nil), p.Data...)
			for range 1 + r.IntN(3) {
				q.Data[r.IntN(len(q.Data))] = byte(r.IntN(256))
			}
			if r.IntN(4) == 0 {
				q.Data = q.Data[:1+r.IntN(len(q.Data))]
			}
			out = append(out, q)
		}
	}
	return out
}

// Describe names a packet in a test's message.
func Describe(p *capture.Packet) string {
	return fmt.Sprintf("%s, %d of %d bytes: %x", p.LinkType, len(p.Data), p.Length, p.Data)
}

// ByLinkType divides packets, for pcap files have one link type.
func ByLinkType(pkts []capture.Packet) map[capture.LinkType][]capture.Packet {
	g := make(map[capture.LinkType][]capture.Packet)
	for _, p := range pkts {
		g[p.LinkType] = append(g[p.LinkType], p)
	}
	return g
}

// Pcap returns a pcap file of packets that have one link type.
func Pcap(pkts []capture.Packet) ([]byte, error) {
	var file bytes.Buffer
	w := pcapgo.NewWriter(&file)
	if err := w.WriteFileHeader(262144, layers.LinkType(pkts[0].LinkType)); err != nil {
		return nil, err
	}
	for _, p := range pkts {
		ci := gopacket.CaptureInfo{Timestamp: p.Time, CaptureLength: len(p.Data), Length: p.Length}
		if err := w.WritePacket(ci, p.Data); err != nil {
			return nil, err
		}
	}
	return file.Bytes(), nil
}

// Second is a time that tells the place of a packet in a file.
func Second(place int) time.Time { return time.Unix(int64(place), 0) }

// Place is the place that a time of Second tells.
func Place(t time.Time) int { return int(t.Unix()) }
