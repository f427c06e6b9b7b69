package netns

import (
	"encoding/binary"
	"net/netip"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// policyAddr6 is ifa_ipv6_policy.
var policyAddr6 = []policy{
	nla.IFAAddress:   {len: 16},
	nla.IFALocal:     {len: 16},
	nla.IFACacheInfo: {len: 16},
	nla.IFAFlags:     {len: 4},
	nla.IFAPriority:  {len: 4},
	nla.IFATargetNS:  {kind: attrS32},
	nla.IFAProto:     {kind: attrU8},
}

// addrRequest6 is a request about an address.
type addrRequest6 struct {
	addr, peer netip.Addr // addr: invalid if none was given
	plen       uint8
	dev        int
	flags      uint32
	tb         attrs
}

func parseAddr6(data []byte, how validation, ext *extack) (*addrRequest6, error) {
	if len(data) < addrHeaderLen {
		return nil, fail(rpdb.EINVAL, "Invalid header length")
	}
	tb, err := parseAttrs(data[addrHeaderLen:], policyAddr6, how, ext)
	if err != nil {
		return nil, err
	}
	q := &addrRequest6{
		plen: data[1], flags: uint32(data[2]), tb: tb,
		dev: int(int32(binary.NativeEndian.Uint32(data[4:]))),
	}
	if tb.has(nla.IFAAddress) {
		q.addr = addr6Of(tb[nla.IFAAddress])
	}
	if tb.has(nla.IFALocal) {
		if local := addr6Of(tb[nla.IFALocal]); local != q.addr {
			q.peer, q.addr = q.addr, local
		}
	}
	if tb.has(nla.IFAFlags) {
		q.flags = tb.u32(nla.IFAFlags)
	}
	return q, nil
}

// settable are the flags that a request can give an address.
const settable6 = rpdb.IFANoDAD | rpdb.IFAHomeAddress | rpdb.IFAManageTempAddr | rpdb.IFANoPrefixRoute |
	rpdb.IFAMCAutoJoin | rpdb.IFAOptimistic

// newAddr6 answers RTM_NEWADDR of IPv6 (inet6_rtm_newaddr).
func newAddr6(r *request) error {
	n := r.ns
	q, err := parseAddr6(r.data, liberal, &r.ext)
	if err != nil {
		return err
	}
	if !q.addr.IsValid() {
		return fail(rpdb.EINVAL, "")
	}
	a := &addr6{
		addr: q.addr, peer: q.peer, plen: q.plen, scope: scopeOf6(q.addr),
		flags: q.flags&settable6 | rpdb.IFAPermanent, valid: rpdb.Forever, preferred: rpdb.Forever,
	}
	if a.peer.IsValid() && a.peer.IsUnspecified() {
		a.peer = netip.Addr{}
	}
	if q.tb.has(nla.IFAPriority) {
		a.metric = q.tb.u32(nla.IFAPriority)
	}
	if q.tb.has(nla.IFAProto) {
		a.proto = q.tb.u8(nla.IFAProto)
	}
	l, err := a.readLifetime(q.tb)
	if err != nil {
		return err
	}
	d := n.byIndex(q.dev)
	if d == nil {
		return fail(rpdb.ENODEV, "ipv6: Unable to find the interface")
	}
	in := n.inet6(d)
	if in == nil {
		return fail(rpdb.EINVAL, "")
	}
	a.in = in
	if !in.optimistic() {
		a.flags &^= rpdb.IFAOptimistic
	}
	if a.flags&rpdb.IFANoDAD != 0 && a.flags&rpdb.IFAOptimistic != 0 {
		return fail(rpdb.EINVAL, "IFA_F_NODAD and IFA_F_OPTIMISTIC are mutually exclusive")
	}
	old := n.find6(a.addr, d)
	switch {
	case old == nil:
		return n.addAddr6(a, l)
	case r.head.Flags&flagExcl != 0 || r.head.Flags&flagReplace == 0:
		return fail(rpdb.EEXIST, "ipv6: address already assigned")
	}
	return n.modifyAddr6(old, a, l)
}

// readLifetime reads IFA_CACHEINFO.
func (a *addr6) readLifetime(tb attrs) (lifetime6, error) {
	var l lifetime6
	if !tb.has(nla.IFACacheInfo) {
		return l, nil
	}
	a.preferred = binary.NativeEndian.Uint32(tb[nla.IFACacheInfo])
	a.valid = binary.NativeEndian.Uint32(tb[nla.IFACacheInfo][4:])
	if a.valid == 0 || a.preferred > a.valid {
		return l, fail(rpdb.EINVAL, "ipv6: address lifetime invalid")
	}
	if a.valid != rpdb.Forever {
		a.flags &^= rpdb.IFAPermanent
		l = lifetime6{finite: true, span: seconds(a.valid)}
	}
	if a.preferred == 0 {
		a.flags |= rpdb.IFADeprecated
	}
	return l, nil
}

// addAddr6 adds an address that a user asked for (inet6_addr_add).
func (n *Namespace) addAddr6(a *addr6, l lifetime6) error {
	d := a.in.dev
	if a.plen > 128 {
		return fail(rpdb.EINVAL, "ipv6: Invalid prefix length")
	}
	if a.flags&rpdb.IFAManageTempAddr != 0 && a.plen != 64 {
		return fail(rpdb.EINVAL, `ipv6: address with "mngtmpaddr" flag must have a prefix length of 64`)
	}
	if !n.addDev6(a.in) {
		return fail(rpdb.EACCES, "ipv6: IPv6 is disabled on this device")
	}
	if a.flags&rpdb.IFAMCAutoJoin != 0 {
		if errno := n.autojoin6(a.in, a.addr); errno != rpdb.OK {
			return fail(errno, "ipv6: Multicast auto join failed")
		}
	}
	if err := n.insertAddr6(a); err != nil {
		if a.flags&rpdb.IFAMCAutoJoin != 0 {
			n.autoleave6(a.in, a.addr)
		}
		return err
	}
	if a.flags&rpdb.IFANoPrefixRoute == 0 {
		n.addPrefixRoute6(d, a.addr, a.plen, a.metric, l.expires())
	}
	if a.flags&(rpdb.IFAOptimistic|rpdb.IFANoDAD) == 0 {
		n.notifyAddr6(a)
	}
	n.startDAD6(a)
	n.verify6()
	return nil
}

// modifyAddr6 changes an address to what a request says (inet6_addr_modify).
func (n *Namespace) modifyAddr6(a, to *addr6, l lifetime6) error {
	if to.flags&rpdb.IFAManageTempAddr != 0 && (a.flags&rpdb.IFATemporary != 0 || a.plen != 64) {
		return fail(rpdb.EINVAL, "")
	}
	if a.flags&rpdb.IFATentative == 0 || a.flags&rpdb.IFADADFailed != 0 {
		to.flags &^= rpdb.IFAOptimistic
	}
	newPeer := to.peer.IsValid() && to.peer != a.peer
	if newPeer && a.peer.IsValid() {
		n.cleanupPrefix6(a, a.peer, l.expires(), true)
	}
	hadRoute := a.flags&rpdb.IFAPermanent != 0 && a.flags&rpdb.IFANoPrefixRoute == 0
	a.flags &^= rpdb.IFADeprecated | rpdb.IFAPermanent | rpdb.IFANoDAD | rpdb.IFAHomeAddress |
		rpdb.IFAManageTempAddr | rpdb.IFANoPrefixRoute
	a.flags |= to.flags
	a.updated = n.world.now()
	a.valid, a.preferred, a.proto = to.valid, to.preferred, to.proto
	if to.metric != 0 {
		a.metric = to.metric
	}
	if newPeer {
		a.peer = to.peer
	}
	n.changes.Add(1)
	if a.flags&rpdb.IFATentative == 0 {
		n.notifyAddr6(a)
	}
	n.modifyRoutes6(a, to.flags&rpdb.IFANoPrefixRoute != 0, hadRoute, l)
	n.verify6()
	return nil
}

func (n *Namespace) modifyRoutes6(a *addr6, noRoute, hadRoute bool, l lifetime6) {
	d := a.in.dev
	if noRoute {
		if hadRoute {
			if action, until := n.cleanupOf6(a); action != cleanupNone {
				n.cleanupPrefix6(a, a.addr, until, action == cleanupDelete)
			}
		}
		return
	}
	found := hadRoute && n.modifyPrefix6(a, a.addr, l)
	if !found {
		n.addPrefixRoute6(d, a.addr, a.plen, a.metric, l.expires())
	}
	if !a.peer.IsValid() {
		return
	}
	if hadRoute {
		found = n.modifyPrefix6(a, a.peer, l)
	}
	if !found {
		n.addPrefixRoute6(d, a.peer, a.plen, a.metric, l.expires())
	}
}

// delAddr6 answers RTM_DELADDR of IPv6 (inet6_rtm_deladdr).
func delAddr6(r *request) error {
	n := r.ns
	q, err := parseAddr6(r.data, liberal, &r.ext)
	if err != nil {
		return err
	}
	if !q.addr.IsValid() {
		return fail(rpdb.EINVAL, "")
	}
	if q.plen > 128 {
		return fail(rpdb.EINVAL, "ipv6: Invalid prefix length")
	}
	d := n.byIndex(q.dev)
	if d == nil {
		return fail(rpdb.ENODEV, "ipv6: Unable to find the interface")
	}
	in := n.inet6(d)
	if in == nil {
		return fail(rpdb.ENXIO, "ipv6: IPv6 is disabled on this device")
	}
	for _, a := range in.addrs {
		if a.addr == q.addr && a.plen == q.plen {
			n.deleteAddr6(a)
			n.verify6()
			if multicastNet.Contains(a.addr) {
				n.autoleave6(in, a.addr)
			}
			return nil
		}
	}
	return fail(rpdb.EADDRNOTAVAIL, "ipv6: address not found")
}
