package netns

import (
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// dumpLinksByFamily answers RTM_GETLINK for all devices, or for what a family has to
// say of them.
func dumpLinksByFamily(r *request) error {
	switch r.family() {
	case familyBridge:
		return dumpBridgePorts(r)
	case rpdb.IPv6:
		return dumpIfInfo6(r)
	case familyIPMR:
		return dumpMulticastTables(r)
	}
	return dumpLinks(r)
}

// dumpIfInfo6 is inet6_dump_ifinfo.
func dumpIfInfo6(r *request) error {
	if r.strict() {
		if len(r.data) < linkHeaderLen {
			return fail(rpdb.EINVAL, "ipv6: Invalid header for link dump request")
		}
		if len(r.data) > linkHeaderLen {
			return fail(rpdb.EINVAL, "ipv6: Invalid data after header")
		}
		if h := readLinkHeader(r.data); h.pad != 0 || h.typ != 0 || h.flags != 0 || h.change != 0 || h.index != 0 {
			return fail(rpdb.EINVAL, "ipv6: Invalid values in header for dump request")
		}
	}
	for _, d := range r.ns.devices.list {
		if !d.NoInet6 {
			r.row(rtnl.RTMNewLink, 0, fillIfInfo6(d))
		}
	}
	return nil
}

// dumpMulticastTables lists the one table of IPv4 multicast routing, which is empty
// (ipmr_rtm_dumplink).
func dumpMulticastTables(r *request) error {
	if r.strict() {
		if len(r.data) < linkHeaderLen {
			return fail(rpdb.EINVAL, "ipv4: Invalid header for ipmr link dump")
		}
		if len(r.data) > linkHeaderLen {
			return fail(rpdb.EINVAL, "Invalid data after header in ipmr link dump")
		}
		if h := readLinkHeader(r.data); h.pad != 0 || h.typ != 0 || h.flags != 0 || h.change != 0 || h.index != 0 {
			return fail(rpdb.EINVAL, "Invalid values in header for ipmr link dump request")
		}
	}
	m := &message{b: make([]byte, linkHeaderLen)}
	m.b[0] = byte(familyIPMR)
	m.nest(nla.IFLAAFSpec, func() {
		m.u32(1, rpdb.TableDefault) // IPMRA_TABLE_ID
		m.u32(2, 0)                 // IPMRA_TABLE_CACHE_RES_QUEUE_LEN
		m.u32(3, ^uint32(0))        // IPMRA_TABLE_MROUTE_REG_VIF_NUM
		m.u8(4, 0)                  // IPMRA_TABLE_MROUTE_DO_ASSERT
		m.u8(5, 0)                  // IPMRA_TABLE_MROUTE_DO_PIM
		m.u8(7, 0)                  // IPMRA_TABLE_MROUTE_DO_WRVIFWHOLE
		m.nest(6, func() {})        // IPMRA_TABLE_VIFS
	})
	r.row(rtnl.RTMNewLink, 0, m.b)
	return nil
}

// bridgeLink answers RTM_SETLINK and RTM_DELLINK of AF_BRIDGE. What they would change
// of a port is not emulated
// (rtnl_bridge_setlink, rtnl_bridge_dellink).
func (r *request) bridgeLink() error {
	if len(r.data) < linkHeaderLen {
		return fail(rpdb.EINVAL, "")
	}
	d := r.ns.byIndex(readLinkHeader(r.data).index)
	switch {
	case d == nil:
		return fail(rpdb.ENODEV, "unknown ifindex")
	case bridgePortOf(d) == nil:
		return fail(rpdb.EOPNOTSUPP, "")
	}
	return nil
}
