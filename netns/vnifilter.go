package netns

import (
	"encoding/binary"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
)

// Requests about the identifiers that a vxlan device filters by. Devices here have no
// such filter.
const (
	rtmNewTunnel netlink.HeaderType = 120
	rtmDelTunnel netlink.HeaderType = 121
	rtmGetTunnel netlink.HeaderType = 122

	tunnelHeaderLen = 8 // struct tunnel_msg
	tunnelStats     = 1 // TUNNEL_MSG_FLAG_STATS
)

var vniFilterPolicy = []policy{1: {kind: attrNested}}

// changeVNIFilter answers RTM_NEWTUNNEL and RTM_DELTUNNEL (vxlan_vnifilter_process).
func changeVNIFilter(r *request) error {
	if len(r.data) < tunnelHeaderLen {
		return fail(rpdb.EINVAL, "Invalid header length")
	}
	if _, err := parseAttrs(r.data[tunnelHeaderLen:], vniFilterPolicy, strict, &r.ext); err != nil {
		return err
	}
	switch d := r.ns.byIndex(tunnelIndex(r)); {
	case d == nil:
		return fail(rpdb.ENODEV, "")
	case !d.isVXLAN():
		return fail(rpdb.EINVAL, "vxlan: The device is not a vxlan device")
	}
	return fail(rpdb.EOPNOTSUPP, "")
}

// dumpVNIFilters answers RTM_GETTUNNEL (vxlan_vnifilter_dump).
func dumpVNIFilters(r *request) error {
	switch {
	case len(r.data) < tunnelHeaderLen:
		return fail(rpdb.EINVAL, "Invalid msg length")
	case r.data[1]&^tunnelStats != 0:
		return fail(rpdb.EINVAL, "Invalid tunnelmsg flags in ancillary header")
	}
	i := tunnelIndex(r)
	if i == 0 {
		return nil
	}
	switch d := r.ns.byIndex(i); {
	case d == nil:
		return fail(rpdb.ENODEV, "")
	case !d.isVXLAN():
		return fail(rpdb.EINVAL, "The device is not a vxlan device")
	}
	return fail(rpdb.EINVAL, "") // it does not filter
}

func tunnelIndex(r *request) int { return int(int32(binary.NativeEndian.Uint32(r.data[4:]))) }
