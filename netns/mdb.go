package netns

import (
	"encoding/binary"
	"net/netip"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
)

// Requests about the multicast groups that bridges forward. No device here keeps any:
// bridges are as those of a kernel without CONFIG_BRIDGE_IGMP_SNOOPING.
const (
	rtmNewMDB netlink.HeaderType = 84
	rtmDelMDB netlink.HeaderType = 85
	rtmGetMDB netlink.HeaderType = 86

	mdbHeaderLen  = 8  // struct br_port_msg
	mdbEntryLen   = 28 // struct br_mdb_entry
	mdbEntry      = 1  // MDBA_SET_ENTRY, MDBA_GET_ENTRY
	mdbEntryAttrs = 2  // MDBA_SET_ENTRY_ATTRS, MDBA_GET_ENTRY_ATTRS
)

// mdbPolicy is mdba_policy but for what it calls functions for.
var mdbPolicy = []policy{
	0:        {strictStart: mdbEntryAttrs + 1},
	mdbEntry: {kind: attrBinary, len: mdbEntryLen}, mdbEntryAttrs: {kind: attrNested},
}

// newMDB answers RTM_NEWMDB (rtnl_mdb_add).
func newMDB(r *request) error {
	return r.mdb(liberal, checkMDBEntry, "Missing MDBA_SET_ENTRY attribute", "Device does not support MDB operations")
}

// delMDB answers RTM_DELMDB (rtnl_mdb_del).
func delMDB(r *request) error {
	if r.head.Flags&flagBulk != 0 {
		return r.mdb(strict, checkMDBFlush, "Missing MDBA_SET_ENTRY attribute", "Device does not support MDB bulk deletion")
	}
	return r.mdb(liberal, checkMDBEntry, "Missing MDBA_SET_ENTRY attribute", "Device does not support MDB operations")
}

// getMDB answers RTM_GETMDB (rtnl_mdb_get).
func getMDB(r *request) error {
	return r.mdb(strict, checkMDBGet, "Missing MDBA_GET_ENTRY attribute", "Device does not support MDB operations")
}

// mdb checks a request as the kernel does before it asks the device, and refuses it.
func (r *request) mdb(how validation, check func(mdbEntryBytes) string, missing, unsupported string) error {
	if len(r.data) < mdbHeaderLen {
		return fail(rpdb.EINVAL, "Invalid header length")
	}
	tb, err := parseAttrs(r.data[mdbHeaderLen:], mdbPolicy, how, &r.ext)
	if err != nil {
		return err
	}
	if tb.has(mdbEntry) {
		e := mdbEntryBytes(tb[mdbEntry])
		if len(e) != mdbEntryLen {
			return failAttr(rpdb.EINVAL, "Invalid attribute length", e)
		}
		if text := check(e); text != "" {
			return fail(rpdb.EINVAL, text)
		}
	}
	index := int(int32(binary.NativeEndian.Uint32(r.data[4:])))
	if index == 0 {
		return fail(rpdb.EINVAL, "Invalid ifindex")
	}
	d := r.ns.byIndex(index)
	switch {
	case d == nil:
		return fail(rpdb.ENODEV, "Device doesn't exist")
	case !tb.has(mdbEntry):
		return &attrError{refusal: fail(rpdb.EINVAL, missing), missing: mdbEntry}
	case d.isVXLAN():
		return fail(rpdb.EOPNOTSUPP, "")
	}
	if _, ok := d.own.(*bridge); ok {
		return fail(rpdb.EOPNOTSUPP, "")
	}
	return fail(rpdb.EOPNOTSUPP, unsupported)
}

// mdbEntryBytes is struct br_mdb_entry.
type mdbEntryBytes []byte

func (e mdbEntryBytes) index() uint32 { return binary.NativeEndian.Uint32(e) }
func (e mdbEntryBytes) state() uint8  { return e[4] }
func (e mdbEntryBytes) flags() uint8  { return e[5] }
func (e mdbEntryBytes) vlan() uint16  { return binary.NativeEndian.Uint16(e[6:]) }
func (e mdbEntryBytes) proto() uint16 { return binary.BigEndian.Uint16(e[24:]) }

const (
	etherIPv4 = 0x0800
	etherIPv6 = 0x86dd
)

// checkMDBEntry is rtnl_validate_mdb_entry: the text of its refusal, empty for none.
func checkMDBEntry(e mdbEntryBytes) string {
	if e.index() == 0 {
		return "Zero entry ifindex is not allowed"
	}
	switch a := netip.AddrFrom4([4]byte(e[8:12])); e.proto() {
	case etherIPv4:
		switch {
		case !a.IsMulticast() && e[8] != 0:
			return "IPv4 entry group address is not multicast or 0.0.0.0"
		case a.IsLinkLocalMulticast():
			return "IPv4 entry group address is local multicast"
		}
	case etherIPv6:
		if netip.AddrFrom16([16]byte(e[8:24])) == netip.IPv6LinkLocalAllNodes() {
			return "IPv6 entry group address is link-local all nodes"
		}
	case 0:
		if e[8]&1 == 0 {
			return "L2 entry group is not multicast"
		}
	default:
		return "Unknown entry protocol"
	}
	switch {
	case e.state() > 1:
		return "Unknown entry state"
	case e.vlan() >= 4095:
		return "Invalid entry VLAN id"
	}
	return ""
}

// checkMDBFlush is rtnl_validate_mdb_entry_del_bulk.
func checkMDBFlush(e mdbEntryBytes) string {
	switch {
	case e.state() > 1:
		return "Unknown entry state"
	case e.flags() != 0:
		return "Entry flags cannot be set"
	case e.vlan() >= 4095:
		return "Invalid entry VLAN id"
	case !allZero(e[8:]):
		return "Entry address cannot be set"
	}
	return ""
}

// checkMDBGet is rtnl_validate_mdb_entry_get.
func checkMDBGet(e mdbEntryBytes) string {
	switch {
	case e.index() != 0:
		return "Entry ifindex cannot be specified"
	case e.state() != 0:
		return "Entry state cannot be specified"
	case e.flags() != 0:
		return "Entry flags cannot be specified"
	case e.vlan() >= 4095:
		return "Invalid entry VLAN id"
	case e.proto() != etherIPv4 && e.proto() != etherIPv6 && e.proto() != 0:
		return "Unknown entry protocol"
	}
	return ""
}

// dumpMDB answers RTM_GETMDB with NLM_F_DUMP (rtnl_mdb_dump): there is nothing.
func dumpMDB(r *request) error {
	switch {
	case !r.strict():
	case len(r.data) < mdbHeaderLen:
		return fail(rpdb.EINVAL, "Invalid header for mdb dump request")
	case binary.NativeEndian.Uint32(r.data[4:]) != 0:
		return fail(rpdb.EINVAL, "Filtering by device index is not supported for mdb dump request")
	case len(r.data) > mdbHeaderLen:
		return fail(rpdb.EINVAL, "Invalid data after header in mdb dump request")
	}
	return nil
}
