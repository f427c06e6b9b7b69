package netns

import (
	"encoding/binary"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// Flags of an entry of a forwarding database (NTF_*): where it is kept.
const (
	ntfSelf   = 1 << 1
	ntfMaster = 1 << 2

	macLen = 6
)

// fdbRequest is a request to add or delete an entry.
type fdbRequest struct {
	neighHeader
	dev  *device
	addr []byte
	vlan bool
	tb   attrs
}

// readFDB is the common part of rtnl_fdb_add and rtnl_fdb_del; a bulk deletion names no
// address.
func (r *request) readFDB(verb string, bulk bool) (q fdbRequest, err error) {
	if len(r.data) < neighHeaderLen {
		return q, fail(rpdb.EINVAL, "Invalid header length")
	}
	how := liberal
	if bulk {
		how = deprecatedStrict // nlmsg_parse without a policy
	}
	if q.tb, err = parseAttrs(r.data[neighHeaderLen:], make([]policy, ndaMax+1), how, &r.ext); err != nil {
		return q, err
	}
	q.neighHeader = readNeighHeader(r.data)
	if q.index == 0 {
		return q, fail(rpdb.EINVAL, "invalid ifindex")
	}
	if q.dev = r.ns.byIndex(q.index); q.dev == nil {
		return q, fail(rpdb.ENODEV, "unknown ifindex")
	}
	if !bulk {
		if q.addr = q.tb.get(ndaLLAddr); len(q.addr) != macLen {
			return q, fail(rpdb.EINVAL, "invalid address")
		}
		if q.vlan, err = fdbVLAN(q.tb); err != nil {
			return q, err
		}
	}
	if q.dev.Type != arphrdEther {
		return q, failf(rpdb.EINVAL, "FDB %s only supported for Ethernet devices", verb)
	}
	return q, nil
}

// get returns an attribute, nil if it is not there.
func (a attrs) get(typ int) []byte {
	if a.has(typ) {
		return a[typ]
	}
	return nil
}

// fdbVLAN reports whether a VLAN is named (fdb_vid_parse).
func fdbVLAN(tb attrs) (bool, error) {
	b := tb.get(ndaVLAN)
	switch {
	case b == nil:
		return false, nil
	case len(b) != 2:
		return false, fail(rpdb.EINVAL, "invalid vlan attribute size")
	}
	if v := binary.NativeEndian.Uint16(b); v == 0 || v >= 4096 {
		return false, fail(rpdb.EINVAL, "invalid vlan id")
	}
	return true, nil
}

// viaKind reports whether a request is for the database of a bridge or another device
// that keeps one, whose entries are not emulated: only addresses of devices are.
func (q *fdbRequest) viaKind() bool {
	toMaster := (q.flags == 0 || q.flags&ntfMaster != 0) && bridgePortOf(q.dev) != nil
	ownKind := q.flags&ntfSelf != 0 && q.dev.kind != nil &&
		(q.dev.kind.name == "bridge" || q.dev.kind.name == "vxlan" || q.dev.kind.name == "macvlan")
	return toMaster || ownKind
}

// newFDB answers RTM_NEWNEIGH of AF_BRIDGE (rtnl_fdb_add).
func newFDB(r *request) error {
	q, err := r.readFDB("add", false)
	switch {
	case err != nil:
		return err
	case q.viaKind():
		return fail(rpdb.EOPNOTSUPP, "entries of bridges, VXLAN and macvlan devices are not emulated")
	case q.flags&ntfSelf == 0:
		return fail(rpdb.EOPNOTSUPP, "")
	}
	return q.addOwn(r)
}

// addOwn has the device receive an address (ndo_dflt_fdb_add).
func (q *fdbRequest) addOwn(r *request) error {
	list := q.list()
	switch {
	case q.state != 0 && q.state&rpdb.NUDPermanent == 0, q.tb.has(ndaFlagsExt), q.vlan, list == nil:
		return fail(rpdb.EINVAL, "")
	case list.find(q.addr) < 0:
		list.add(q.addr)
		q.dev.syncUnicast()
	case r.head.Flags&netlink.Excl != 0:
		return fail(rpdb.EEXIST, "")
	}
	q.dev.ns.notify(nil, GroupNeigh, rtnl.RTMNewNeigh, 0, ownFDB(q.dev, q.addr, q.state))
	return nil
}

// list is where the device keeps an address, nil for one of zeroes.
func (q *fdbRequest) list() *hwAddrs {
	linkLocal := string(q.addr[:5]) == "\x01\x80\xc2\x00\x00" && q.addr[5]&0xf0 == 0
	switch {
	case isUnicast(q.addr) || linkLocal:
		return &q.dev.unicast
	case q.addr[0]&1 != 0:
		return &q.dev.multicast
	}
	return nil
}

// delFDB answers RTM_DELNEIGH of AF_BRIDGE (rtnl_fdb_del, ndo_dflt_fdb_del).
func delFDB(r *request) error {
	bulk := r.head.Flags&flagBulk != 0
	q, err := r.readFDB("delete", bulk)
	if err != nil {
		return err
	}
	if q.flags&ntfSelf == 0 || bulk || q.viaKind() {
		return fail(rpdb.EOPNOTSUPP, "")
	}
	list := q.list()
	switch {
	case q.state&rpdb.NUDPermanent == 0, list == nil:
		return fail(rpdb.EINVAL, "")
	case !list.del(q.addr):
		return fail(rpdb.ENOENT, "")
	}
	q.dev.syncUnicast()
	q.dev.ns.notify(nil, GroupNeigh, rtnl.RTMDelNeigh, 0, ownFDB(q.dev, q.addr, q.state))
	return nil
}

// ownFDB is the message of an address that a device itself receives
// (nlmsg_populate_fdb_fill).
func ownFDB(d *device, addr []byte, state uint16) []byte {
	m := &message{b: make([]byte, neighHeaderLen)}
	m.b[0] = familyBridge
	binary.NativeEndian.PutUint32(m.b[4:], uint32(d.Index))
	binary.NativeEndian.PutUint16(m.b[8:], state)
	m.b[10] = ntfSelf
	m.put(ndaLLAddr, addr)
	return m.b
}

// getFDB answers RTM_GETNEIGH of AF_BRIDGE (rtnl_fdb_get) as far as no bridge is asked,
// whose entries are not emulated.
func getFDB(r *request) error {
	invalid := func(text string) error { return fail(rpdb.EINVAL, text) }
	h, tb, err := r.validFDBGet()
	if err != nil {
		return err
	}
	if !tb.has(ndaLLAddr) {
		return invalid("Missing lookup address for fdb get request")
	}
	var d, br *device
	if h.index != 0 {
		if d = r.ns.byIndex(h.index); d == nil {
			return fail(rpdb.ENODEV, "Unknown device ifindex")
		}
	}
	if tb.has(ndaMaster) {
		if d != nil {
			return invalid("Master and device are mutually exclusive")
		}
		if br = r.ns.byIndex(tb.index(ndaMaster)); br == nil {
			return invalid("Invalid master ifindex")
		}
	}
	switch {
	case d == nil && br == nil:
		return fail(rpdb.ENODEV, "No device specified")
	case d != nil && (h.flags == 0 || h.flags&ntfMaster != 0) && bridgePortOf(d) == nil:
		return invalid("Device is not a bridge port")
	}
	return fail(rpdb.EOPNOTSUPP, "Fdb get operation not supported by device")
}

// validFDBGet is valid_fdb_get_strict.
func (r *request) validFDBGet() (h neighHeader, tb attrs, err error) {
	if len(r.data) < neighHeaderLen {
		return h, nil, fail(rpdb.EINVAL, "Invalid header for fdb get request")
	}
	switch h = readNeighHeader(r.data); {
	case h.pad || h.state != 0 || h.typ != 0:
		return h, nil, fail(rpdb.EINVAL, "Invalid values in header for fdb get request")
	case h.flags&^(ntfMaster|ntfSelf) != 0:
		return h, nil, fail(rpdb.EINVAL, "Invalid flags in header for fdb get request")
	}
	if tb, err = parseAttrs(r.data[neighHeaderLen:], neighPolicy, deprecatedStrict, &r.ext); err != nil {
		return h, nil, err
	}
	for typ := range tb {
		switch {
		case !tb.has(typ), typ == ndaMaster, typ == ndaVNI:
		case typ == ndaLLAddr:
			if len(tb[typ]) != macLen {
				return h, nil, fail(rpdb.EINVAL, "Invalid address in fdb get request")
			}
		case typ == ndaVLAN:
			if _, err := fdbVLAN(tb); err != nil {
				return h, nil, err
			}
		default:
			return h, nil, fail(rpdb.EINVAL, "Unsupported attribute in fdb get request")
		}
	}
	return h, tb, nil
}

// dumpFDB answers RTM_GETNEIGH of AF_BRIDGE with NLM_F_DUMP (rtnl_fdb_dump).
func dumpFDB(r *request) error {
	f, err := r.fdbFilter()
	if err != nil {
		return err
	}
	if f.master != 0 && r.ns.byIndex(f.master) == nil {
		return fail(rpdb.ENODEV, "")
	}
	for _, d := range r.ns.devices.list {
		p := bridgePortOf(d)
		br, isBridge := d.own.(*bridge)
		switch {
		case f.dev != 0 && d.Index != f.dev:
			continue
		case f.master == 0:
		case d.Index != f.master && p == nil, !isBridge && (p == nil || p.br.dev.Index != f.master):
			continue
		}
		if p != nil {
			p.br.dumpFDB(r, p)
		}
		if !d.isVXLAN() {
			dumpOwnFDB(r, d)
		}
		if isBridge {
			br.dumpFDB(r, nil)
		}
	}
	return nil
}

// dumpOwnFDB is ndo_dflt_fdb_dump.
func dumpOwnFDB(r *request, d *device) {
	if d.Type != arphrdEther {
		return
	}
	for _, list := range []hwAddrs{d.unicast, d.multicast} {
		for _, h := range list {
			r.row(rtnl.RTMNewNeigh, 0, ownFDB(d, h.addr, rpdb.NUDPermanent))
		}
	}
}

// dumpFDB is br_fdb_dump: the addresses of a port, or those of the bridge itself.
func (br *bridge) dumpFDB(r *request, p *bridgePort) {
	for i := len(br.fdb) - 1; i >= 0; i-- {
		if f := br.fdb[i]; f.port == p {
			r.row(rtnl.RTMNewNeigh, 0, br.encodeFDB(f))
		}
	}
}

// fdbFilter reads the filter of a dump (valid_fdb_dump_strict, valid_fdb_dump_legacy).
func (r *request) fdbFilter() (f neighFilter, err error) {
	if !r.strict() {
		return r.legacyFDBFilter()
	}
	invalid := func(text string) error { return fail(rpdb.EINVAL, text) }
	if len(r.data) < neighHeaderLen {
		return f, invalid("Invalid header for fdb dump request")
	}
	h := readNeighHeader(r.data)
	if h.pad || h.state != 0 || h.flags != 0 || h.typ != 0 {
		return f, invalid("Invalid values in header for fdb dump request")
	}
	tb, err := parseAttrs(r.data[neighHeaderLen:], make([]policy, ndaMax+1), deprecatedStrict, &r.ext)
	if err != nil {
		return f, err
	}
	f.dev = h.index
	for typ := range tb {
		switch {
		case !tb.has(typ):
		case typ == ndaIfindex && len(tb[typ]) != 4:
			return f, invalid("Invalid IFINDEX attribute in fdb dump request")
		case typ == ndaIfindex:
			f.dev = tb.index(typ)
		case typ == ndaMaster && len(tb[typ]) != 4:
			return f, invalid("Invalid MASTER attribute in fdb dump request")
		case typ == ndaMaster:
			f.master = tb.index(typ)
		default:
			return f, invalid("Unsupported attribute in fdb dump request")
		}
	}
	return f, nil
}

// legacyFDBFilter takes the message for one about links unless its length is that of
// one about neighbours, with one short attribute or none, which says nothing.
func (r *request) legacyFDBFilter() (f neighFilter, err error) {
	if n := len(r.data); n == neighHeaderLen || n == neighHeaderLen+8 {
		return f, nil
	}
	if len(r.data) < linkHeaderLen {
		return f, fail(rpdb.EINVAL, "Invalid header length")
	}
	tb, err := parseAttrs(r.data[linkHeaderLen:], linkPolicy, liberal, &r.ext)
	if err != nil {
		return f, err
	}
	if tb.has(iflaMaster) {
		f.master = tb.index(iflaMaster)
	}
	f.dev = readLinkHeader(r.data).index
	return f, nil
}
