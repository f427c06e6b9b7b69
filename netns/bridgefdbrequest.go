package netns

import (
	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// Attributes of NDA_FDB_EXT_ATTRS (NFEA_*) and bits of NFEA_ACTIVITY_NOTIFY
// (FDB_NOTIFY_*).
const (
	nfeaActivityNotify = 1
	nfeaDontRefresh    = 2

	notifyActivity = 1
	notifyInactive = 2
)

var fdbExtPolicy = []policy{nfeaActivityNotify: {kind: attrU8}, nfeaDontRefresh: {kind: attrFlag}}

var bridgeFDB = &fdbOps{add: addBridgeFDB, del: delBridgeFDB, flush: flushBridgeFDB, get: getBridgeFDB, dump: dumpBridgeFDB}

// bridgeOf is the bridge that a request about d is for, and the port that d is of it;
// nil for the bridge itself. There is none if d is neither.
func bridgeOf(d *device) (*bridge, *bridgePort) {
	if br, ok := d.own.(*bridge); ok {
		return br, nil
	}
	if p := bridgePortOf(d); p != nil {
		return p.br, p
	}
	return nil, nil
}

// addBridgeFDB is br_fdb_add.
func addBridgeFDB(q *fdbRequest) (told bool, err error) {
	invalid := func(text string) (bool, error) { return false, fail(rpdb.EINVAL, text) }
	br, p := bridgeOf(q.dev)
	if q.state&(rpdb.NUDPermanent|rpdb.NUDNoARP|rpdb.NUDReachable) == 0 || q.addr.zero() || br == nil {
		return invalid("")
	}
	if q.tb.has(nla.NDAFlagsExt) && q.tb.u32Loose(nla.NDAFlagsExt)&ntfExtLocked != 0 {
		return invalid(`bridge: Cannot add FDB entry with "locked" flag set`)
	}
	var ext attrs
	if q.tb.has(nla.NDAFDBExt) {
		if ext, err = q.parseNested(nla.NDAFDBExt, fdbExtPolicy); err != nil {
			return false, err
		}
	}
	if q.vlan != 0 { // none is configured
		return invalid("")
	}
	k := fdbKey{addr: q.addr}
	switch {
	case q.flags&ntfUse != 0:
		if p == nil {
			return invalid("")
		}
		if p.state == portForwarding {
			br.update(p, k, fdbByUser)
		}
	case q.flags&ntfExtLearned != 0:
		if p == nil && q.state&rpdb.NUDPermanent == 0 {
			return invalid("bridge: FDB entry towards bridge must be permanent")
		}
		br.addExternal(p, k)
	default:
		if err := br.addEntry(p, k, q, ext); err != nil {
			return false, err
		}
	}
	return true, nil
}

// addEntry adds or changes an entry as a request wants it (fdb_add_entry).
func (br *bridge) addEntry(p *bridgePort, k fdbKey, q *fdbRequest, ext attrs) error {
	sticky, state := q.flags&ntfSticky != 0, q.state
	switch stays := state&(rpdb.NUDPermanent|rpdb.NUDNoARP) != 0; {
	case p != nil && !stays && p.state != portForwarding:
		return fail(rpdb.EPERM, "")
	case p == nil && state&rpdb.NUDPermanent == 0, sticky && state&rpdb.NUDPermanent != 0:
		return fail(rpdb.EINVAL, "")
	}
	notify := uint8(0)
	if ext.has(nfeaActivityNotify) {
		notify = ext.u8(nfeaActivityNotify)
		if notify > notifyActivity|notifyInactive || notify == notifyInactive {
			return fail(rpdb.EINVAL, "")
		}
	}
	f, modified := br.fdb.entries[k], false
	switch {
	case f == nil && q.head.Flags&netlink.Create == 0:
		return fail(rpdb.ENOENT, "")
	case f == nil:
		f, modified = br.createFDB(p, k, fdbByUser), true
	case q.head.Flags&netlink.Excl != 0:
		return fail(rpdb.EEXIST, "")
	default:
		if f.port != p {
			f.port, modified = p, true
		}
		f.flags |= fdbByUser
		br.takeOver(f)
	}
	if br.nud(f) != state {
		f.flags &^= fdbLocal | fdbStatic
		if state&rpdb.NUDPermanent != 0 {
			f.flags |= fdbLocal | fdbStatic
		} else if state&rpdb.NUDNoARP != 0 {
			f.flags |= fdbStatic
		}
		modified = true
	}
	if sticky != f.has(fdbSticky) {
		f.flags ^= fdbSticky
		modified = true
	}
	modified = f.setNotify(notify) || modified
	now := int64(br.dev.ns.world.now())
	f.used.Store(now)
	if modified {
		if !ext.has(nfeaDontRefresh) {
			f.updated.Store(now)
		}
		br.notifyFDB(rtnl.RTMNewNeigh, f)
	}
	return nil
}

// setNotify sets whether activity is told and reports a change (fdb_handle_notify).
func (f *fdbEntry) setNotify(bits uint8) bool {
	old := f.flags
	if bits&notifyInactive != 0 {
		f.flags |= fdbInactive
	}
	if bits&notifyActivity != 0 {
		f.flags |= fdbNotify
	} else if f.has(fdbNotify) {
		f.flags &^= fdbNotify | fdbInactive
	}
	return f.flags != old
}

// addExternal adds an entry that was learned outside the bridge
// (br_fdb_external_learn_add).
func (br *bridge) addExternal(p *bridgePort, k fdbKey) {
	flags := fdbByUser | fdbExtLearned
	if p == nil {
		flags |= fdbLocal
	}
	f := br.fdb.entries[k]
	if f == nil {
		br.notifyFDB(rtnl.RTMNewNeigh, br.createFDB(p, k, flags))
		return
	}
	now := int64(br.dev.ns.world.now())
	f.updated.Store(now)
	modified := f.port != p
	f.port = p
	if f.has(fdbExtLearned) {
		f.used.Store(now)
	} else {
		modified = true
	}
	f.flags |= flags
	br.takeOver(f)
	if modified {
		br.notifyFDB(rtnl.RTMNewNeigh, f)
	}
}

// delBridgeFDB is br_fdb_delete.
func delBridgeFDB(q *fdbRequest) (told bool, err error) {
	br, p := bridgeOf(q.dev)
	if br == nil {
		return false, fail(rpdb.EINVAL, "")
	}
	f := br.fdb.entries[fdbKey{q.addr, q.vlan}]
	if f == nil || f.port != p {
		return false, fail(rpdb.ENOENT, "")
	}
	br.deleteFDB(f)
	return true, nil
}

// getBridgeFDB is br_fdb_get.
func getBridgeFDB(q *fdbRequest) ([]byte, error) {
	br := q.dev.own.(*bridge)
	f := br.fdb.entries[fdbKey{q.addr, q.vlan}]
	if f == nil {
		return nil, fail(rpdb.ENOENT, "Fdb entry not found")
	}
	return br.encodeFDB(f), nil
}

// dumpBridgeFDB is br_fdb_dump for a bridge itself.
func dumpBridgeFDB(r *request, d *device) {
	dumpOwnFDB(r, d)
	d.own.(*bridge).dumpFDB(r, nil)
}

// dumpFDB is br_fdb_dump for a port, or for what the bridge itself has.
func (br *bridge) dumpFDB(r *request, p *bridgePort) {
	for _, f := range br.fdb.all() {
		if f.port == p {
			r.row(rtnl.RTMNewNeigh, 0, br.encodeFDB(f))
		}
	}
}

// fdbFlush is which entries a flush deletes (struct net_bridge_fdb_flush_desc).
type fdbFlush struct {
	flags, mask fdbFlags
	index       int // of the port, or of the bridge for its own; 0 for all
	vlan        uint16
}

// flush is br_fdb_flush.
func (br *bridge) flush(x fdbFlush) {
	for _, f := range br.fdb.all() {
		d := br.dev
		if f.port != nil {
			d = f.port.dev
		}
		if (x.vlan == 0 || x.vlan == f.vlan) && (x.index == 0 || x.index == d.Index) && (x.mask == 0 || f.flags&x.mask == x.flags) {
			br.deleteFDB(f)
		}
	}
}

// bridgeFlushPolicy is br_fdb_del_bulk_policy.
var bridgeFlushPolicy = []policy{
	nla.NDAVLAN: {kind: attrU16, min: 1, max: 4094}, nla.NDAIfindex: {kind: attrS32, min: 1, max: 1<<31 - 1},
	nla.NDAStateMask: {kind: attrU16}, nla.NDAFlagsMask: {kind: attrU8},
}

// flushBridgeFDB is br_fdb_delete_bulk.
func flushBridgeFDB(q *fdbRequest) error {
	tb, err := q.parseFlush(bridgeFlushPolicy)
	if err != nil {
		return err
	}
	br, p := bridgeOf(q.dev)
	if br == nil {
		return fail(rpdb.EINVAL, "bridge: Device is not a bridge port")
	}
	if err := q.checkFlush(ntfUse | ntfExtLearned | ntfSticky | ntfOffloaded); err != nil {
		return err
	}
	x := fdbFlush{flags: flushFlags(q.state, q.flags)}
	if tb.has(nla.NDAVLAN) {
		x.vlan = tb.u16(nla.NDAVLAN)
	}
	if tb.has(nla.NDAStateMask) {
		x.mask |= flushFlags(tb.u16(nla.NDAStateMask), 0)
	}
	if tb.has(nla.NDAFlagsMask) {
		x.mask |= flushFlags(0, tb.u8(nla.NDAFlagsMask))
	}
	if tb.has(nla.NDAIfindex) {
		x.index = tb.index(nla.NDAIfindex)
		if err := br.checkFlushIndex(x.index); err != nil {
			return err
		}
	} else if p != nil {
		x.index = p.dev.Index
	}
	br.flush(x)
	return nil
}

// flushFlags are the flags of an entry that a state and flags of a flush stand for
// (__ndm_state_to_fdb_flags, __ndm_flags_to_fdb_flags).
func flushFlags(state uint16, flags uint8) (out fdbFlags) {
	for _, x := range []struct {
		set bool
		f   fdbFlags
	}{
		{state&rpdb.NUDPermanent != 0, fdbLocal},
		{state&rpdb.NUDNoARP != 0, fdbStatic},
		{flags&ntfUse != 0, fdbByUser},
		{flags&ntfExtLearned != 0, fdbExtLearned},
		{flags&ntfOffloaded != 0, fdbOffloaded},
		{flags&ntfSticky != 0, fdbSticky},
	} {
		if x.set {
			out |= x.f
		}
	}
	return out
}

// checkFlushIndex is __fdb_flush_validate_ifindex.
func (br *bridge) checkFlushIndex(index int) error {
	d := br.dev.ns.byIndex(index)
	if d == nil {
		return fail(rpdb.ENODEV, "bridge: Unknown flush device ifindex")
	}
	switch of, p := bridgeOf(d); {
	case of == nil:
		return fail(rpdb.EINVAL, "bridge: Flush device is not a bridge or bridge port")
	case p == nil && of != br:
		return fail(rpdb.EINVAL, "bridge: Flush bridge device does not match target bridge device")
	case of != br:
		return fail(rpdb.EINVAL, "bridge: Port belongs to a different bridge device")
	}
	return nil
}
