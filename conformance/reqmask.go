package conformance

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
)

// reqMask is a part of a message that no emulation can foresee. Two namespaces of one
// kernel that go through the same program differ in it.
type reqMask struct {
	base netlink.HeaderType // the four message types that have it: new, del, get, set
	path []uint16           // attributes from the outside in
	from int                // first byte of the payload
	to   int                // beyond the last; 0: to the end
	only func(payload []byte) bool
	why  string
}

const (
	msgLink    netlink.HeaderType = 16
	msgAddr    netlink.HeaderType = 20
	msgRoute   netlink.HeaderType = 24
	msgNeigh   netlink.HeaderType = 28
	msgGroup   netlink.HeaderType = 56
	msgNextHop netlink.HeaderType = 104
	msgBucket  netlink.HeaderType = 116
)

// reqMasks is the whole list of what is not compared.
var reqMasks = []reqMask{
	{base: msgLink, path: []uint16{7}, why: "IFLA_STATS: the kernel sends multicast reports when it likes"},
	{base: msgLink, path: []uint16{23}, why: "IFLA_STATS64: likewise"},
	{base: msgLink, path: []uint16{26, 10, 3}, why: "IFLA_INET6_STATS: likewise"},
	{base: msgLink, path: []uint16{26, 10, 6}, why: "IFLA_INET6_ICMP6STATS: likewise"},
	{base: msgLink, path: []uint16{26, 10, 5}, from: 4, to: 12, why: "ifla_cacheinfo: the time of the last change, and a random reachable time"},
	{base: msgLink, path: []uint16{12, 3}, why: "the same as IFLA_PROTINFO"},
	{base: msgLink, path: []uint16{12, 6}, why: "the same as IFLA_PROTINFO"},
	{base: msgLink, path: []uint16{12, 5}, from: 4, to: 12, why: "the same as IFLA_PROTINFO"},
	{base: msgLink, path: []uint16{1}, only: randomMAC, why: "IFLA_ADDRESS: drawn at random where the program sets none"},
	{base: msgLink, path: []uint16{54}, only: randomMAC, why: "IFLA_PERM_ADDRESS: likewise"},
	{base: msgLink, path: []uint16{18, 2, 9}, why: "IFLA_BR_HELLO_TIMER and the like: time that is left"},
	{base: msgLink, path: []uint16{18, 2, 16}, why: "IFLA_BR_HELLO_TIMER: time that is left"},
	{base: msgLink, path: []uint16{18, 2, 17}, why: "IFLA_BR_TCN_TIMER: time that is left"},
	{base: msgLink, path: []uint16{18, 2, 18}, why: "IFLA_BR_TOPOLOGY_CHANGE_TIMER: time that is left"},
	{base: msgLink, path: []uint16{18, 2, 19}, why: "IFLA_BR_GC_TIMER: time that is left"},
	{base: msgLink, path: []uint16{18, 5, 22}, why: "IFLA_BRPORT_FORWARD_DELAY_TIMER: time that is left"},
	{base: msgLink, path: []uint16{12, 22}, why: "likewise, in messages of AF_BRIDGE"},
	{base: msgAddr, path: []uint16{6}, from: 8, why: "ifa_cacheinfo: when the address was made and changed"},
	{base: msgAddr, path: []uint16{6}, from: 0, to: 1, only: finiteLife, why: "ifa_cacheinfo: the low byte of a lifetime that runs"},
	{base: msgAddr, path: []uint16{6}, from: 4, to: 5, only: finiteLife, why: "ifa_cacheinfo: the low byte of a lifetime that runs"},
	{base: msgGroup, path: []uint16{6}, from: 8, why: "ifa_cacheinfo: when the group was joined"},
	{base: msgRoute, path: []uint16{12}, from: 4, to: 8, why: "rta_cacheinfo: when the route was used"},
	{base: msgRoute, path: []uint16{12}, from: 8, to: 10, why: "rta_cacheinfo: the low bytes of the time that is left"},
	{base: msgRoute, path: []uint16{12}, from: 8, to: 12, only: longPast, why: "rta_cacheinfo: an end that is past counts from the kernel's start"},
	{base: msgNeigh, path: []uint16{2}, only: randomMAC, why: "NDA_LLADDR of the forwarding database: a device's own address, see IFLA_ADDRESS"},
	{base: msgNeigh, path: []uint16{3}, from: 0, to: 12, why: "nda_cacheinfo: when the entry was confirmed, used and changed"},
	{base: msgBucket, path: []uint16{13, 2}, why: "NHA_RES_BUCKET_IDLE_TIME: how long a bucket is unused"},
	{base: msgNextHop, path: []uint16{12, 4}, why: "NHA_RES_GROUP_UNBALANCED_TIME: how long a group is out of balance"},
}

