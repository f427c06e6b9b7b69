package netns

import (
	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// addOwnFDB has the device receive an address (ndo_dflt_fdb_add).
func addOwnFDB(q *fdbRequest) (told bool, err error) {
	if q.state != 0 && q.state&rpdb.NUDPermanent == 0 || q.tb.has(nla.NDAFlagsExt) || q.vlan != 0 {
		return false, fail(rpdb.EINVAL, "")
	}
	if !q.receive(q.list()) && q.head.Flags&netlink.Excl != 0 {
		return false, fail(rpdb.EEXIST, "")
	}
	return false, nil
}

// receive adds the address to a list of the device; false if it is there
// (dev_uc_add_excl, dev_mc_add_excl).
func (q *fdbRequest) receive(list *hwAddrs) bool {
	if list.find(q.addr[:]) >= 0 {
		return false
	}
	list.add(q.addr[:])
	q.dev.setRxMode()
	return true
}

// list is where the device keeps the address: addresses that bridges do not forward are
// like those of one host.
func (q *fdbRequest) list() *hwAddrs {
	if linkLocal := string(q.addr[:5]) == "\x01\x80\xc2\x00\x00" && q.addr[5]&0xf0 == 0; linkLocal || !q.addr.multicast() {
		return &q.dev.unicast
	}
	return &q.dev.multicast
}

// delOwnFDB is ndo_dflt_fdb_del.
func delOwnFDB(q *fdbRequest) (told bool, err error) {
	if q.state&rpdb.NUDPermanent == 0 {
		return false, fail(rpdb.EINVAL, "")
	}
	return false, q.ignore(q.list())
}

// ignore takes the address out of a list of the device (dev_uc_del, dev_mc_del).
func (q *fdbRequest) ignore(list *hwAddrs) error {
	if !list.del(q.addr[:]) {
		return fail(rpdb.ENOENT, "")
	}
	q.dev.setRxMode()
	return nil
}

// tellOwn tells of an address of the request in a list of the device (rtnl_fdb_notify).
func (q *fdbRequest) tellOwn(typ netlink.HeaderType) {
	q.ns.notify(nil, GroupNeigh, typ, 0, encodeOwnFDB(q.dev, q.addr[:], q.vlan, q.state))
}

// encodeOwnFDB is nlmsg_populate_fdb_fill.
func encodeOwnFDB(d *device, addr []byte, vlan, state uint16) []byte {
	m := &message{b: fdbHead(d, state, ntfSelf)}
	m.put(nla.NDALLAddr, addr)
	if vlan != 0 {
		m.u16(nla.NDAVLAN, vlan)
	}
	return m.b
}

// dumpOwnFDB is ndo_dflt_fdb_dump.
func dumpOwnFDB(r *request, d *device) {
	if d.Type != arphrdEther {
		return
	}
	for _, list := range []hwAddrs{d.unicast, d.multicast} {
		for _, h := range list {
			r.row(rtnl.RTMNewNeigh, 0, encodeOwnFDB(d, h.addr, 0, rpdb.NUDPermanent))
		}
	}
}

// macvlanFDB is that of macvlan devices: they receive more groups, and in mode passthru
// more addresses.
var macvlanFDB = &fdbOps{add: addMacvlanFDB, del: delMacvlanFDB, dump: dumpOwnFDB}

// macvlanList is where a macvlan keeps an address; it is told of no address that it
// cannot filter by.
func (q *fdbRequest) macvlanList() (*hwAddrs, error) {
	switch {
	case q.addr.multicast():
		return &q.dev.multicast, nil
	case q.dev.own.(*macvlan).mode != macvlanPassthru:
		return nil, fail(rpdb.EOPNOTSUPP, "")
	}
	return &q.dev.unicast, nil
}

// addMacvlanFDB is macvlan_fdb_add.
func addMacvlanFDB(q *fdbRequest) (told bool, err error) {
	list, err := q.macvlanList()
	switch {
	case err != nil:
		return false, err
	case q.head.Flags&netlink.Replace != 0:
		return false, fail(rpdb.EOPNOTSUPP, "")
	case !q.receive(list):
		return false, fail(rpdb.EEXIST, "")
	}
	return false, nil
}

// delMacvlanFDB is macvlan_fdb_del.
func delMacvlanFDB(q *fdbRequest) (told bool, err error) {
	list, err := q.macvlanList()
	if err != nil {
		return false, err
	}
	return false, q.ignore(list)
}
