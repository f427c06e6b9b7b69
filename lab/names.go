package lab

import (
	"net/netip"
	"slices"

	"github.com/rulewalk/rulewalk/rpdb"
)

// resolver returns what finds the addresses of the hosts of the world by their names, for
// somebody on a host: as if they were in /etc/hosts. Hosts are namespaces that have a name;
// see [reachable] for the order.
func (s *Server) resolver(from *space) func(name string) []netip.Addr {
	return func(name string) []netip.Addr {
		to, release, err := s.spaces.hold(0, name)
		if name == "" || err != nil {
			return nil
		}
		defer release()
		return reachable(usable(from), usable(to))
	}
}

// usable are the addresses of a host that others can use: not those of its loopback device,
// link-local ones, and those that are not valid yet; in the order of devices and of their lists.
func usable(sp *space) (addrs []rpdb.Addr) {
	for _, a := range sp.ns.View().Database.State().Addrs {
		const unusable = rpdb.IFATentative | rpdb.IFADADFailed
		if a.Index != rpdb.Loopback && a.Local.IsGlobalUnicast() && a.Flags&unusable == 0 {
			addrs = append(addrs, a)
		}
	}
	slices.SortStableFunc(addrs, func(a, b rpdb.Addr) int { return a.Index - b.Index })
	return addrs
}

// reachable puts the addresses of a host in order for another one: IPv4 before IPv6, and of
// each family those in a subnet that both are in before the others. Addresses of a family
// that the other host has none of do not count.
func reachable(from, to []rpdb.Addr) (out []netip.Addr) {
	shared := func(a rpdb.Addr) bool {
		return slices.ContainsFunc(from, func(f rpdb.Addr) bool {
			return f.Family == a.Family && netip.PrefixFrom(f.Local, int(f.PrefixLen)).Masked().Contains(a.Local)
		})
	}
	for _, family := range []rpdb.Family{rpdb.IPv4, rpdb.IPv6} {
		if !slices.ContainsFunc(from, func(a rpdb.Addr) bool { return a.Family == family }) {
			continue
		}
		for _, near := range []bool{true, false} {
			for _, a := range to {
				if a.Family == family && shared(a) == near {
					out = append(out, a.Local)
				}
			}
		}
	}
	return out
}
