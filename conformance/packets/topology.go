package packets

import (
	"fmt"
	"net/netip"
	"strings"
)

// Step is a line of a topology: what one host is told.
type Step struct {
	Host string
	Tool string // ip, ip -6 or sysctl
	Args string // "link add ...", "net.ipv4.ip_forward=1"; "netns NAME" names a host
	// Basic tells that all hosts of all topologies have this, see basics.
	Basic bool
}

// String is the step as a line of a shell.
func (s Step) String() string {
	if s.Tool == "sysctl" {
		return fmt.Sprintf("%s: sysctl -w %s", s.Host, s.Args)
	}
	return fmt.Sprintf("%s: %s %s", s.Host, s.Tool, s.Args)
}

// Topology is a network of hosts, built by steps in their order, and the probes that are
// sent in it.
type Topology struct {
	Seed, Number uint64
	Hosts        []string
	Steps        []Step
	Probes       []Probe
}

// Kind is what a probe is sent by.
type Kind uint8

// The kinds of probes.
const (
	UDP    Kind = iota // a datagram of a UDP socket
	Echo               // an echo request of a raw ICMP socket
	Packet             // a whole IPv4 packet (IP_HDRINCL)
	SYN                // a TCP segment of a raw TCP socket
)

// Probe is one packet that a host sends.
type Probe struct {
	Host   string
	Kind   Kind
	Src    netip.Addr // bound to; invalid: not bound
	Dst    netip.Addr
	SPort  uint16
	DPort  uint16
	Size   int // of the payload
	TTL    uint8
	TOS    uint8
	Mark   uint32
	Device string // SO_BINDTODEVICE
	PMTU   int    // IP_MTU_DISCOVER
	Cast   bool   // SO_BROADCAST
	Direct bool   // SO_DONTROUTE
	Data   []byte // the packet of kind Packet, the segment of kind SYN
}

// String tells the probe.
func (p *Probe) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s sends ", p.Host)
	switch p.Kind {
	case UDP:
		fmt.Fprintf(&b, "UDP %d bytes port %d > %d", p.Size, p.SPort, p.DPort)
	case Echo:
		fmt.Fprintf(&b, "ICMP echo %d bytes", p.Size)
	case Packet:
		fmt.Fprintf(&b, "packet %s", describeIP(p.Data))
	case SYN:
		fmt.Fprintf(&b, "TCP SYN %d > %d", p.SPort, p.DPort)
	}
	fmt.Fprintf(&b, " to %v", p.Dst)
	if p.Src.IsValid() {
		fmt.Fprintf(&b, " from %v", p.Src)
	}
	for _, x := range []struct {
		name string
		v    int
	}{{"ttl", int(p.TTL)}, {"tos", int(p.TOS)}, {"mark", int(p.Mark)}, {"pmtu", p.PMTU}} {
		if x.v != 0 {
			fmt.Fprintf(&b, " %s %#x", x.name, x.v)
		}
	}
	if p.Device != "" {
		fmt.Fprintf(&b, " dev %s", p.Device)
	}
	if p.Cast {
		b.WriteString(" broadcast")
	}
	if p.Direct {
		b.WriteString(" dontroute")
	}
	if p.Kind == Packet {
		fmt.Fprintf(&b, " [%x]", p.Data[:min(len(p.Data), 60)])
	}
	return b.String()
}

// Frame is a frame that a device sent or received.
type Frame struct {
	Device string // HOST/DEVICE
	Out    bool
	Data   []byte
}

// place names the device and the direction.
func (f *Frame) place() string {
	if f.Out {
		return f.Device + " out"
	}
	return f.Device + " in"
}

// openPort is the UDP port that every host listens on.
const openPort = 9
