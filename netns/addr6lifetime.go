package netns

import "github.com/rulewalk/rulewalk/rpdb"

// verify6 ends lifetimes that are over (addrconf_verify_rtnl).
func (n *Namespace) verify6() {
	now := n.world.now() + hz/50
	next := jiffies(0)
	soon := func(t jiffies) {
		if next == 0 || t < next {
			next = t
		}
	}
	for _, d := range n.devices.list {
		for _, a := range n.inet6(d).snapshot() {
			if a.preferred == rpdb.Forever && (a.flags&rpdb.IFAPermanent != 0 || a.valid == rpdb.Forever) {
				continue
			}
			age := uint32((now - a.updated) / hz)
			switch {
			case a.valid != rpdb.Forever && age >= a.valid:
				n.deleteAddr6(a)
				continue
			case a.preferred != rpdb.Forever && age >= a.preferred && a.flags&rpdb.IFADeprecated == 0:
				a.flags |= rpdb.IFADeprecated
				n.changes.Add(1)
				n.notifyAddr6(a)
			case a.preferred != rpdb.Forever && age < a.preferred:
				soon(a.updated + seconds(a.preferred))
			}
			if a.valid != rpdb.Forever {
				soon(a.updated + seconds(a.valid))
			}
		}
	}
	n.addrs6.verify = next
}
