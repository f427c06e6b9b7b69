package netns

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/rulewalk/rulewalk/rpdb"
)

// ipv4 is the IPv4 part of a namespace (struct netns_ipv4). IPv4 addresses are
// numbers in host order here.
type ipv4 struct {
	tables  map[uint32]*table4
	buckets [256][]*table4 // by table id, newest first (fib_table_hash)

	infos map[string]*fibInfo               // by what makes them equal
	byDev map[*device]map[*fibInfo]struct{} // infos with a classic nexthop on a device
	bySrc map[uint32]map[*fibInfo]struct{}  // infos with a preferred source

	// customLocal tells that a route of type local was added on request
	// (fib_has_custom_local_routes).
	customLocal bool

	joined []membership4 // multicast groups of addresses
}

// hop4 is a nexthop of a route (struct fib_nh).
type hop4 struct {
	dev    *device // nil: an error route, or the device is not looked for
	oif    int
	gw     netip.Addr // of either family
	scope  rpdb.Scope
	flags  uint32
	weight uint32
	realms uint32
	encap  *rpdb.Encap
}

// fibInfo is what routes with the same nexthops share (struct fib_info). It never
// changes but for the flags that link events set.
type fibInfo struct {
	key      string
	refs     int
	typ      rpdb.RouteType
	scope    rpdb.Scope
	proto    uint8
	table    uint32
	priority uint32
	prefsrc  uint32
	flags    uint32
	metrics  *metrics // nil: none, which is also all zero
	hops     []hop4   // of no nexthop object
	object   *nexthop // nil: classic nexthops
	srcGone  bool     // its preferred source is no address any more (pfsrc_removed)
}

// cmpFlags do not tell routes apart (RTNH_COMPARE_MASK).
const cmpFlags = rpdb.NHDead | rpdb.NHLinkDown | rpdb.NHOffload | rpdb.NHTrap

// infoKey writes down what makes two infos one (fib_find_info).
func infoKey(fi *fibInfo) []byte {
	ne := binary.NativeEndian
	b := make([]byte, 0, 64)
	b = append(b, byte(fi.typ), byte(fi.scope), fi.proto)
	b = ne.AppendUint32(b, fi.table)
	b = ne.AppendUint32(b, fi.priority)
	b = ne.AppendUint32(b, fi.prefsrc)
	b = ne.AppendUint32(b, fi.flags&^cmpFlags)
	if fi.object != nil {
		b = ne.AppendUint64(b, fi.object.serial)
	}
	b = ne.AppendUint32(b, uint32(len(fi.hops)))
	for i := range fi.hops {
		h := &fi.hops[i]
		b = ne.AppendUint32(b, uint32(h.oif))
		b = append(b, byte(h.scope), byte(h.gw.BitLen()))
		b = append(b, h.gw.AsSlice()...)
		b = ne.AppendUint32(b, h.flags&^cmpFlags)
		b = ne.AppendUint32(b, h.weight)
		b = ne.AppendUint32(b, h.realms)
		if h.encap != nil {
			b = ne.AppendUint16(b, h.encap.Type)
			b = ne.AppendUint32(b, uint32(len(h.encap.Data)))
			b = append(b, h.encap.Data...)
		}
	}
	if fi.metrics != nil {
		for _, v := range fi.metrics.vals {
			b = ne.AppendUint32(b, v)
		}
		b = append(b, fi.metrics.cc...)
	}
	return b
}

