package netns

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// Attributes of a neighbour (NDA_*).
const (
	ndaMax = 17

	neighHeaderLen = 12 // struct ndmsg
)

// neighPolicy is nda_policy.
var neighPolicy = []policy{
	0:          {strictStart: nla.NDANHID},
	nla.NDADst: {kind: attrBinary, len: 32}, nla.NDALLAddr: {kind: attrBinary, len: 32}, nla.NDACacheInfo: {len: 16},
	nla.NDAProbes: {kind: attrU32}, nla.NDAVLAN: {kind: attrU16}, nla.NDAPort: {kind: attrU16}, nla.NDAVNI: {kind: attrU32},
	nla.NDAIfindex: {kind: attrU32}, nla.NDAMaster: {kind: attrU32}, nla.NDAProtocol: {kind: attrU8}, nla.NDANHID: {kind: attrU32},
	nla.NDAFDBExt: {kind: attrNested}, nla.NDAFlagsExt: {kind: attrU32, mask: (ntfManaged | ntfValidated) >> 8}, ndaMax: {},
}

// neighHeader is struct ndmsg.
type neighHeader struct {
	family rpdb.Family
	pad    bool // not zero
	index  int
	state  uint16
	flags  uint8
	typ    uint8
}

func readNeighHeader(b []byte) neighHeader {
	ne := binary.NativeEndian
	return neighHeader{
		family: rpdb.Family(b[0]), pad: b[1]|b[2]|b[3] != 0, index: int(int32(ne.Uint32(b[4:]))),
		state: ne.Uint16(b[8:]), flags: b[10], typ: b[11],
	}
}

// newNeigh answers RTM_NEWNEIGH (neigh_add).
func newNeigh(r *request) error {
	n := r.ns
	if len(r.data) < neighHeaderLen {
		return fail(rpdb.EINVAL, "Invalid header length")
	}
	tb, err := parseAttrs(r.data[neighHeaderLen:], neighPolicy, liberal, &r.ext)
	if err != nil {
		return err
	}
	if !tb.has(nla.NDADst) {
		return fail(rpdb.EINVAL, "Network address not specified")
	}
	h := readNeighHeader(r.data)
	flags := uint32(h.flags)
	if tb.has(nla.NDAFlagsExt) {
		flags |= tb.u32(nla.NDAFlagsExt) << 8
	}
	var d *device
	if h.index != 0 {
		if d = n.byIndex(h.index); d == nil {
			return fail(rpdb.ENODEV, "")
		}
		if tb.has(nla.NDALLAddr) && len(tb[nla.NDALLAddr]) < len(d.Address) {
			return fail(rpdb.EINVAL, "Invalid link address")
		}
	}
	addr, err := neighKey(h.family, tb[nla.NDADst])
	if err != nil {
		return err
	}
	if flags&ntfProxy != 0 {
		return n.newProxy(d, addr, flags, h.state&rpdb.NUDPermanent != 0, tb)
	}
	if d == nil {
		return fail(rpdb.EINVAL, "Device not specified")
	}
	if in := n.inet6(d); addr.Is6() && (in == nil || in.disabled()) {
		return fail(rpdb.EINVAL, "IPv6 is disabled on this device")
	}
	return n.setNeigh(r, d, addr, flags, h.state, tb)
}

// neighKey reads an address of one of the two tables.
func neighKey(f rpdb.Family, b []byte) (netip.Addr, error) {
	if f != rpdb.IPv4 && f != rpdb.IPv6 {
		return netip.Addr{}, fail(rpdb.EAFNOSUPPORT, "")
	}
	if len(b) < f.Bits()/8 {
		return netip.Addr{}, fail(rpdb.EINVAL, "Invalid network address")
	}
	a, _ := netip.AddrFromSlice(b[:f.Bits()/8])
	return a, nil
}

