package netns

import (
	"encoding/binary"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// What IPv4 asks the other parts of the namespace for.

// l3Table is the table of the VRF that a device belongs to, 0 for none
// (l3mdev_fib_table).
func (n *Namespace) l3Table(d *device) uint32 {
	if v := n.vrfOf(d); v != nil {
		return v.VRFTable
	}
	return 0
}

// ignoresLinkDown4 tells whether nexthops without carrier count as dead
// (ip_ignore_linkdown).
func (n *Namespace) ignoresLinkDown4(d *device) bool {
	return n.conf.all4[conf4IgnoreLinkdown] != 0 || d.conf4[conf4IgnoreLinkdown] != 0
}

// checkEncapTypes checks those of the legs (lwtunnel_valid_encap_type_attr).
func (r *request) checkEncapTypes(legs []byte) error {
	for {
		h, rest, ok := nextHop(legs)
		if !ok {
			return nil
		}
		legs = rest
		t := find(h.list, nla.RTAEncapType)
		if t == nil {
			continue
		}
		if len(t) < 2 {
			return fail(rpdb.EINVAL, "Invalid RTA_ENCAP_TYPE")
		}
		if r.checkEncapType(binary.NativeEndian.Uint16(t)) != nil {
			return fail(rpdb.EOPNOTSUPP, "lwt encapsulation type not supported")
		}
	}
}
