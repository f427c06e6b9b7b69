package netns

import (
	"encoding/binary"
	"slices"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// inDevice is the IPv4 part of a device (struct in_device). A device has none while
// its MTU is too small.
type inDevice struct {
	dev  *device
	list []*addr4 // primary addresses first
	dead bool     // about to go
	vrf  *device  // that it belongs to, nil: none

	groups []*group4 // the newest first
}

// addr4 is an IPv4 address of a device (struct in_ifaddr).
type addr4 struct {
	in        *inDevice
	local     uint32
	address   uint32 // the peer where there is one, else local
	broadcast uint32
	plen      uint8
	scope     rpdb.Scope
	flags     uint32
	metric    uint32
	proto     uint8
	label     string
	valid     uint32 // seconds from updated
	preferred uint32
	created   uint32 // hundredths of a second
	updated   uint32
}

func (a *addr4) mask() uint32    { return mask4(a.plen) }
func (a *addr4) secondary() bool { return a.flags&rpdb.IFASecondary != 0 }

// covers reports whether an address lies in the subnet of a (inet_ifa_match).
func (a *addr4) covers(x uint32) bool { return (x^a.address)&a.mask() == 0 }

// shares reports whether a and b have one subnet.
func (a *addr4) shares(b *addr4) bool { return a.plen == b.plen && a.covers(b.address) }

// addr4Policy is ifa_ipv4_policy.
var addr4Policy = []policy{
	nla.IFAAddress:   {kind: attrU32},
	nla.IFALocal:     {kind: attrU32},
	nla.IFALabel:     {kind: attrString, len: ifNameSize - 1},
	nla.IFABroadcast: {kind: attrU32},
	nla.IFACacheInfo: {len: 16},
	nla.IFAFlags:     {kind: attrU32},
	nla.IFAPriority:  {kind: attrU32},
	nla.IFATargetNS:  {kind: attrS32},
	nla.IFAProto:     {kind: attrU8},
}

// v6onlyFlags are not kept for IPv4 (IPV6ONLY_FLAGS).
const v6onlyFlags = rpdb.IFANoDAD | rpdb.IFAOptimistic | rpdb.IFADADFailed | rpdb.IFAHomeAddress |
	rpdb.IFATentative | rpdb.IFAManageTempAddr | rpdb.IFAStablePrivacy

// newAddr4 answers RTM_NEWADDR (inet_rtm_newaddr).
func newAddr4(r *request) error {
	n := r.ns
	head, list, err := split(r.data, addrHeaderLen)
	if err != nil {
		return err
	}
	as, err := parseAttrs(list, addr4Policy, liberal, &r.ext)
	if err != nil {
		return err
	}
	valid, preferred, err := lifetimes4(head, as)
	if err != nil {
		return err
	}
	d := n.byIndex(int(int32(binary.NativeEndian.Uint32(head[4:]))))
	if d == nil {
		return fail(rpdb.ENODEV, "ipv4: Device not found")
	}
	in := d.inet4
	if in == nil {
		return fail(rpdb.ENOBUFS, "")
	}
	a := parseAddr4(in, head, as)
	old := in.find(a)
	if old == nil {
		if a.local == 0 {
			return nil
		}
		n.setLifetime4(a, valid, preferred)
		if a.flags&rpdb.IFAMCAutoJoin != 0 {
			if errno := n.autojoin4(a); errno != rpdb.OK {
				return fail(errno, "ipv4: Multicast auto join failed")
			}
		}
		return n.insertAddr4(a, r)
	}
	if r.head.Flags&netlink.Excl != 0 || r.head.Flags&netlink.Replace == 0 {
		return fail(rpdb.EEXIST, "ipv4: Address already assigned")
	}
	if old.metric != a.metric {
		n.changeMetric4(old, a.metric)
		old.metric = a.metric
	}
	old.proto = a.proto
	n.setLifetime4(old, valid, preferred)
	n.notifyAddr4(rtnl.RTMNewAddr, old, r)
	return nil
}

// lifetimes4 checks what needs no device (inet_validate_rtm).
func lifetimes4(head []byte, as attrs) (valid, preferred uint32, err error) {
	if head[1] > 32 {
		return 0, 0, fail(rpdb.EINVAL, "ipv4: Invalid prefix length")
	}
	if !as.has(nla.IFALocal) {
		return 0, 0, fail(rpdb.EINVAL, "ipv4: Local address is not supplied")
	}
	if !as.has(nla.IFACacheInfo) {
		return rpdb.Forever, rpdb.Forever, nil
	}
	preferred = binary.NativeEndian.Uint32(as[nla.IFACacheInfo])
	valid = binary.NativeEndian.Uint32(as[nla.IFACacheInfo][4:])
	if valid == 0 || preferred > valid {
		return 0, 0, fail(rpdb.EINVAL, "ipv4: address lifetime invalid")
	}
	return valid, preferred, nil
}

// parseAddr4 reads an address (inet_rtm_to_ifa).
func parseAddr4(in *inDevice, head []byte, as attrs) *addr4 {
	in.dev.conf4Set.all() // ipv4_devconf_setall
	a := &addr4{
		in: in, plen: head[1], flags: uint32(head[2]), scope: rpdb.Scope(head[3]),
		local: binary.BigEndian.Uint32(as[nla.IFALocal]), label: in.dev.Name,
	}
	a.address = a.local
	if as.has(nla.IFAAddress) {
		a.address = binary.BigEndian.Uint32(as[nla.IFAAddress])
	}
	if as.has(nla.IFABroadcast) {
		a.broadcast = binary.BigEndian.Uint32(as[nla.IFABroadcast])
	}
	if as.has(nla.IFAFlags) {
		a.flags = as.u32(nla.IFAFlags)
	}
	if as.has(nla.IFALabel) {
		a.label = as.str(nla.IFALabel)
	}
	if as.has(nla.IFAPriority) {
		a.metric = as.u32(nla.IFAPriority)
	}
	if as.has(nla.IFAProto) {
		a.proto = as.u8(nla.IFAProto)
	}
	return a
}

// find returns the address with the same subnet and local address
// (find_matching_ifa).
func (in *inDevice) find(a *addr4) *addr4 {
	for _, x := range in.list {
		if x.shares(a) && x.local == a.local {
			return x
		}
	}
	return nil
}

// primaryOf returns the first primary address of a subnet (inet_ifa_byprefix).
func (in *inDevice) primaryOf(subnet uint32, plen uint8) *addr4 {
	for _, x := range in.list {
		if x.plen == plen && x.covers(subnet) {
			return x
		}
	}
	return nil
}

// setLifetime4 sets the lifetimes, in seconds (set_ifa_lifetime).
func (n *Namespace) setLifetime4(a *addr4, valid, preferred uint32) {
	a.flags &^= rpdb.IFAPermanent | rpdb.IFADeprecated
	if valid != rpdb.Forever {
		a.valid = valid
		n.verifyAt4(max(n.world.now(), 1)) // looked at with the next request
	} else {
		a.flags |= rpdb.IFAPermanent
	}
	if preferred != rpdb.Forever {
		if preferred == 0 {
			a.flags |= rpdb.IFADeprecated
		}
		a.preferred = preferred
	}
	a.updated = n.world.uptime()
	if a.created == 0 {
		a.created = a.updated
	}
}

// insertAddr4 puts an address on its device (__inet_insert_ifa). One of 0.0.0.0 is
// accepted and forgotten.
func (n *Namespace) insertAddr4(a *addr4, r *request) error {
	if a.local == 0 {
		return nil
	}
	in := a.in
	a.flags &^= rpdb.IFASecondary | v6onlyFlags
	at := 0
	for i, x := range in.list {
		if !x.secondary() && a.scope <= x.scope {
			at = i + 1
		}
		if !x.shares(a) {
			continue
		}
		if x.scope != a.scope {
			return fail(rpdb.EINVAL, "ipv4: Invalid scope value")
		}
		a.flags |= rpdb.IFASecondary
	}
	if a.secondary() {
		at = len(in.list)
	}
	in.list = slices.Insert(in.list, at, a)
	n.notifyAddr4(rtnl.RTMNewAddr, a, r)
	n.addrUp4(a)
	return nil
}

// addrUp4 is what an address brings with it (fib_inetaddr_event, NETDEV_UP).
func (n *Namespace) addrUp4(a *addr4) {
	n.addAddrRoutes4(a.in, a)
	n.syncUp4(a.in.dev, rpdb.NHDead)
}

// addrDown4 is what an address takes with it (fib_inetaddr_event, NETDEV_DOWN).
func (n *Namespace) addrDown4(a *addr4) {
	n.delAddrRoutes4(a.in, a, nil)
	if len(a.in.list) == 0 {
		n.disable4(a.in.dev, eventDown, true)
	}
}

// delAddr4 answers RTM_DELADDR (inet_rtm_deladdr).
func delAddr4(r *request) error {
	n := r.ns
	head, list, err := split(r.data, addrHeaderLen)
	if err != nil {
		return err
	}
	as, err := parseAttrs(list, addr4Policy, liberal, &r.ext)
	if err != nil {
		return err
	}
	d := n.byIndex(int(int32(binary.NativeEndian.Uint32(head[4:]))))
	if d == nil || d.inet4 == nil {
		return fail(rpdb.ENODEV, "ipv4: Device not found")
	}
	for i, x := range d.inet4.list {
		if as.has(nla.IFALocal) && binary.BigEndian.Uint32(as[nla.IFALocal]) != x.local ||
			as.has(nla.IFALabel) && as.str(nla.IFALabel) != x.label ||
			as.has(nla.IFAAddress) && (x.plen != head[1] || !x.covers(binary.BigEndian.Uint32(as[nla.IFAAddress]))) {
			continue
		}
		if isMulticast4(x.address) {
			n.autoleave4(x)
		}
		n.removeAddr4(x.in, i, r)
		return nil
	}
	return fail(rpdb.EADDRNOTAVAIL, "ipv4: Address not found")
}

// removeAddr4 takes an address off its device, with its secondaries unless one is
// promoted (__inet_del_ifa).
func (n *Namespace) removeAddr4(in *inDevice, at int, r *request) {
	gone := in.list[at]
	insertAt := at // where a promoted address goes, after gone is out of the list
	var promoted *addr4
	promotedAt := 0
	if !in.dead && !gone.secondary() {
		for i := at + 1; i < len(in.list); {
			x := in.list[i]
			if !x.secondary() && gone.scope <= x.scope {
				insertAt = i
			}
			if !x.secondary() || !gone.shares(x) {
				i++
				continue
			}
			if n.promotes4(in.dev) {
				promoted, promotedAt = x, i
				break
			}
			in.list = slices.Delete(in.list, i, i+1)
			n.notifyAddr4(rtnl.RTMDelAddr, x, r)
			n.addrDown4(x)
		}
	}
	if promoted != nil {
		for _, x := range in.list[promotedAt:] {
			if gone.shares(x) {
				n.delAddrRoutes4(in, x, gone)
			}
		}
	}
	in.list = slices.Delete(in.list, at, at+1)
	n.notifyAddr4(rtnl.RTMDelAddr, gone, r)
	n.addrDown4(gone)
	if promoted != nil {
		n.promote4(in, promoted, promotedAt-1, insertAt, gone, r)
	}
}

// promote4 makes a secondary address primary.
func (n *Namespace) promote4(in *inDevice, a *addr4, from, to int, gone *addr4, r *request) {
	later := slices.Clone(in.list[from+1:])
	in.list = slices.Delete(in.list, from, from+1)
	in.list = slices.Insert(in.list, to, a)
	a.flags &^= rpdb.IFASecondary
	n.notifyAddr4(rtnl.RTMNewAddr, a, r)
	n.addrUp4(a)
	for _, x := range later {
		if gone.shares(x) {
			n.addAddrRoutes4(in, x)
		}
	}
}

// promotes4 tells whether the secondary addresses of a device outlive their primary
// (IN_DEV_PROMOTE_SECONDARIES).
func (n *Namespace) promotes4(d *device) bool {
	return n.conf.all4[conf4PromoteSecs] != 0 || d.conf4[conf4PromoteSecs] != 0
}
