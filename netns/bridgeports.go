package netns

import (
	"encoding/binary"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// notify tells of a port (br_ifinfo_notify).
func (p *bridgePort) notify(gone bool) {
	typ := rtnl.RTMNewLink
	if gone {
		typ = rtnl.RTMDelLink
	}
	p.br.dev.ns.notify(nil, GroupLink, typ, 0, p.encode(typ))
}

// encode is br_fill_ifinfo for a port.
func (p *bridgePort) encode(typ netlink.HeaderType) []byte {
	m := p.br.encodeDevice(p.dev)
	if typ == rtnl.RTMNewLink {
		m.nest(nla.IFLAProtInfo|nestedFlag, func() { p.fill(m) })
	}
	return m.b
}

// encodeDevice is br_fill_ifinfo for a port or for the bridge, without what only ports
// have.
func (br *bridge) encodeDevice(d *device) *message {
	d.sync()
	m := &message{b: make([]byte, 16, 256)}
	m.b[0] = familyBridge
	binary.NativeEndian.PutUint16(m.b[2:], d.Type)
	binary.NativeEndian.PutUint32(m.b[4:], uint32(d.Index))
	binary.NativeEndian.PutUint32(m.b[8:], d.Flags)
	m.str(nla.IFLAIfname, d.Name)
	m.u32(nla.IFLAMaster, uint32(br.dev.Index))
	m.u32(nla.IFLAMTU, d.MTU)
	m.u8(nla.IFLAOperstate, d.Operstate)
	m.put(nla.IFLAAddress, d.Address)
	if i := d.iflink(); i != d.Index {
		m.u32(nla.IFLALink, uint32(i))
	}
	return m
}

// filterBridgeParts are the parts that only a bridge itself has to tell, which make a
// dump list it (RTEXT_FILTER_BRVLAN, BRVLAN_COMPRESSED, MRP, CFM_CONFIG, CFM_STATUS).
const filterBridgeParts = 1<<1 | 1<<2 | 1<<4 | 1<<5 | 1<<6

// dumpBridgePorts answers RTM_GETLINK of AF_BRIDGE (rtnl_bridge_getlink).
func dumpBridgePorts(r *request) error {
	mask, err := r.bridgeDumpMask()
	if err != nil {
		if r.strict() {
			return err
		}
		r.ext.warn(refusal(err).Msg)
	}
	for _, d := range r.ns.devices.born {
		if p := bridgePortOf(d); p != nil {
			r.row(rtnl.RTMNewLink, 0, p.encode(rtnl.RTMNewLink))
		}
		if br, ok := d.own.(*bridge); ok && mask&filterBridgeParts != 0 {
			r.row(rtnl.RTMNewLink, 0, br.encodeDevice(d).b)
		}
	}
	return nil
}

// bridgeDumpMask reads what a dump is to tell (valid_bridge_getlink_req).
func (r *request) bridgeDumpMask() (mask uint32, err error) {
	how := liberal
	if r.strict() {
		if len(r.data) < linkHeaderLen {
			return 0, fail(rpdb.EINVAL, "Invalid header for bridge link dump")
		}
		h := readLinkHeader(r.data)
		if h.pad != 0 || h.typ != 0 || h.flags != 0 || h.change != 0 || h.index != 0 {
			return 0, fail(rpdb.EINVAL, "Invalid values in header for bridge link dump request")
		}
		how = deprecatedStrict
	}
	if len(r.data) < linkHeaderLen {
		return 0, fail(rpdb.EINVAL, "Invalid header length")
	}
	tb, err := parseAttrs(r.data[linkHeaderLen:], linkPolicy, how, &r.ext)
	if err != nil {
		return 0, err
	}
	for typ := range tb {
		if tb.has(typ) && typ != nla.IFLAExtMask && r.strict() {
			return 0, fail(rpdb.EINVAL, "Unsupported attribute in bridge link dump request")
		}
	}
	if tb.has(nla.IFLAExtMask) {
		mask = tb.u32(nla.IFLAExtMask)
	}
	return mask, nil
}
