package netns

import (
	"container/list"
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// vxlanKey is what an entry of a vxlan device's forwarding database is found by (struct
// vxlan_fdb_key).
type vxlanKey struct {
	addr macAddr
	vni  uint32 // the network that a frame comes from
}

// vxlanRemote is a far end that frames go to (struct vxlan_rdst).
type vxlanRemote struct {
	ip    netip.Addr
	port  uint16
	vni   uint32
	index uint32 // of the device, 0: whichever the routes say
}

// vxlanEntry is an entry of a vxlan device's forwarding database (struct vxlan_fdb).
type vxlanEntry struct {
	vxlanKey
	dev           *vxlan
	state         uint16
	flags         uint16 // NTF_*, and vxlanByUser
	nh            *nexthop
	remotes       []*vxlanRemote
	used, updated jiffies
	place         *list.Element
}

const vxlanByUser = 0x100 // NTF_VXLAN_ADDED_BY_USER

// vxlanTable is a vxlan device's forwarding database: entries are found in constant
// time, and listed with the newest first.
type vxlanTable struct {
	entries map[vxlanKey]*vxlanEntry
	newest  *list.List
}

func newVXLANTable() vxlanTable { return vxlanTable{map[vxlanKey]*vxlanEntry{}, list.New()} }

// all is a snapshot of the entries, the newest first.
func (t *vxlanTable) all() []*vxlanEntry {
	out := make([]*vxlanEntry, 0, t.newest.Len())
	for e := t.newest.Front(); e != nil; e = e.Next() {
		out = append(out, e.Value.(*vxlanEntry))
	}
	return out
}

// find is vxlan_find_mac. The network counts only for devices whose packets tell it.
func (v *vxlan) find(addr macAddr, vni uint32) *vxlanEntry {
	if v.conf.flags&vxlanMetadata == 0 {
		vni = v.conf.vni
	}
	return v.fdb.entries[vxlanKey{addr, vni}]
}

// remote returns a far end of an entry, nil if it has no such (vxlan_fdb_find_rdst).
func (f *vxlanEntry) remote(r vxlanRemote) *vxlanRemote {
	if i := slices.IndexFunc(f.remotes, func(x *vxlanRemote) bool { return *x == r }); i >= 0 {
		return f.remotes[i]
	}
	return nil
}

// first is the far end that stands for all (first_remote_rtnl).
func (f *vxlanEntry) first() *vxlanRemote {
	if len(f.remotes) == 0 {
		return nil
	}
	return f.remotes[0]
}

// unicast reports whether an entry is for one host.
func (f *vxlanEntry) unicast() bool { return !f.addr.multicast() && !f.addr.zero() }

// vxlanHow is what an update of a database may do (NLM_F_*).
type vxlanHow = netlink.HeaderFlags

const (
	vxlanCreate    = netlink.Create
	vxlanExclusive = netlink.Excl
	vxlanAppend    = netlink.Append
	vxlanReplace   = netlink.Replace
)

// vxlanChange is one entry with one far end as it is to be.
type vxlanChange struct {
	addr      macAddr
	sourceVNI uint32
	remote    vxlanRemote
	nhid      uint32 // of a group of nexthops, instead of the far end; 0: none
	state     uint16
	flags     uint16
	how       vxlanHow
}

// update adds or changes an entry (vxlan_fdb_update).
func (v *vxlan) update(x vxlanChange) error {
	f := v.find(x.addr, x.sourceVNI)
	switch {
	case f != nil && x.how&vxlanExclusive != 0:
		return fail(rpdb.EEXIST, "")
	case f != nil:
		return v.updateExisting(f, x)
	case x.how&vxlanCreate == 0:
		return fail(rpdb.ENOENT, "")
	case x.how&vxlanReplace != 0 && (x.addr.multicast() || x.addr.zero()):
		return fail(rpdb.EOPNOTSUPP, "")
	}
	f, err := v.create(x)
	if err == nil {
		v.notifyFDB(rtnl.RTMNewNeigh, f, f.first())
	}
	return err
}

// create is vxlan_fdb_create.
func (v *vxlan) create(x vxlanChange) (*vxlanEntry, error) {
	t := &v.fdb
	if v.conf.limit != 0 && len(t.entries) >= int(v.conf.limit) {
		return nil, fail(rpdb.ENOSPC, "")
	}
	now := v.dev.ns.world.now()
	f := &vxlanEntry{
		vxlanKey: vxlanKey{x.addr, x.sourceVNI}, dev: v, state: x.state, flags: x.flags &^ ntfUse, used: now, updated: now,
	}
	if x.nhid == 0 {
		f.remotes = []*vxlanRemote{&x.remote}
	} else if _, err := f.setObject(x.nhid); err != nil {
		return nil, err
	}
	if t.entries[f.vxlanKey] != nil {
		f.leaveObject()
		return nil, fail(rpdb.EEXIST, "")
	}
	t.entries[f.vxlanKey] = f
	f.place = t.newest.PushFront(f)
	return f, nil
}

// updateExisting is vxlan_fdb_update_existing.
func (v *vxlan) updateExisting(f *vxlanEntry, x vxlanChange) error {
	switch {
	case x.nhid != 0 && f.nh == nil:
		return fail(rpdb.EOPNOTSUPP, "Cannot replace an existing non nexthop fdb with a nexthop")
	case x.nhid != 0 && x.how&vxlanAppend != 0:
		return fail(rpdb.EOPNOTSUPP, "Cannot append to a nexthop fdb")
	}
	told := false
	flags := x.flags &^ ntfUse
	if flags&ntfExtLearned == 0 || f.flags&vxlanByUser == 0 {
		told = f.state != x.state || f.flags != flags
		f.state, f.flags = x.state, flags
	}
	about := f.first()
	if x.how&vxlanReplace != 0 {
		if !f.unicast() {
			return fail(rpdb.EOPNOTSUPP, "Cannot replace non-unicast fdb entries")
		}
		if x.nhid != 0 {
			changed, err := f.setObject(x.nhid)
			if err != nil {
				return err
			}
			told = told || changed
		} else if about != nil && f.remote(x.remote) == nil {
			*about, told = x.remote, true
		}
	}
	if x.how&vxlanAppend != 0 && !f.unicast() && f.remote(x.remote) == nil {
		about, told = &x.remote, true
		f.remotes = append(f.remotes, about)
	}
	now := v.dev.ns.world.now()
	if told || x.flags&ntfUse != 0 {
		f.updated = now
	}
	if told {
		v.notifyFDB(rtnl.RTMNewNeigh, f, about)
	}
	return nil
}

// setObject points an entry at a group of nexthops and reports a change
// (vxlan_fdb_nh_update). Only devices in the namespace of the objects may: requests of
// two namespaces run side by side.
func (f *vxlanEntry) setObject(id uint32) (changed bool, err error) {
	if f.nh != nil && f.nh.id == id {
		return false, nil
	}
	v := f.dev
	var h *nexthop
	if v.home == v.dev.ns {
		h = v.home.nexthops.find(id)
	}
	switch {
	case h == nil:
		return false, fail(rpdb.EINVAL, "Nexthop id does not exist")
	case !h.fdb():
		return false, fail(rpdb.EINVAL, "Nexthop is not a fdb nexthop")
	case h.group == nil:
		return false, fail(rpdb.EINVAL, "Nexthop is not a multipath group")
	case h.hasFamily(rpdb.IPv4) != v.conf.remote.Is4():
		return false, fail(rpdb.EAFNOSUPPORT, "Nexthop group family not supported")
	}
	f.leaveObject()
	f.nh = h
	h.fdbs = append(h.fdbs, f)
	return true, nil
}

// leaveObject lets the object of an entry forget it.
func (f *vxlanEntry) leaveObject() {
	if f.nh != nil {
		f.nh.fdbs = slices.DeleteFunc(slices.Clone(f.nh.fdbs), func(x *vxlanEntry) bool { return x == f })
	}
}

// flushFDBs deletes the entries by an object that goes, of which nobody is told
// (vxlan_fdb_nh_flush).
func (h *nexthop) flushFDBs() {
	for _, f := range h.fdbs {
		f.dev.drop(f)
	}
}

// vxlanMoved drops the entries by objects of a device that leaves the namespace of
// these. The kernel keeps them.
func vxlanMoved(n *Namespace, d *device, e event) {
	v, ok := d.own.(*vxlan)
	if !ok || e != eventRegister || v.home == n {
		return
	}
	for _, f := range v.fdb.all() {
		if f.nh != nil {
			v.drop(f)
		}
	}
}

// remove deletes a far end of an entry, or the entry with its last one
// (__vxlan_fdb_delete).
func (v *vxlan) remove(addr macAddr, sourceVNI uint32, r vxlanRemote) error {
	f := v.find(addr, sourceVNI)
	if f == nil {
		return fail(rpdb.ENOENT, "")
	}
	if !r.ip.IsUnspecified() {
		x := f.remote(r)
		switch {
		case x == nil:
			return nil
		case len(f.remotes) > 1:
			v.removeRemote(f, x)
			return nil
		}
	}
	v.destroy(f)
	return nil
}

// removeRemote is vxlan_fdb_dst_destroy.
func (v *vxlan) removeRemote(f *vxlanEntry, r *vxlanRemote) {
	f.remotes = slices.DeleteFunc(slices.Clone(f.remotes), func(x *vxlanRemote) bool { return x == r })
	v.notifyFDB(rtnl.RTMDelNeigh, f, r)
}

// destroy is vxlan_fdb_destroy.
func (v *vxlan) destroy(f *vxlanEntry) {
	if f.nh != nil {
		v.notifyFDB(rtnl.RTMDelNeigh, f, nil)
	} else {
		for _, r := range f.remotes {
			v.notifyFDB(rtnl.RTMDelNeigh, f, r)
		}
	}
	v.drop(f)
}

// drop is destroy without telling.
func (v *vxlan) drop(f *vxlanEntry) {
	delete(v.fdb.entries, f.vxlanKey)
	v.fdb.newest.Remove(f.place)
	f.leaveObject()
}

// notifyFDB is vxlan_fdb_notify.
func (v *vxlan) notifyFDB(typ netlink.HeaderType, f *vxlanEntry, r *vxlanRemote) {
	v.dev.ns.notify(nil, GroupNeigh, typ, 0, v.encodeFDB(f, r))
}

// encodeFDB is vxlan_fdb_info.
func (v *vxlan) encodeFDB(f *vxlanEntry, r *vxlanRemote) []byte {
	head := fdbHead(v.dev, f.state, uint8(f.flags))
	head[len(head)-1] = uint8(rpdb.Unicast) // ndm_type
	m := &message{b: head}
	if v.home != v.dev.ns {
		id, ok := v.dev.ns.nsidOf(v.home)
		if !ok {
			id = -1 // NETNSA_NSID_NOT_ASSIGNED
		}
		m.u32(nla.NDALinkNetNSID, uint32(id))
	}
	m.put(nla.NDALLAddr, f.addr[:])
	switch {
	case f.nh != nil:
		m.u32(nla.NDANHID, f.nh.id)
	case r != nil:
		m.put(nla.NDADst, r.ip.AsSlice())
		if r.port != 0 && r.port != v.conf.port {
			m.put(nla.NDAPort, binary.BigEndian.AppendUint16(nil, r.port))
		}
		if r.vni != v.conf.vni {
			m.u32(nla.NDAVNI, r.vni)
		}
		if r.index != 0 {
			m.u32(nla.NDAIfindex, r.index)
		}
	}
	if v.conf.flags&vxlanMetadata != 0 && f.vni != 0 {
		m.u32(nla.NDASrcVNI, f.vni)
	}
	now := v.dev.ns.world.now()
	m.put(nla.NDACacheInfo, words32(0, uint32((now-f.used).clock()), uint32((now-f.updated).clock()), 0))
	return m.b
}

// vxlanAgeInterval is how often entries are looked at at least (FDB_AGE_INTERVAL).
const vxlanAgeInterval = 10 * hz

func (v *vxlan) ageTimer() *jiffies { return &v.gc }

// scheduleAge sets when entries are looked at next.
func (v *vxlan) scheduleAge(after jiffies) {
	v.gc = v.dev.ns.world.now() + after
	v.dev.ns.ageAt(v.gc)
}

// age is vxlan_cleanup.
func (v *vxlan) age(at jiffies) (next jiffies, idle bool) {
	if !v.dev.running {
		return 0, true
	}
	next, idle = vxlanAgeInterval, true
	for _, f := range v.fdb.all() {
		if f.state&(rpdb.NUDPermanent|rpdb.NUDNoARP) != 0 || f.flags&ntfExtLearned != 0 {
			continue
		}
		if left := f.updated + seconds(v.conf.ageing) - at; left > 0 {
			next, idle = min(next, left), false
			continue
		}
		f.state = rpdb.NUDStale
		v.destroy(f)
	}
	return next, idle
}
