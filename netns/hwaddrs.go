package netns

import (
	"bytes"
	"net/netip"
	"slices"
)

// hwAddrs are hardware addresses that a device receives beside its own, in the order
// in which they were asked for (struct netdev_hw_addr_list).
type hwAddrs []hwAddr

type hwAddr struct {
	addr  []byte
	users int
	// synced counts the devices on top that want the address by theirs, syncs how
	// often this one has the device below want it.
	synced, syncs int
}

func (l hwAddrs) find(addr []byte) int {
	return slices.IndexFunc(l, func(h hwAddr) bool { return bytes.Equal(h.addr, addr) })
}

// add is __hw_addr_add: an address that is there gets one more user.
func (l *hwAddrs) add(addr []byte) {
	if i := l.find(addr); i >= 0 {
		(*l)[i].users++
		return
	}
	*l = append(*l, hwAddr{addr: bytes.Clone(addr), users: 1})
}

// del is __hw_addr_del; false if the address is not there.
func (l *hwAddrs) del(addr []byte) bool {
	i := l.find(addr)
	if i < 0 {
		return false
	}
	l.drop(i)
	return true
}

func (l *hwAddrs) drop(i int) {
	if (*l)[i].users--; (*l)[i].users == 0 {
		*l = slices.Delete(*l, i, i+1)
	}
}

// syncTo has another list hold the addresses that this one holds, and no longer those
// that are held here for nothing else (__hw_addr_sync).
func (l *hwAddrs) syncTo(to *hwAddrs) {
	for i := 0; i < len(*l); i++ {
		switch h := &(*l)[i]; {
		case h.syncs == 0:
			to.add(h.addr)
			(*to)[to.find(h.addr)].synced++
			h.syncs++
			h.users++
		case h.users == 1 && l.unsync(to, i):
			i--
		}
	}
}

// unsyncFrom undoes syncTo (__hw_addr_unsync).
func (l *hwAddrs) unsyncFrom(to *hwAddrs) {
	for i := 0; i < len(*l); i++ {
		if (*l)[i].syncs > 0 && l.unsync(to, i) {
			i--
		}
	}
}

// unsync lets another list no longer hold an address, and reports whether it is gone
// from this one too (__hw_addr_unsync_one).
func (l *hwAddrs) unsync(to *hwAddrs, i int) (gone bool) {
	h := &(*l)[i]
	j := to.find(h.addr)
	if j < 0 || (*to)[j].synced == 0 {
		return false
	}
	(*to)[j].synced--
	to.drop(j)
	h.syncs--
	gone = h.users == 1
	l.drop(i)
	return gone
}

// groupMAC is the hardware address of a multicast group on Ethernet (ip_eth_mc_map,
// ipv6_eth_mc_map), nil for groups that do not leave the host.
func groupMAC(a netip.Addr) []byte {
	if a.Is4() {
		b := a.As4()
		return []byte{1, 0, 0x5e, b[1] & 0x7f, b[2], b[3]}
	}
	b := a.As16()
	if b[1]&0xf < 2 { // IPV6_ADDR_MC_SCOPE below link-local
		return nil
	}
	return append([]byte{0x33, 0x33}, b[12:]...)
}

// hearGroup has a device receive what is sent to a group, or no longer
// (igmp_group_added, igmp6_group_added and their opposites).
func (d *device) hearGroup(a netip.Addr, more bool, heard *bool) {
	mac := groupMAC(a)
	if *heard == more || mac == nil || d.Type != arphrdEther {
		return
	}
	*heard = more
	if more {
		d.multicast.add(mac)
	} else {
		d.multicast.del(mac)
	}
	d.setRxMode()
}

// hearGroups4 is hearGroup for all IPv4 groups of a device (ip_mc_up, ip_mc_down).
func (in *inDevice) hearGroups4(more bool) {
	for _, g := range in.groups {
		in.dev.hearGroup(toAddr4(g.addr), more, &g.heard)
	}
	in.dev.ns.groupsChanged(in.dev)
}

// hearGroups6 is hearGroup for all IPv6 groups of a device (ipv6_mc_up, ipv6_mc_down).
func (in *inet6Dev) hearGroups6(more bool) {
	for _, g := range in.groups {
		in.dev.hearGroup(g.addr, more, &g.heard)
	}
	in.dev.ns.groupsChanged(in.dev)
}