// randomMAC tells the hardware addresses that programs do not set: those begin with
// 02:00:00, or are empty. The group by which neighbours ask for an address that was made
// from a random one is random too.
func randomMAC(b []byte) bool {
	switch {
	case len(b) != 6:
		return false
	case b[0] == 0x33:
		return b[2] == 0xff && (b[3] != 0 || b[4] != 0)
	}
	return !bytes.HasPrefix(b, []byte{2, 0, 0}) && b[0]&2 != 0
}

// longPast tells an end of a route's life that lies before the start of the kernel,
// where it does by a defect of modify_prefix_route.
func longPast(b []byte) bool {
	return len(b) >= 12 && int32(binary.NativeEndian.Uint32(b[8:])) < -100_000_000
}

// finiteLife tells lifetimes that neither last for ever nor have run out.
func finiteLife(b []byte) bool {
	if len(b) < 8 {
		return false
	}
	p, v := binary.NativeEndian.Uint32(b), binary.NativeEndian.Uint32(b[4:])
	return p != 0 && p != 0xffffffff || v != 0 && v != 0xffffffff
}

// mask blanks, in place, what cannot be foreseen in a message.
func mask(m []byte) {
	if len(m) < nlHeader {
		return
	}
	t := netlink.HeaderType(binary.NativeEndian.Uint16(m[4:]))
	body := m[nlHeader:]
	for i := range reqMasks {
		if r := &reqMasks[i]; r.base == t&^3 && len(body) > reqHeaderLen(t) {
			r.apply(body[reqHeaderLen(t):], r.path)
		}
	}
}

func (r *reqMask) apply(b []byte, path []uint16) {
	attrs, _ := splitAttrs(b)
	for _, a := range attrs {
		switch {
		case a.kind() != path[0]:
		case len(path) > 1:
			r.apply(a.data, path[1:])
		case r.only == nil || r.only(a.data):
			to := len(a.data)
			if r.to != 0 {
				to = min(r.to, to)
			}
			if r.from < to {
				clear(a.data[r.from:to])
			}
		}
	}
}

// byTimer reports whether a notification tells of a neighbour whose state a timer has
// changed (neigh_timer_handler): nobody asked for it, and when it comes is the kernel's
// affair. Devices hear nothing, so that no packet changes any.
func byTimer(m []byte) bool {
	s := reqStep{data: m}
	t, f := s.typ()
	return t == msgNeigh && (f == rpdb.IPv4 || f == rpdb.IPv6) && binary.NativeEndian.Uint32(m[12:]) == 0
}

// ofReports reports whether a message is about a neighbour that the kernel makes when
// it sends multicast reports, at random times (igmp_ifc_timer_expire, mld_ifc_work):
// 224.0.0.22 and ff02::16, which no program names.
func ofReports(m []byte) bool {
	t := netlink.HeaderType(binary.NativeEndian.Uint16(m[4:]))
	if t&^3 != msgNeigh || len(m) < nlHeader+12 {
		return false
	}
	attrs, _ := splitAttrs(m[nlHeader+12:])
	return slices.ContainsFunc(attrs, func(a rawAttr) bool {
		addr, _ := netip.AddrFromSlice(a.data)
		return a.kind() == 1 && slices.Contains(reportAddrs, addr)
	})
}

var reportAddrs = addrs("224.0.0.22", "ff02::16")

// unordered sorts neighbours that follow one another, not those of bridges: they lie in
// a table that is hashed with a random key (neigh_hash_alloc), which dumps and flushes go through.
func unordered(msgs [][]byte) {
	neigh := func(m []byte) bool {
		s := reqStep{data: m}
		t, f := s.typ()
		return t&^3 == msgNeigh && f != familyBridge
	}
	for i := 0; i < len(msgs); i++ {
		n := i
		for n < len(msgs) && neigh(msgs[n]) {
			n++
		}
		slices.SortStableFunc(msgs[i:n], func(a, b []byte) int {
			if min(len(a), len(b)) >= nlHeader+12 {
				if c := bytes.Compare(a[nlHeader+4:nlHeader+8], b[nlHeader+4:nlHeader+8]); c != 0 {
					return c
				}
			}
			return bytes.Compare(a[nlHeader:], b[nlHeader:])
		})
		i = max(i, n-1)
	}
}
