package revive

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/rulewalk/rulewalk/rpdb"
)

// Guess is a cable that two or more hosts may share, because they have addresses of one
// subnet.
type Guess struct {
	Ends   []string // host:device
	Reason string
	// Made tells that the cable is made; else Reason says why not.
	Made bool

	ends []end
}

// String tells the guess in one line.
func (g Guess) String() string {
	verb := "link "
	if !g.Made {
		verb = "no link "
	}
	return verb + strings.Join(g.Ends, " -- ") + ": " + g.Reason
}

// end is a device of a source where a cable may be plugged in.
type end struct {
	source int
	link   *rpdb.Link
}

// member is a host in a subnet.
type member struct {
	end
	addr netip.Addr
	dev  string // that has the address
	not  string // why it has no cable of its own
}

// GuessLinks guesses the cables between hosts: who has addresses of one subnet is taken to
// be on one wire. What is ambiguous is told and not made: two devices of a host in a
// subnet, an address that two hosts have, devices that are no cable's end.
func GuessLinks(sources []Source) []Guess {
	subnets := map[netip.Prefix][]member{}
	for i, src := range sources {
		for _, a := range src.State.Addrs {
			if p, m, ok := wired(src.State, i, &a); ok {
				subnets[p] = append(subnets[p], m)
			}
		}
	}
	var refused []Guess
	var wires []wire
	for _, p := range sortedSubnets(subnets) {
		members := subnets[p]
		if !shared(members) {
			continue
		}
		g := Guess{Ends: endNames(sources, members), Reason: ambiguous(sources, p, members)}
		if g.Reason != "" {
			refused = append(refused, g)
			continue
		}
		wires = join(wires, wire{members: members, subnets: []netip.Prefix{p}})
	}
	var made []Guess
	for _, w := range wires {
		made = append(made, w.guess(sources))
	}
	return append(made, refused...)
}

// wired returns the subnet of an address, and the device that its packets leave by.
func wired(s *rpdb.State, source int, a *rpdb.Addr) (netip.Prefix, member, bool) {
	if a.Scope != rpdb.ScopeGlobal || a.Local.IsLoopback() || a.Local.IsLinkLocalUnicast() || a.Peer.IsValid() ||
		int(a.PrefixLen) >= a.Local.BitLen() || a.PrefixLen == 0 {
		return netip.Prefix{}, member{}, false
	}
	link := linkOf(s, a.Index)
	if link == nil || link.IsLoopback() {
		return netip.Prefix{}, member{}, false
	}
	m := member{end: end{source, link}, addr: a.Local, dev: link.Name}
	if link.Kind == "bridge" {
		var ports []*rpdb.Link
		for i := range s.Links {
			if l := &s.Links[i]; l.Master == link.Index && isCard(l) {
				ports = append(ports, l)
			}
		}
		if len(ports) == 1 {
			m.link = ports[0]
		} else {
			m.not = fmt.Sprintf("%s is a bridge with %d network cards", link.Name, len(ports))
		}
	} else if !isCard(link) {
		m.not = fmt.Sprintf("%s is a %s device", link.Name, link.Kind)
	}
	return a.Subnet(), m, true
}

// isCard tells whether a cable can be plugged into a device.
func isCard(l *rpdb.Link) bool {
	const ether = 1 // ARPHRD_ETHER
	switch l.Kind {
	case "", "veth", "bond", "team":
		return l.Type == ether || l.Type == 0
	}
	return false
}

func linkOf(s *rpdb.State, index int) *rpdb.Link {
	for i := range s.Links {
		if s.Links[i].Index == index {
			return &s.Links[i]
		}
	}
	return nil
}

func sortedSubnets(m map[netip.Prefix][]member) []netip.Prefix {
	var out []netip.Prefix
	for p := range m {
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b netip.Prefix) int {
		return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
	})
	return out
}

// shared tells whether members are of more than one host.
func shared(members []member) bool {
	return slices.ContainsFunc(members, func(m member) bool { return m.source != members[0].source })
}

func endNames(sources []Source, members []member) []string {
	var out []string
	for _, m := range members {
		if n := sources[m.source].Name + ":" + m.dev; !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// ambiguous says why nobody can tell from a subnet who is on a wire with whom; empty if one
// can.
func ambiguous(sources []Source, p netip.Prefix, members []member) string {
	for i, a := range members {
		for _, b := range members[:i] {
			switch {
			case a.source == b.source && a.link != b.link:
				return fmt.Sprintf("%s has two devices in %v, %s and %s", sources[a.source].Name, p, b.dev, a.dev)
			case a.source != b.source && a.addr == b.addr:
				return fmt.Sprintf("both have %v of %v: such a network is inside of each, or they stand in for one another", a.addr, p)
			}
		}
	}
	for _, m := range members {
		if m.not != "" {
			return fmt.Sprintf("they share %v, but on %s %s", p, sources[m.source].Name, m.not)
		}
	}
	return ""
}

// wire is what all that share a subnet, or a device with somebody who does, are on.
type wire struct {
	members []member
	subnets []netip.Prefix
}

// join adds a wire to others, as a part of those that it has a device in common with.
func join(wires []wire, w wire) []wire {
	var out []wire
	for _, x := range wires {
		touches := slices.ContainsFunc(x.members, func(a member) bool {
			return slices.ContainsFunc(w.members, func(b member) bool { return a.link == b.link })
		})
		if !touches {
			out = append(out, x)
			continue
		}
		w = wire{append(x.members, w.members...), append(x.subnets, w.subnets...)}
	}
	return append(out, w)
}

// guess makes a guess of a wire.
func (w wire) guess(sources []Source) Guess {
	g := Guess{Made: true}
	for _, m := range w.members {
		if !slices.ContainsFunc(g.ends, func(e end) bool { return e.link == m.link }) {
			g.ends = append(g.ends, m.end)
			g.Ends = append(g.Ends, sources[m.source].Name+":"+m.link.Name)
		}
	}
	var why []string
	for _, p := range w.subnets {
		var who []string
		for _, m := range w.members {
			if p.Contains(m.addr) {
				who = append(who, fmt.Sprintf("%s has %v", sources[m.source].Name, m.addr))
			}
		}
		why = append(why, fmt.Sprintf("%v: %s", p, strings.Join(who, ", ")))
	}
	g.Reason = strings.Join(why, "; ")
	if len(g.ends) > 2 {
		g.Reason = "by a switch, " + g.Reason
	}
	return g
}
