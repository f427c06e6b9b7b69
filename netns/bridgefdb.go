package netns

import (
	"container/list"
	"encoding/binary"
	"sync/atomic"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// familyBridge is the family of messages about bridges (AF_BRIDGE).
const familyBridge = 7

// fdbKey is what an entry of a bridge's forwarding database is found by (struct
// net_bridge_fdb_key). Without VLAN filtering the VLAN is 0.
type fdbKey struct {
	addr macAddr
	vlan uint16
}

// macAddr is an Ethernet address.
type macAddr [macLen]byte

func (a macAddr) multicast() bool { return a[0]&1 != 0 }

func (a macAddr) zero() bool { return a == macAddr{} }

// fdbFlags tell of an entry where it comes from and whether it stays (BR_FDB_*).
type fdbFlags uint16

const (
	fdbLocal          fdbFlags = 1 << iota // frames for it end here
	fdbStatic                              // it does not age
	fdbSticky                              // it does not move to another port
	fdbByUser                              // a request made it
	fdbExtLearned                          // something outside the bridge learned it
	fdbOffloaded                           // no request sets it; a flush may ask for it
	fdbNotify                              // activity is told
	fdbInactive                            // and there was none for long
	fdbDynamicLearned                      // it counts for the limit of learned entries
)

// fdbEntry is an entry of a bridge's forwarding database (struct
// net_bridge_fdb_entry).
type fdbEntry struct {
	fdbKey
	port  *bridgePort // nil: the bridge itself
	flags fdbFlags
	// When it was asked for and when it was heard of, in jiffies. Lookups and frames
	// from a known port write them without the lock of the namespace.
	used, updated atomic.Int64
	place         *list.Element
}

func (f *fdbEntry) has(flags fdbFlags) bool { return f.flags&flags == flags }

// fdbTable is a bridge's forwarding database: entries are found by their key in
// constant time, and listed with the newest first.
type fdbTable struct {
	entries map[fdbKey]*fdbEntry
	newest  *list.List
	learned uint32 // how many count for the limit (fdb_n_learned)
}

func newFDBTable() fdbTable { return fdbTable{entries: map[fdbKey]*fdbEntry{}, newest: list.New()} }

// all is a snapshot of the entries, the newest first.
func (t *fdbTable) all() []*fdbEntry {
	out := make([]*fdbEntry, 0, t.newest.Len())
	for e := t.newest.Front(); e != nil; e = e.Next() {
		out = append(out, e.Value.(*fdbEntry))
	}
	return out
}

// holdTime is how long an entry lives that nothing refreshes (hold_time). No spanning
// tree changes here, which would shorten it.
func (br *bridge) holdTime() jiffies { return clockJiffies(br.settings.ageingTime) }

// expired is has_expired.
func (br *bridge) expired(f *fdbEntry) bool {
	return f.flags&(fdbStatic|fdbExtLearned) == 0 && jiffies(f.updated.Load())+br.holdTime() <= br.dev.ns.world.now()
}

// nud is the state of a neighbour that stands for an entry (fdb_to_nud).
func (br *bridge) nud(f *fdbEntry) uint16 {
	switch {
	case f.has(fdbLocal):
		return rpdb.NUDPermanent
	case f.has(fdbStatic):
		return rpdb.NUDNoARP
	case br.expired(f):
		return rpdb.NUDStale
	}
	return rpdb.NUDReachable
}

// createFDB adds an entry; nil if it is one that is learned, of which there are as many
// as may be (fdb_create).
func (br *bridge) createFDB(p *bridgePort, k fdbKey, flags fdbFlags) *fdbEntry {
	t := &br.fdb
	if flags&(fdbByUser|fdbLocal) == 0 {
		if limit := br.settings.maxLearned; limit != 0 && t.learned >= limit {
			return nil
		}
		flags |= fdbDynamicLearned
		t.learned++
	}
	f := &fdbEntry{fdbKey: k, port: p, flags: flags}
	now := int64(br.dev.ns.world.now())
	f.used.Store(now)
	f.updated.Store(now)
	f.place = t.newest.PushFront(f)
	t.entries[k] = f
	return f
}

// deleteFDB is fdb_delete.
func (br *bridge) deleteFDB(f *fdbEntry) {
	delete(br.fdb.entries, f.fdbKey)
	br.fdb.newest.Remove(f.place)
	br.takeOver(f)
	br.notifyFDB(rtnl.RTMDelNeigh, f)
}

// takeOver lets an entry count for the limit of learned ones no more.
func (br *bridge) takeOver(f *fdbEntry) {
	if f.has(fdbDynamicLearned) {
		f.flags &^= fdbDynamicLearned
		br.fdb.learned--
	}
}

// addLocal adds an address of the bridge or of a port. Of a known one the first place
// counts (fdb_add_local).
func (br *bridge) addLocal(p *bridgePort, addr []byte) {
	if !isUnicast(addr) {
		return
	}
	k := fdbKey{addr: macAddr(addr)}
	if f := br.fdb.entries[k]; f != nil {
		if f.has(fdbLocal) {
			return
		}
		br.deleteFDB(f)
	}
	br.notifyFDB(rtnl.RTMNewNeigh, br.createFDB(p, k, fdbLocal|fdbStatic))
}

// delLocal deletes an address of p, unless another port or the bridge has it too
// (fdb_delete_local).
func (br *bridge) delLocal(p *bridgePort, f *fdbEntry) {
	for _, o := range br.ports {
		if o != p && string(o.dev.Address) == string(f.addr[:]) {
			f.port = o
			f.flags &^= fdbByUser
			return
		}
	}
	if p != nil && string(br.dev.Address) == string(f.addr[:]) {
		f.port = nil
		f.flags &^= fdbByUser
		return
	}
	br.deleteFDB(f)
}

// own reports whether an entry is an address of p itself, not one that a request gave it.
func (f *fdbEntry) own(p *bridgePort) bool {
	return f.port == p && f.flags&(fdbLocal|fdbByUser) == fdbLocal
}

// unsyncStatic has a port that receives all no longer ask for the addresses that the
// bridge knows (br_fdb_unsync_static), whoever asked.
func (br *bridge) unsyncStatic(d *device) {
	for _, f := range br.fdb.all() {
		if f.has(fdbStatic) {
			d.wantUnicast(f.addr[:], false)
		}
	}
}

// changeLocal follows a new address of the bridge (br_fdb_change_mac_address).
func (br *bridge) changeLocal(addr []byte) {
	if f := br.fdb.entries[fdbKey{addr: macAddr(br.dev.Address)}]; f != nil && f.own(nil) {
		br.delLocal(nil, f)
	}
	br.addLocal(nil, addr)
}

// movePort follows a new address of a port (br_fdb_changeaddr).
func (br *bridge) movePort(p *bridgePort) {
	for _, f := range br.fdb.all() {
		if f.own(p) {
			br.delLocal(p, f)
			break
		}
	}
	br.addLocal(p, p.dev.Address)
}

// forgetPort deletes the entries of a port that are not to stay, or all
// (br_fdb_delete_by_port).
func (br *bridge) forgetPort(p *bridgePort, all bool) {
	for _, f := range br.fdb.all() {
		switch {
		case f.port != p, !all && f.flags&(fdbStatic|fdbExtLearned) != 0:
		case f.has(fdbLocal):
			br.delLocal(p, f)
		default:
			br.deleteFDB(f)
		}
	}
}

// notifyFDB is fdb_notify.
func (br *bridge) notifyFDB(typ netlink.HeaderType, f *fdbEntry) {
	br.dev.ns.notify(nil, GroupNeigh, typ, 0, br.encodeFDB(f))
}

// encodeFDB is fdb_fill_info.
func (br *bridge) encodeFDB(f *fdbEntry) []byte {
	d := br.dev
	if f.port != nil {
		d = f.port.dev
	}
	flags := uint8(0)
	if f.has(fdbExtLearned) {
		flags |= ntfExtLearned
	}
	if f.has(fdbSticky) {
		flags |= ntfSticky
	}
	m := &message{b: fdbHead(d, br.nud(f), flags)}
	m.put(nla.NDALLAddr, f.addr[:])
	m.u32(nla.NDAMaster, uint32(br.dev.Index))
	m.u32(nla.NDAFlagsExt, 0)
	now := br.dev.ns.world.now()
	ago := func(t int64) uint32 { return uint32((now - jiffies(t)).clock()) }
	m.put(nla.NDACacheInfo, words32(0, ago(f.used.Load()), ago(f.updated.Load()), 0))
	if f.vlan != 0 {
		m.u16(nla.NDAVLAN, f.vlan)
	}
	if f.has(fdbNotify) {
		bits := uint8(notifyActivity)
		if f.has(fdbInactive) {
			bits |= notifyInactive
		}
		m.nest(nla.NDAFDBExt|nestedFlag, func() { m.u8(nfeaActivityNotify, bits) })
	}
	return m.b
}

// fdbHead is the header of a message about an entry of a forwarding database.
func fdbHead(d *device, state uint16, flags uint8) []byte {
	b := []byte{familyBridge, 0, 0, 0}
	b = binary.NativeEndian.AppendUint32(b, uint32(d.Index))
	b = binary.NativeEndian.AppendUint16(b, state)
	return append(b, flags, 0)
}
