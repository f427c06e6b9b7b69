package netns

import (
	"encoding/binary"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

const (
	rtmGetMulticast netlink.HeaderType = 58
	rtmGetAnycast   netlink.HeaderType = 62
)

// dumpAddrs6 answers RTM_GETADDR with NLM_F_DUMP for IPv6 (inet6_dump_ifaddr).
func dumpAddrs6(r *request) error {
	return r.ns.dumpDevs6(r, func(d *device) {
		for _, a := range d.inet6.addrs {
			r.row(rtnl.RTMNewAddr, 0, r.ns.fillAddr6(a))
		}
	})
}

// dumpGroups6 answers RTM_GETMULTICAST for IPv6 (inet6_dump_ifmcaddr).
func dumpGroups6(r *request) error {
	return r.ns.dumpDevs6(r, func(d *device) {
		for _, g := range d.inet6.groups {
			r.row(rtmGetMulticast, 0, fillGroup6(nla.IFAMulticast, g.addr, d.Index, g.created, g.created))
		}
	})
}

// dumpAnycasts6 answers RTM_GETANYCAST for IPv6 (inet6_dump_ifacaddr).
func dumpAnycasts6(r *request) error {
	return r.ns.dumpDevs6(r, func(d *device) {
		for _, c := range d.inet6.anycasts {
			r.row(rtmGetAnycast, 0, fillGroup6(nla.IFAAnycast, c.addr, d.Index, c.created, c.created))
		}
	})
}

// dumpDevs6 checks the request of a dump and calls f for the devices that it is about
// (inet6_dump_addr, inet6_valid_dump_ifaddr_req).
func (n *Namespace) dumpDevs6(r *request, f func(*device)) error {
	index := 0
	if r.strict() {
		if len(r.data) < addrHeaderLen {
			return fail(rpdb.EINVAL, "ipv6: Invalid header for address dump request")
		}
		if r.data[1] != 0 || r.data[2] != 0 || r.data[3] != 0 {
			return fail(rpdb.EINVAL, "ipv6: Invalid values in header for address dump request")
		}
		index = int(int32(binary.NativeEndian.Uint32(r.data[4:])))
		r.filtered = r.filtered || index != 0
		tb, err := parseAttrs(r.data[addrHeaderLen:], policyAddr6, deprecatedStrict, &r.ext)
		if err != nil {
			return err
		}
		for typ := range tb {
			switch {
			case !tb.has(typ):
			case typ == nla.IFATargetNS:
				return fail(rpdb.EINVAL, "ipv6: Invalid target network namespace id")
			default:
				return fail(rpdb.EINVAL, "ipv6: Unsupported attribute in dump request")
			}
		}
	}
	if index != 0 {
		d := n.byIndex(index)
		if d == nil {
			return fail(rpdb.ENODEV, "")
		}
		if d.inet6 != nil {
			f(d)
		}
		return nil
	}
	for _, d := range n.devices.list {
		if d.inet6 != nil {
			f(d)
		}
	}
	return nil
}

// getAddr6 answers RTM_GETADDR for one address (inet6_rtm_getaddr).
func getAddr6(r *request) error {
	n := r.ns
	if len(r.data) < addrHeaderLen {
		return fail(rpdb.EINVAL, "ipv6: Invalid header for get address request")
	}
	how := liberal
	if r.strict() {
		how = deprecatedStrict
		if r.data[1] != 0 || r.data[2] != 0 || r.data[3] != 0 {
			return fail(rpdb.EINVAL, "ipv6: Invalid values in header for get address request")
		}
	}
	q, err := parseAddr6(r.data, how, &r.ext)
	if err != nil {
		return err
	}
	for typ := range q.tb {
		switch {
		case !r.strict() || !q.tb.has(typ), typ == nla.IFATargetNS, typ == nla.IFAAddress, typ == nla.IFALocal:
		default:
			return fail(rpdb.EINVAL, "ipv6: Unsupported attribute in get address request")
		}
	}
	if q.tb.has(nla.IFATargetNS) || !q.addr.IsValid() {
		return fail(rpdb.EINVAL, "")
	}
	var d *device
	if q.dev != 0 {
		d = n.byIndex(q.dev)
	}
	a := n.find6(q.addr, d)
	if a == nil {
		return fail(rpdb.EADDRNOTAVAIL, "")
	}
	r.reply(rtnl.RTMNewAddr, 0, n.fillAddr6(a))
	return nil
}