// setNeigh is the second part of neigh_add.
func (n *Namespace) setNeigh(r *request, d *device, addr netip.Addr, flags uint32, state uint16, tb attrs) error {
	u := neighUpdate{state: state & 0xff, flags: flags, override: true, port: r.sock.id}
	if tb.has(nla.NDALLAddr) {
		u.lladdr = tb[nla.NDALLAddr]
	}
	x := n.neighs.find(d, addr)
	if x == nil {
		if r.head.Flags&netlink.Create == 0 {
			return fail(rpdb.ENOENT, "")
		}
		if state&rpdb.NUDPermanent != 0 && flags&ntfManaged != 0 {
			return fail(rpdb.EINVAL, "Invalid NTF_* flag for permanent entry")
		}
		var err error
		if x, err = n.createNeigh(d, addr, flags&(ntfExtLearned|ntfManaged)); err != nil {
			return err
		}
	} else {
		if r.head.Flags&netlink.Excl != 0 {
			return fail(rpdb.EEXIST, "")
		}
		u.override = r.head.Flags&netlink.Replace != 0
	}
	if tb.has(nla.NDAProtocol) && tb.u8(nla.NDAProtocol) != 0 {
		x.protocol = tb.u8(nla.NDAProtocol)
	}
	err := n.updateNeigh(x, u)
	if err == nil && flags&(ntfUse|ntfManaged) != 0 {
		n.useNeigh(x)
	}
	return err
}

// newProxy answers for an address (pneigh_create).
func (n *Namespace) newProxy(d *device, addr netip.Addr, flags uint32, permanent bool, tb attrs) error {
	if flags&(ntfManaged|ntfValidated) != 0 {
		return fail(rpdb.EINVAL, "Invalid NTF_* flag combination")
	}
	x := n.neighs.proxy(d, addr)
	if x == nil {
		if addr.Is6() && d == nil { // pndisc_constructor
			return fail(rpdb.ENOBUFS, "")
		}
		x = &neigh{dev: d, addr: addr}
		n.neighs.addProxy(x)
		if addr.Is6() && d != nil && d.inet6 != nil { // pndisc_constructor
			n.joinGroup6(d.inet6, solicited6(addr))
		}
	}
	x.flags, x.permanent = flags, permanent
	if tb.has(nla.NDAProtocol) && tb.u8(nla.NDAProtocol) != 0 {
		x.protocol = tb.u8(nla.NDAProtocol)
	}
	return nil
}

// addProxy puts a proxy where its hash has it (pneigh_hash): before the others of its
// bucket.
func (t *neighs) addProxy(x *neigh) {
	i := slices.IndexFunc(t.proxies, func(y *neigh) bool { return y.bucket() >= x.bucket() })
	if i < 0 {
		i = len(t.proxies)
	}
	t.proxies = slices.Insert(t.proxies, i, x)
}

// bucket is the place of a proxy in its table (pneigh_hash on a little-endian machine).
func (x *neigh) bucket() uint32 {
	b := x.addr.AsSlice()
	h := binary.LittleEndian.Uint32(b[len(b)-4:])
	h ^= h >> 16
	h ^= h >> 8
	h ^= h >> 4
	return h & 0xf
}

// delNeigh answers RTM_DELNEIGH (neigh_delete).
func delNeigh(r *request) error {
	n := r.ns
	if len(r.data) < neighHeaderLen {
		return fail(rpdb.EINVAL, "")
	}
	dst := find(r.data[neighHeaderLen:], nla.NDADst)
	if dst == nil {
		return fail(rpdb.EINVAL, "Network address not specified")
	}
	h := readNeighHeader(r.data)
	var d *device
	if h.index != 0 {
		if d = n.byIndex(h.index); d == nil {
			return fail(rpdb.ENODEV, "")
		}
	}
	addr, err := neighKey(h.family, dst)
	if err != nil {
		return err
	}
	if h.flags&ntfProxy != 0 {
		for _, x := range n.neighs.proxies {
			if x.dev == d && x.addr == addr {
				n.removeProxy(x)
				return nil
			}
		}
		return fail(rpdb.ENOENT, "")
	}
	if d == nil {
		return fail(rpdb.EINVAL, "")
	}
	x := n.neighs.find(d, addr)
	if x == nil {
		return fail(rpdb.ENOENT, "")
	}
	err = n.updateNeigh(x, neighUpdate{state: rpdb.NUDFailed, override: true, port: r.sock.id})
	n.removeNeigh(x)
	return err
}