// share returns the info that is equal to fi and in use, or takes fi in
// (fib_create_info after link_it). The caller holds it for one route.
func (v *ipv4) share(fi *fibInfo) *fibInfo {
	key := infoKey(fi)
	if old := v.infos[string(key)]; old != nil {
		old.refs++
		return old
	}
	if v.infos == nil {
		v.infos = map[string]*fibInfo{}
		v.byDev = map[*device]map[*fibInfo]struct{}{}
		v.bySrc = map[uint32]map[*fibInfo]struct{}{}
	}
	fi.key, fi.refs = string(key), 1
	v.infos[fi.key] = fi
	if fi.prefsrc != 0 {
		enter(v.bySrc, fi.prefsrc, fi)
	}
	for i := range fi.hops {
		if d := fi.hops[i].dev; d != nil {
			enter(v.byDev, d, fi)
		}
	}
	if fi.object != nil {
		fi.object.infos4 = slices.Insert(fi.object.infos4, 0, fi)
	}
	return fi
}

// release lets go of an info for one route (fib_release_info).
func (n *Namespace) release(fi *fibInfo) {
	fi.refs--
	if fi.refs > 0 {
		return
	}
	for i := range fi.hops {
		n.forgetExceptions4(fi.hops[i].gw, fi.hops[i].oif)
	}
	v := &n.ip4
	delete(v.infos, fi.key)
	if fi.prefsrc != 0 {
		leave(v.bySrc, fi.prefsrc, fi)
	}
	for i := range fi.hops {
		if d := fi.hops[i].dev; d != nil {
			leave(v.byDev, d, fi)
		}
	}
	if fi.object != nil {
		fi.object.infos4 = slices.DeleteFunc(fi.object.infos4, func(x *fibInfo) bool { return x == fi })
	}
}

func enter[K comparable](m map[K]map[*fibInfo]struct{}, k K, fi *fibInfo) {
	if m[k] == nil {
		m[k] = map[*fibInfo]struct{}{}
	}
	m[k][fi] = struct{}{}
}

func leave[K comparable](m map[K]map[*fibInfo]struct{}, k K, fi *fibInfo) {
	delete(m[k], fi)
	if len(m[k]) == 0 {
		delete(m, k)
	}
}

// table4Of returns a table, or nil (fib_get_table). Table 0 is main.
func (n *Namespace) table4Of(id uint32) *table4 {
	if id == rpdb.TableUnspec {
		id = rpdb.TableMain
	}
	return n.ip4.tables[id]
}

// newTable4 returns a table, which it makes if needed (fib_new_table). Until a rule
// was added, local and main are one trie, so that local brings main with it.
func (n *Namespace) newTable4(id uint32) *table4 {
	if id == rpdb.TableUnspec {
		id = rpdb.TableMain
	}
	if t := n.ip4.tables[id]; t != nil {
		return t
	}
	if id == rpdb.TableLocal && !n.customRules4() {
		n.newTable4(rpdb.TableMain)
	}
	if n.ip4.tables == nil {
		n.ip4.tables = map[uint32]*table4{}
	}
	t := &table4{id: id}
	n.ip4.tables[id] = t
	b := &n.ip4.buckets[id&0xff]
	*b = append([]*table4{t}, *b...)
	return t
}

// eachTable4 yields the tables in the order of dumps.
func (n *Namespace) eachTable4(yield func(*table4) bool) {
	for i := range n.ip4.buckets {
		for _, t := range n.ip4.buckets[i] {
			if !yield(t) {
				return
			}
		}
	}
}

// toAddr4 makes an address of a number in host order.
func toAddr4(a uint32) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(a >> 24), byte(a >> 16), byte(a >> 8), byte(a)})
}

// fromAddr4 is the inverse of toAddr4; an invalid address is 0.
func fromAddr4(a netip.Addr) uint32 {
	if !a.Is4() {
		return 0
	}
	b := a.As4()
	return binary.BigEndian.Uint32(b[:])
}

// mask4 is the netmask of a length (inet_make_mask).
func mask4(plen uint8) uint32 {
	if plen == 0 {
		return 0
	}
	return ^uint32(0) << (32 - plen)
}

// Kinds of addresses (linux/in.h).
const lbcast4 = ^uint32(0) // 255.255.255.255

func isMulticast4(a uint32) bool { return a>>28 == 14 }
