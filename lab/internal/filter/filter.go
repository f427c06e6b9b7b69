// Package filter chooses packets by tcpdump's filter expressions (pcap-filter(7)): which
// packets match, and what is wrong with an expression, are as libpcap 1.10 has them.
//
// An expression is parsed to a tree, and the tree compiled for a link type to
// functions over a packet. As in the programs that libpcap makes for the kernel, a test
// that would read past the captured bytes rejects the packet, whatever stands around it;
// tests are made in the order in which they are written, as libpcap's are without its
// optimizer (tcpdump -O).
package filter

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/rulewalk/rulewalk/lab/internal/capture"
)

// Resolver finds what the names in an expression mean. A host's files are one.
type Resolver interface {
	// Host returns the addresses of a name, none if it is unknown.
	Host(name string) []netip.Addr
	// Port returns the port of a service's name; protocol is tcp, udp or sctp.
	Port(name, protocol string) (uint16, bool)
	// Protocol returns the number of an IP protocol's name.
	Protocol(name string) (uint8, bool)
}

// Options say what packets an expression is for.
type Options struct {
	LinkType capture.LinkType
	Savefile bool     // packets come from a file, where a few tests cannot be made
	Netmask  uint32   // of the interface's network, for "ip broadcast"; 0 if it is unknown
	Names    Resolver // nil knows no names
}

// Program is a compiled expression. It is for one goroutine.
type Program struct {
	test func(*machine) bool
	m    machine
}

// Compile compiles an expression; an empty one matches every packet. Errors have
// libpcap's words.
func Compile(expression string, o Options) (*Program, error) {
	c := compiler{options: o}
	if err := c.link(); err != nil {
		return nil, err
	}
	n, read, err := parse(expression)
	if err != nil {
		for _, n := range read {
			if _, wrong := c.node(n); wrong != nil {
				return nil, wrong
			}
		}
		return nil, err
	}
	if n == nil {
		return &Program{}, nil
	}
	t, err := c.node(n)
	if err != nil {
		return nil, err
	}
	if t.constant && !t.always {
		return nil, errors.New("expression rejects all packets")
	}
	return &Program{test: t.match}, nil
}

// Match says whether a packet matches. It must have the link type that the program was
// compiled for. It does not allocate.
func (p *Program) Match(pkt *capture.Packet) bool {
	if p.test == nil {
		return true
	}
	p.m = machine{data: pkt.Data, length: uint32(pkt.Length), packet: pkt}
	return p.test(&p.m) && !p.m.rejected
}

// unsupported is the error for what libpcap knows and this package does not.
func unsupported(what string) error { return fmt.Errorf("'%s' is not supported here", what) }