// getNeigh answers RTM_GETNEIGH (neigh_get).
func getNeigh(r *request) error {
	n := r.ns
	invalid := func(text string) error { return fail(rpdb.EINVAL, text) }
	if len(r.data) < neighHeaderLen {
		return invalid("Invalid header for neighbor get request")
	}
	h := readNeighHeader(r.data)
	switch {
	case h.pad || h.state != 0 || h.typ != 0:
		return invalid("Invalid values in header for neighbor get request")
	case h.flags&^ntfProxy != 0:
		return invalid("Invalid flags in header for neighbor get request")
	case h.flags&ntfProxy == 0 && h.index == 0:
		return invalid("No device specified")
	}
	tb, err := parseAttrs(r.data[neighHeaderLen:], neighPolicy, deprecatedStrict, &r.ext)
	if err != nil {
		return err
	}
	if !tb.has(nla.NDADst) {
		return failMissing(rpdb.EINVAL, nla.NDADst)
	}
	for typ := range tb {
		if tb.has(typ) && typ != nla.NDADst {
			return invalid("Unsupported attribute in neighbor get request")
		}
	}
	if h.family != rpdb.IPv4 && h.family != rpdb.IPv6 {
		return fail(rpdb.EAFNOSUPPORT, "Unsupported family in header for neighbor get request")
	}
	if len(tb[nla.NDADst]) != h.family.Bits()/8 {
		return invalid("Invalid network address in neighbor get request")
	}
	var d *device
	if h.index != 0 {
		if d = n.byIndex(h.index); d == nil {
			return fail(rpdb.ENODEV, "Unknown device ifindex")
		}
	}
	addr, _ := netip.AddrFromSlice(tb[nla.NDADst])
	if h.flags&ntfProxy != 0 {
		x := n.neighs.proxy(d, addr)
		if x == nil {
			return fail(rpdb.ENOENT, "Proxy neighbour entry not found")
		}
		r.reply(rtnl.RTMNewNeigh, 0, n.appendProxy(x))
		return nil
	}
	x := n.neighs.find(d, addr)
	if x == nil {
		return fail(rpdb.ENOENT, "Neighbour entry not found")
	}
	r.reply(rtnl.RTMNewNeigh, 0, n.appendNeigh(x, 1))
	return nil
}

// neighFilter is what a dump of neighbours is to show.
type neighFilter struct{ dev, master int }

func (f *neighFilter) shows(d *device) bool {
	switch {
	case f.dev != 0 && (d == nil || d.Index != f.dev):
		return false
	case f.master == -1:
		return d == nil || d.master == nil
	}
	return f.master == 0 || d != nil && d.master != nil && d.master.Index == f.master
}

// dumpNeighs answers RTM_GETNEIGH with NLM_F_DUMP (neigh_dump_info).
func dumpNeighs(r *request) error {
	n := r.ns
	f, err := neighFilterOf(r)
	switch {
	case err == nil:
	case r.strict():
		return err
	default:
		r.ext.warn(refusal(err).Msg) // the error of nlmsg_parse does not count
	}
	flags := netlink.HeaderFlags(0)
	if f.dev != 0 || f.master != 0 {
		flags = netlink.DumpFiltered
	}
	proxies := len(r.data) >= neighHeaderLen && r.data[10] == ntfProxy
	for _, family := range []rpdb.Family{rpdb.IPv4, rpdb.IPv6} {
		if r.family() != rpdb.Unspec && r.family() != family {
			continue
		}
		list, put := n.neighs.list, func(x *neigh) []byte { return n.appendNeigh(x, 0) }
		if proxies {
			list, put = n.neighs.proxies, n.appendProxy
		}
		for _, x := range list {
			if rpdb.FamilyOf(x.addr) == family && f.shows(x.dev) {
				r.row(rtnl.RTMNewNeigh, flags, put(x))
			}
		}
	}
	return nil
}

