package netns

import (
	"encoding/binary"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// Flags of an entry of a forwarding database (NTF_*); those from the ninth bit on are
// of NDA_FLAGS_EXT.
const (
	ntfSelf      = 1 << 1 // it is kept by the device itself
	ntfMaster    = 1 << 2 // by the bridge above
	ntfOffloaded = 1 << 5
	ntfSticky    = 1 << 6
	ntfExtLocked = 1 << 1 // in NDA_FLAGS_EXT

	macLen = 6
)

// fdbOps is how devices of a kind keep a forwarding database (ndo_fdb_add and the
// like). The functions that change it report whether they told of it themselves.
type fdbOps struct {
	add, del func(*fdbRequest) (told bool, err error)
	flush    func(*fdbRequest) error           // nil: it cannot be emptied by one request
	get      func(*fdbRequest) ([]byte, error) // nil: it cannot be asked for one entry
	dump     func(*request, *device)
}

// ownFDB is the database of devices that only have lists of addresses
// (ndo_dflt_fdb_add and the like).
var ownFDB = &fdbOps{add: addOwnFDB, del: delOwnFDB, dump: dumpOwnFDB}

// fdb is how the device keeps its forwarding database.
func (d *device) fdb() *fdbOps {
	if d.kind != nil && d.kind.fdb != nil {
		return d.kind.fdb
	}
	return ownFDB
}

// fdbRequest is a request about an entry, or about all that fit.
type fdbRequest struct {
	*request
	neighHeader
	dev  *device
	addr macAddr
	vlan uint16 // 0: none
	tb   attrs
}

// readFDB is the common part of rtnl_fdb_add and rtnl_fdb_del; a bulk deletion names no
// address.
func (r *request) readFDB(verb string, bulk bool) (*fdbRequest, error) {
	if len(r.data) < neighHeaderLen {
		return nil, fail(rpdb.EINVAL, "Invalid header length")
	}
	how := liberal
	if bulk {
		how = deprecatedStrict // nlmsg_parse without a policy
	}
	tb, err := parseAttrs(r.data[neighHeaderLen:], make([]policy, ndaMax+1), how, &r.ext)
	if err != nil {
		return nil, err
	}
	q := &fdbRequest{request: r, neighHeader: readNeighHeader(r.data), tb: tb}
	if q.index == 0 {
		return nil, fail(rpdb.EINVAL, "invalid ifindex")
	}
	if q.dev = r.ns.byIndex(q.index); q.dev == nil {
		return nil, fail(rpdb.ENODEV, "unknown ifindex")
	}
	notEther := func() error {
		if q.dev.Type != arphrdEther {
			return failf(rpdb.EINVAL, "FDB %s only supported for Ethernet devices", verb)
		}
		return nil
	}
	if bulk {
		return q, notEther()
	}
	if !tb.has(nla.NDALLAddr) || len(tb[nla.NDALLAddr]) != macLen {
		return nil, fail(rpdb.EINVAL, "invalid address")
	}
	q.addr = macAddr(tb[nla.NDALLAddr])
	if verb == "add" { // which asks the other way round
		if err := notEther(); err != nil {
			return nil, err
		}
	}
	if q.vlan, err = fdbVLAN(tb); err != nil {
		return nil, err
	}
	return q, notEther()
}

// fdbVLAN is the VLAN of a request, 0 if it names none (fdb_vid_parse).
func fdbVLAN(tb attrs) (uint16, error) {
	switch {
	case !tb.has(nla.NDAVLAN):
		return 0, nil
	case len(tb[nla.NDAVLAN]) != 2:
		return 0, fail(rpdb.EINVAL, "invalid vlan attribute size")
	}
	v := tb.u16(nla.NDAVLAN)
	if v == 0 || v >= 4095 {
		return 0, fail(rpdb.EINVAL, "invalid vlan id")
	}
	return v, nil
}

// u32Loose reads a number whose attribute nobody has checked: a short one goes on in
// what follows it in the request (nla_get_u32).
func (a attrs) u32Loose(typ int) uint32 {
	var b [4]byte
	if v := a[typ]; v != nil {
		copy(b[:], v[:min(4, cap(v))])
	}
	return binary.NativeEndian.Uint32(b[:])
}

// parseNested reads an attribute of attributes (nla_parse_nested).
func (q *fdbRequest) parseNested(typ uint16, p []policy) (attrs, error) {
	var last attr
	for b := q.data[neighHeaderLen:]; ; {
		a, rest, ok := nextAttr(b)
		if !ok {
			break
		}
		if b = rest; a.typ == typ {
			last = a
		}
	}
	if last.raw&nestedFlag == 0 {
		return nil, failAttr(rpdb.EINVAL, "NLA_F_NESTED is missing", last.data)
	}
	return parseAttrs(last.data, p, strict, &q.ext)
}

// parseFlush reads the attributes of a bulk deletion, which the database knows.
func (q *fdbRequest) parseFlush(p []policy) (attrs, error) {
	whole := make([]policy, ndaMax+1)
	copy(whole, p)
	return parseAttrs(q.data[neighHeaderLen:], whole, strict, &q.ext)
}

// checkFlush checks which entries a bulk deletion asks for.
func (q *fdbRequest) checkFlush(flags uint8) error {
	switch {
	case q.flags&^(ntfSelf|ntfMaster|flags) != 0:
		return fail(rpdb.EINVAL, "Unsupported fdb flush ndm flag bits set")
	case q.state&^(rpdb.NUDPermanent|rpdb.NUDNoARP) != 0:
		return fail(rpdb.EINVAL, "Unsupported fdb flush ndm state bits set")
	}
	return nil
}

// master reports whether a request is for the bridge above the device.
func (q *fdbRequest) master() bool {
	return (q.flags == 0 || q.flags&ntfMaster != 0) && bridgePortOf(q.dev) != nil
}

// served takes the flag of what has done its part out of the request. Who is refused
// by the other part gets the request back without it.
func (q *fdbRequest) served(flag uint8) {
	q.flags &^= flag
	q.data = append(make([]byte, 0, cap(q.data)), q.data...) // as long as outcomeAttrs counts on
	q.data[ndmFlagsAt] = q.flags
}

const ndmFlagsAt = 10 // offset of ndm_flags in struct ndmsg

// newFDB answers RTM_NEWNEIGH of AF_BRIDGE (rtnl_fdb_add).
func newFDB(r *request) error {
	q, err := r.readFDB("add", false)
	if err != nil {
		return err
	}
	done := false
	if q.master() {
		if _, err := bridgeFDB.add(q); err != nil {
			return err
		}
		q.served(ntfMaster)
		done = true
	}
	if q.flags&ntfSelf == 0 {
		return unserved(done)
	}
	told, err := q.dev.fdb().add(q)
	if err == nil && !told {
		q.tellOwn(rtnl.RTMNewNeigh)
	}
	return err
}

// unserved refuses a request that nobody was asked to serve.
func unserved(done bool) error {
	if done {
		return nil
	}
	return fail(rpdb.EOPNOTSUPP, "")
}

// delFDB answers RTM_DELNEIGH of AF_BRIDGE (rtnl_fdb_del).
func delFDB(r *request) error {
	bulk := r.head.Flags&flagBulk != 0
	q, err := r.readFDB("delete", bulk)
	if err != nil {
		return err
	}
	done := false
	if q.master() {
		if _, err := q.remove(bridgeFDB, bulk); err != nil {
			return err
		}
		q.served(ntfMaster)
		done = true
	}
	if q.flags&ntfSelf == 0 {
		return unserved(done)
	}
	told, err := q.remove(q.dev.fdb(), bulk)
	if err == nil && !told {
		q.tellOwn(rtnl.RTMDelNeigh)
	}
	return err
}

func (q *fdbRequest) remove(ops *fdbOps, bulk bool) (told bool, err error) {
	switch {
	case !bulk:
		return ops.del(q)
	case ops.flush == nil:
		return true, fail(rpdb.EOPNOTSUPP, "")
	}
	return true, ops.flush(q)
}

// getFDB answers RTM_GETNEIGH of AF_BRIDGE (rtnl_fdb_get).
func getFDB(r *request) error {
	invalid := func(text string) error { return fail(rpdb.EINVAL, text) }
	h, tb, err := r.validFDBGet()
	if err != nil {
		return err
	}
	if !tb.has(nla.NDALLAddr) {
		return invalid("Missing lookup address for fdb get request")
	}
	q := &fdbRequest{request: r, neighHeader: h, addr: macAddr(tb[nla.NDALLAddr]), tb: tb}
	q.vlan, _ = fdbVLAN(tb) // which is checked
	if h.index != 0 {
		if q.dev = r.ns.byIndex(h.index); q.dev == nil {
			return fail(rpdb.ENODEV, "Unknown device ifindex")
		}
	}
	master := 0
	if tb.has(nla.NDAMaster) {
		master = tb.index(nla.NDAMaster)
	}
	switch {
	case master != 0 && q.dev != nil:
		return invalid("Master and device are mutually exclusive")
	case master != 0:
		if q.dev = r.ns.byIndex(master); q.dev == nil {
			return invalid("Invalid master ifindex")
		}
	case q.dev == nil:
		return fail(rpdb.ENODEV, "No device specified")
	case h.flags == 0 || h.flags&ntfMaster != 0:
		if bridgePortOf(q.dev) == nil {
			return invalid("Device is not a bridge port")
		}
		q.dev = q.dev.master
	}
	get := q.dev.fdb().get
	if get == nil {
		return fail(rpdb.EOPNOTSUPP, "Fdb get operation not supported by device")
	}
	body, err := get(q)
	if err == nil {
		r.reply(rtnl.RTMNewNeigh, 0, body)
	}
	return err
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
		case !tb.has(typ), typ == nla.NDAMaster, typ == nla.NDAVNI:
		case typ == nla.NDALLAddr:
			if len(tb[typ]) != macLen {
				return h, nil, fail(rpdb.EINVAL, "Invalid address in fdb get request")
			}
		case typ == nla.NDAVLAN:
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
		_, isBridge := d.own.(*bridge)
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
		d.fdb().dump(r, d)
	}
	return nil
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
		case typ == nla.NDAIfindex && len(tb[typ]) != 4:
			return f, invalid("Invalid IFINDEX attribute in fdb dump request")
		case typ == nla.NDAIfindex:
			f.dev = tb.index(typ)
		case typ == nla.NDAMaster && len(tb[typ]) != 4:
			return f, invalid("Invalid MASTER attribute in fdb dump request")
		case typ == nla.NDAMaster:
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
	if tb.has(nla.IFLAMaster) {
		f.master = tb.index(nla.IFLAMaster)
	}
	f.dev = readLinkHeader(r.data).index
	return f, nil
}
