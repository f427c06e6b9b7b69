package netns

import (
	"encoding/binary"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// Multicast routing has families of its own. The emulated kernel knows it, but nobody
// routes multicast: its tables are empty.
const (
	mrouteTable4 = rpdb.TableDefault
	mrouteTable6 = tableMain // RT6_TABLE_DFLT
)

// mroutePolicy4 is rtm_ipmr_policy, mroutePolicy6 ip6mr_getroute_policy.
var (
	mroutePolicy4 = []policy{
		nla.RTADst: {kind: attrU32}, nla.RTASrc: {kind: attrU32}, nla.RTAIIF: {kind: attrU32}, nla.RTATable: {kind: attrU32},
		nla.RTAMultipath: {len: rtnexthopLen}, rtaMax: {},
	}
	mroutePolicy6 = []policy{
		nla.RTADst: {kind: attrBinary, exact: 16}, nla.RTASrc: {kind: attrBinary, exact: 16}, nla.RTATable: {kind: attrU32}, rtaMax: {},
	}
)

// newMRoute answers RTM_NEWROUTE and RTM_DELROUTE of IPv4 (ipmr_rtm_route): no
// daemon has opened the socket that multicast routes need.
func newMRoute(r *request) error {
	if len(r.data) < routeHeaderLen {
		return fail(rpdb.EINVAL, "")
	}
	if _, err := parseAttrs(r.data[routeHeaderLen:], mroutePolicy4, liberal, &r.ext); err != nil {
		return err
	}
	const protoMrouted = 17
	h := r.data
	if h[1] != 32 || rpdb.RouteType(h[7]) != rpdb.Multicast || h[6] != 0 || h[5] != rpdb.ProtoStatic && h[5] != protoMrouted {
		return fail(rpdb.EINVAL, "")
	}
	return fail(rpdb.ENOENT, "")
}

// getMRoute answers RTM_GETROUTE (ipmr_rtm_getroute, ip6mr_rtm_getroute).
func getMRoute(r *request) error {
	four := r.family() == familyIPMR
	prefix, policies, how, bits := "ipv4: ", mroutePolicy4, liberal, byte(32)
	if !four {
		prefix, policies, how, bits = "ipv6: ", mroutePolicy6, strict, 128
	}
	if len(r.data) < routeHeaderLen {
		if !four {
			return fail(rpdb.EINVAL, "Invalid header length")
		}
		return fail(rpdb.EINVAL, prefix+"Invalid header for multicast route get request")
	}
	h := r.data
	if four && r.strict() {
		how = deprecatedStrict
	}
	if four {
		policies = route4Policy
	}
	checked := r.strict() || !four
	values := h[1] != 0 && h[1] != bits || h[2] != 0 && h[2] != bits || h[3]|h[4]|h[5]|h[6]|h[7] != 0 ||
		binary.NativeEndian.Uint32(h[8:]) != 0
	if four && checked && values {
		return fail(rpdb.EINVAL, prefix+"Invalid values in header for multicast route get request")
	}
	tb, err := parseAttrs(r.data[routeHeaderLen:], policies, how, &r.ext)
	if err != nil {
		return err
	}
	if !four && values {
		return fail(rpdb.EINVAL, prefix+"Invalid values in header for multicast route get request")
	}
	if checked && (tb.has(nla.RTASrc) && h[2] == 0 || tb.has(nla.RTADst) && h[1] == 0) {
		return fail(rpdb.EINVAL, prefix+map[bool]string{
			true: "rtm_src_len and rtm_dst_len must be 32 for IPv4", false: "rtm_src_len and rtm_dst_len must be 128 for IPv6",
		}[four])
	}
	for typ := range tb {
		if four && checked && tb.has(typ) && typ != nla.RTASrc && typ != nla.RTADst && typ != nla.RTATable {
			return fail(rpdb.EINVAL, prefix+"Unsupported attribute in multicast route get request")
		}
	}
	if four {
		return fail(rpdb.ENOENT, "")
	}
	// Without a table it looks for RT_TABLE_DEFAULT, which is not there.
	if tb.has(nla.RTATable) && tb.u32(nla.RTATable) == mrouteTable6 {
		return fail(rpdb.ENOENT, "ipv6: MR cache entry not found")
	}
	return fail(rpdb.ENOENT, "ipv6: MR table does not exist")
}

// dumpMRoutes answers RTM_GETROUTE with NLM_F_DUMP (ipmr_rtm_dumproute,
// ip6mr_rtm_dumproute).
func dumpMRoutes(r *request) error {
	f, err := r.ns.routeFilter(r)
	if err != nil {
		return err
	}
	r.filtered = r.filtered || f.set
	switch four := r.family() == familyIPMR; {
	case f.table == 0:
	case four && f.table != mrouteTable4:
		return fail(rpdb.ENOENT, "ipv4: MR table does not exist")
	case !four && f.table != mrouteTable6:
		return fail(rpdb.ENOENT, "ipv6: MR table does not exist")
	}
	return nil
}
