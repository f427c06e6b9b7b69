package netns

import (
	"encoding/binary"
	"net/netip"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

var vxlanFDB = &fdbOps{add: addVXLANFDB, del: delVXLANFDB, flush: flushVXLANFDB, get: getVXLANFDB, dump: dumpVXLANFDB}

// readRemote reads which far end of which network a request is about
// (vxlan_fdb_parse).
func (q *fdbRequest) readRemote() (x vxlanChange, err error) {
	v, tb := q.dev.own.(*vxlan), q.tb
	x = vxlanChange{addr: q.addr, sourceVNI: v.conf.vni, remote: vxlanRemote{port: v.conf.port, vni: v.conf.vni}}
	if tb.has(nla.NDANHID) && (tb.has(nla.NDADst) || tb.has(nla.NDAVNI) || tb.has(nla.NDAIfindex) || tb.has(nla.NDAPort)) {
		return x, fail(rpdb.EINVAL, "DST, VNI, ifindex and port are mutually exclusive with NH_ID")
	}
	if tb.has(nla.NDADst) {
		var ok bool
		if x.remote.ip, ok = vxlanAddr(tb[nla.NDADst]); !ok {
			return x, fail(rpdb.EAFNOSUPPORT, "Unsupported address family")
		}
	} else if x.remote.ip = netip.IPv6Unspecified(); v.conf.remote.Is4() {
		x.remote.ip = netip.IPv4Unspecified()
	}
	if tb.has(nla.NDAPort) {
		if len(tb[nla.NDAPort]) != 2 {
			return x, fail(rpdb.EINVAL, "Invalid vxlan port")
		}
		x.remote.port = binary.BigEndian.Uint16(tb[nla.NDAPort])
	}
	for _, n := range []struct {
		typ  int
		to   *uint32
		text string
	}{{nla.NDAVNI, &x.remote.vni, "Invalid vni"}, {nla.NDASrcVNI, &x.sourceVNI, "Invalid src vni"}, {nla.NDAIfindex, &x.remote.index, "Invalid ifindex"}} {
		if !tb.has(n.typ) {
			continue
		}
		if len(tb[n.typ]) != 4 {
			return x, fail(rpdb.EINVAL, n.text)
		}
		*n.to = tb.u32(n.typ)
	}
	if tb.has(nla.NDAIfindex) && q.ns.byIndex(int(int32(x.remote.index))) == nil {
		return x, fail(rpdb.EADDRNOTAVAIL, "Device not found")
	}
	if tb.has(nla.NDANHID) {
		x.nhid = tb.u32Loose(nla.NDANHID)
	}
	return x, nil
}

// vxlanAddr reads an address, whose length tells its family (vxlan_nla_get_addr).
func vxlanAddr(b []byte) (a netip.Addr, ok bool) {
	switch {
	case len(b) >= 16:
		return netip.AddrFrom16([16]byte(b)), true
	case len(b) >= 4:
		return netip.AddrFrom4([4]byte(b)), true
	}
	return a, false
}

// addVXLANFDB is vxlan_fdb_add.
func addVXLANFDB(q *fdbRequest) (told bool, err error) {
	v := q.dev.own.(*vxlan)
	if q.state&(rpdb.NUDPermanent|rpdb.NUDReachable) == 0 || !q.tb.has(nla.NDADst) && !q.tb.has(nla.NDANHID) {
		return false, fail(rpdb.EINVAL, "")
	}
	x, err := q.readRemote()
	if err != nil {
		return false, err
	}
	if x.remote.ip.Is4() != v.conf.remote.Is4() {
		return false, fail(rpdb.EAFNOSUPPORT, "")
	}
	x.state, x.flags, x.how = q.state, uint16(q.flags)|vxlanByUser, q.head.Flags
	return true, v.update(x)
}

// delVXLANFDB is vxlan_fdb_delete.
func delVXLANFDB(q *fdbRequest) (told bool, err error) {
	x, err := q.readRemote()
	if err != nil {
		return false, err
	}
	return true, q.dev.own.(*vxlan).remove(x.addr, x.sourceVNI, x.remote)
}

// getVXLANFDB is vxlan_fdb_get.
func getVXLANFDB(q *fdbRequest) ([]byte, error) {
	v := q.dev.own.(*vxlan)
	vni := v.conf.vni
	if q.tb.has(nla.NDAVNI) {
		vni = q.tb.u32(nla.NDAVNI)
	}
	f := v.find(q.addr, vni)
	if f == nil {
		return nil, fail(rpdb.ENOENT, "Fdb entry not found")
	}
	return v.encodeFDB(f, f.first()), nil
}

// dumpVXLANFDB is vxlan_fdb_dump.
func dumpVXLANFDB(r *request, d *device) {
	v := d.own.(*vxlan)
	for _, f := range v.fdb.all() {
		if f.nh != nil {
			r.row(rtnl.RTMNewNeigh, 0, v.encodeFDB(f, nil))
			continue
		}
		for _, x := range f.remotes {
			r.row(rtnl.RTMNewNeigh, 0, v.encodeFDB(f, x))
		}
	}
}

// vxlanFlush is which entries, and which of their far ends, a flush deletes (struct
// vxlan_fdb_flush_desc). What is zero does not matter.
type vxlanFlush struct {
	keepDefault      bool
	state, stateMask uint16
	flags, flagsMask uint16
	sourceVNI, nhid  uint32
	vni              uint32
	port             uint16
	dst              netip.Addr
}

// fits is vxlan_fdb_flush_matches.
func (x *vxlanFlush) fits(f *vxlanEntry) bool {
	switch {
	case x.stateMask != 0 && f.state&x.stateMask != x.state,
		x.flagsMask != 0 && f.flags&x.flagsMask != x.flags,
		x.keepDefault && f.addr.zero() && f.vni == f.dev.conf.vni,
		x.sourceVNI != 0 && f.vni != x.sourceVNI,
		x.nhid != 0 && (f.nh == nil || f.nh.id != x.nhid):
		return false
	}
	return true
}

// fitsRemote is vxlan_fdb_flush_remote_matches.
func (x *vxlanFlush) fitsRemote(r *vxlanRemote) bool {
	return (x.vni == 0 || r.vni == x.vni) && (x.port == 0 || r.port == x.port) && (!x.dst.IsValid() || r.ip == x.dst)
}

// flush is vxlan_flush.
func (v *vxlan) flush(x vxlanFlush) {
	byRemote := x.vni != 0 || x.port != 0 || x.dst.IsValid()
	for _, f := range v.fdb.all() {
		if !x.fits(f) {
			continue
		}
		if byRemote {
			had := len(f.remotes)
			for _, r := range f.remotes {
				if x.fitsRemote(r) {
					v.removeRemote(f, r)
				}
			}
			if had == 0 || len(f.remotes) > 0 {
				continue
			}
		}
		v.destroy(f)
	}
}

// vxlanFlushPolicy is vxlan_del_bulk_policy.
var vxlanFlushPolicy = []policy{
	nla.NDASrcVNI: {kind: attrU32}, nla.NDANHID: {kind: attrU32}, nla.NDAVNI: {kind: attrU32}, nla.NDAPort: {kind: attrU16},
	nla.NDADst: {kind: attrBinary, least: 4, len: 16}, nla.NDAStateMask: {kind: attrU16}, nla.NDAFlagsMask: {kind: attrU8},
}

// flushVXLANFDB is vxlan_fdb_delete_bulk.
func flushVXLANFDB(q *fdbRequest) error {
	tb, err := q.parseFlush(vxlanFlushPolicy)
	if err != nil {
		return err
	}
	if err := q.checkFlush(ntfExtLearned | ntfOffloaded | ntfRouter); err != nil {
		return err
	}
	x := vxlanFlush{state: q.state, flags: uint16(q.flags &^ (ntfMaster | ntfSelf))}
	if tb.has(nla.NDAStateMask) {
		x.stateMask = tb.u16(nla.NDAStateMask)
	}
	if tb.has(nla.NDAFlagsMask) {
		x.flagsMask = uint16(tb.u8(nla.NDAFlagsMask))
	}
	for _, n := range []struct {
		typ int
		to  *uint32
	}{{nla.NDASrcVNI, &x.sourceVNI}, {nla.NDANHID, &x.nhid}, {nla.NDAVNI, &x.vni}} {
		if tb.has(n.typ) {
			*n.to = tb.u32(n.typ)
		}
	}
	if tb.has(nla.NDAPort) {
		x.port = binary.BigEndian.Uint16(tb[nla.NDAPort])
	}
	if tb.has(nla.NDADst) {
		x.dst, _ = vxlanAddr(tb[nla.NDADst]) // whose length is checked
	}
	q.dev.own.(*vxlan).flush(x)
	return nil
}
