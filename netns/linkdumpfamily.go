package netns

import (
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// dumpLinksByFamily answers RTM_GETLINK for all devices, or for what a family has to
// say of them.
func dumpLinksByFamily(r *request) error {
	switch r.family() {
	case familyBridge:
		return dumpBridgePorts(r)
	case rpdb.IPv6:
		return dumpIfInfo6(r)
	}
	return dumpLinks(r)
}

// dumpIfInfo6 is inet6_dump_ifinfo.
func dumpIfInfo6(r *request) error {
	if r.strict() {
		if len(r.data) < linkHeaderLen {
			return fail(rpdb.EINVAL, "Invalid header for link dump request")
		}
		if len(r.data) > linkHeaderLen {
			return fail(rpdb.EINVAL, "Invalid data after header")
		}
		if h := readLinkHeader(r.data); h.pad != 0 || h.typ != 0 || h.flags != 0 || h.change != 0 || h.index != 0 {
			return fail(rpdb.EINVAL, "Invalid values in header for dump request")
		}
	}
	for _, d := range r.ns.devices.list {
		if !d.NoInet6 {
			r.row(rtnl.RTMNewLink, 0, fillIfInfo6(d))
		}
	}
	return nil
}