// neighFilterOf reads the filter of a dump (neigh_valid_dump_req).
func neighFilterOf(r *request) (f neighFilter, err error) {
	how := liberal
	if r.strict() {
		how = deprecatedStrict
		if len(r.data) < neighHeaderLen {
			return f, fail(rpdb.EINVAL, "Invalid header for neighbor dump request")
		}
		switch h := readNeighHeader(r.data); {
		case h.pad || h.index != 0 || h.state != 0 || h.typ != 0:
			return f, fail(rpdb.EINVAL, "Invalid values in header for neighbor dump request")
		case h.flags&^ntfProxy != 0:
			return f, fail(rpdb.EINVAL, "Invalid flags in header for neighbor dump request")
		}
	}
	if len(r.data) < neighHeaderLen {
		r.ext.warn("Invalid header length") // nlmsg_parse, whose error does not count
		return f, nil
	}
	tb, err := parseAttrs(r.data[neighHeaderLen:], neighPolicy, how, &r.ext)
	if err != nil {
		return f, err
	}
	for typ := range tb {
		switch {
		case !tb.has(typ):
		case typ == nla.NDAIfindex:
			f.dev = tb.index(typ)
		case typ == nla.NDAMaster:
			f.master = tb.index(typ)
		case r.strict():
			return f, fail(rpdb.EINVAL, "Unsupported attribute in neighbor dump request")
		}
	}
	return f, nil
}

// appendNeigh writes the message of a neighbour (neigh_fill_info).
func (n *Namespace) appendNeigh(x *neigh, refs uint32) []byte {
	if x.timer != 0 {
		refs++
	}
	w := &message{b: neighHead(x, x.state, uint8(x.flags), uint8(x.typ))}
	w.put(nla.NDADst, x.addr.AsSlice())
	if x.state&rpdb.NUDValid != 0 {
		w.put(nla.NDALLAddr, x.lladdr)
	}
	w.u32(nla.NDAProbes, x.probes)
	now := n.world.now()
	ago := func(t jiffies) uint32 { return uint32((now - t).clock()) }
	w.put(nla.NDACacheInfo, words32(ago(x.confirmed), ago(jiffies(x.used.Load())), ago(x.updated), refs))
	x.putRest(w)
	return w.b
}

// appendProxy writes the message of a proxy (pneigh_fill_info).
func (n *Namespace) appendProxy(x *neigh) []byte {
	w := &message{b: neighHead(x, rpdb.NUDNone, uint8(x.flags)|ntfProxy, uint8(rpdb.Unicast))}
	w.put(nla.NDADst, x.addr.AsSlice())
	x.putRest(w)
	return w.b
}

func neighHead(x *neigh, state uint16, flags, typ uint8) []byte {
	index := 0
	if x.dev != nil {
		index = x.dev.Index
	}
	b := []byte{byte(rpdb.FamilyOf(x.addr)), 0, 0, 0}
	b = binary.NativeEndian.AppendUint32(b, uint32(index))
	b = binary.NativeEndian.AppendUint16(b, state)
	return append(b, flags, typ)
}

func (x *neigh) putRest(w *message) {
	if x.protocol != 0 {
		w.u8(nla.NDAProtocol, x.protocol)
	}
	if ext := x.flags >> 8; ext != 0 {
		w.u32(nla.NDAFlagsExt, ext)
	}
}
