package netns

import (
	"encoding/binary"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

const linkHeaderLen = 16 // struct ifinfomsg

// linkHeader is struct ifinfomsg.
type linkHeader struct {
	family, pad   uint8
	typ           uint16
	index         int
	flags, change uint32
}

func readLinkHeader(b []byte) linkHeader {
	return linkHeader{
		family: b[0], pad: b[1],
		typ:    binary.NativeEndian.Uint16(b[2:]),
		index:  int(int32(binary.NativeEndian.Uint32(b[4:]))),
		flags:  binary.NativeEndian.Uint32(b[8:]),
		change: binary.NativeEndian.Uint32(b[12:]),
	}
}

// parseLinkMessage splits a request about a link (nlmsg_parse_deprecated).
func parseLinkMessage(r *request, how validation) (linkHeader, attrs, error) {
	if len(r.data) < linkHeaderLen {
		return linkHeader{}, nil, fail(rpdb.EINVAL, "Invalid header length")
	}
	tb, err := parseAttrs(r.data[linkHeaderLen:], linkPolicy, how, &r.ext)
	return readLinkHeader(r.data), tb, err
}

// find returns the device that a request names, or nil (rtnl_dev_get).
func (n *Namespace) find(tb attrs) *device {
	switch {
	case tb.has(nla.IFLAIfname):
		return n.byName(truncate(tb.str(nla.IFLAIfname), ifNameSize-1))
	case tb.has(nla.IFLAAltIfname):
		return n.byName(truncate(tb.str(nla.IFLAAltIfname), altIfNameSize-1))
	}
	return nil
}

func truncate(s string, n int) string { return s[:min(len(s), n)] }

// getLink answers RTM_GETLINK for one device (rtnl_getlink).
func getLink(r *request) error {
	h, tb, err := parseGetLink(r)
	if err != nil {
		return err
	}
	if err := tb.uniqueNetns(true); err != nil {
		return err
	}
	n, err := r.targetNetns(tb)
	if err != nil {
		return err
	}
	var o linkMessage
	if tb.has(nla.IFLATargetNetNSID) {
		id := int32(tb.u32(nla.IFLATargetNetNSID))
		o.target = &id
	}
	if tb.has(nla.IFLAExtMask) {
		o.extMask = tb.u32(nla.IFLAExtMask)
	}
	var d *device
	switch {
	case h.index > 0:
		d = n.byIndex(h.index)
	case tb.has(nla.IFLAIfname) || tb.has(nla.IFLAAltIfname):
		d = n.find(tb)
	default:
		return fail(rpdb.EINVAL, "")
	}
	if d == nil {
		return fail(rpdb.ENODEV, "")
	}
	r.reply(rtnl.RTMNewLink, 0, d.encode(r.ns, o))
	return nil
}

// parseGetLink checks a request for one device (rtnl_valid_getlink_req).
func parseGetLink(r *request) (linkHeader, attrs, error) {
	if len(r.data) < linkHeaderLen {
		return linkHeader{}, nil, fail(rpdb.EINVAL, "Invalid header for get link")
	}
	if !r.strict() {
		return parseLinkMessage(r, liberal)
	}
	h := readLinkHeader(r.data)
	if h.pad != 0 || h.typ != 0 || h.flags != 0 || h.change != 0 {
		return h, nil, fail(rpdb.EINVAL, "Invalid values in header for get link request")
	}
	h, tb, err := parseLinkMessage(r, deprecatedStrict)
	if err != nil {
		return h, nil, err
	}
	for typ := range tb {
		switch typ {
		case nla.IFLAIfname, nla.IFLAAltIfname, nla.IFLAExtMask, nla.IFLATargetNetNSID:
		default:
			if tb.has(typ) {
				return h, nil, fail(rpdb.EINVAL, "Unsupported attribute in get link request")
			}
		}
	}
	return h, tb, nil
}

// linkFilter is what a dump of links shows.
type linkFilter struct {
	ns     *Namespace
	master int // 0 any, -1 none
	kind   *linkKind
	msg    linkMessage
}

func (f *linkFilter) hides(d *device) bool {
	switch {
	case f.master == -1 && d.master != nil:
		return true
	case f.master != 0 && f.master != -1 && (d.master == nil || d.master.Index != f.master):
		return true
	}
	return f.kind != nil && d.kind != f.kind
}

// dumpLinks answers RTM_GETLINK for all devices (rtnl_dump_ifinfo).
func dumpLinks(r *request) error {
	f, err := parseLinkDump(r)
	if err != nil {
		return err
	}
	var flags netlink.HeaderFlags
	if f.master != 0 || f.kind != nil {
		flags = netlink.DumpFiltered
	}
	for _, d := range f.ns.devices.list {
		if !f.hides(d) {
			r.row(rtnl.RTMNewLink, flags, d.encode(r.ns, f.msg))
			r.ext = extack{} // what was odd about the request is told only by an end without rows
		}
	}
	return nil
}

// parseLinkDump reads the filter of a dump (rtnl_valid_dump_ifinfo_req).
func parseLinkDump(r *request) (linkFilter, error) {
	f := linkFilter{ns: r.ns}
	header := linkHeaderLen
	how := liberal
	if r.strict() {
		if len(r.data) < header {
			return f, fail(rpdb.EINVAL, "Invalid header for link dump")
		}
		h := readLinkHeader(r.data)
		if h.pad != 0 || h.typ != 0 || h.flags != 0 || h.change != 0 {
			return f, fail(rpdb.EINVAL, "Invalid values in header for link dump request")
		}
		if h.index != 0 {
			return f, fail(rpdb.EINVAL, "Filter by device index not supported for link dumps")
		}
		how = deprecatedStrict
	} else if len(r.data) < header {
		header = min(4, len(r.data)) // struct rtgenmsg, aligned
	}
	tb, err := parseAttrs(r.data[header:], linkPolicy, how, &r.ext)
	if err != nil {
		if r.strict() {
			return f, err
		}
		return f, nil
	}
	return f, f.read(r, tb)
}

func (f *linkFilter) read(r *request, tb attrs) error {
	for typ := range tb {
		if !tb.has(typ) {
			continue
		}
		switch typ {
		case nla.IFLATargetNetNSID:
			n, err := r.targetNetns(tb)
			if err != nil {
				return err
			}
			id := int32(tb.u32(typ))
			f.ns, f.msg.target = n, &id
		case nla.IFLAExtMask:
			f.msg.extMask = tb.u32(typ)
		case nla.IFLAMaster:
			f.master = int(int32(tb.u32(typ)))
		case nla.IFLALinkInfo:
			info, err := parseAttrs(tb[typ], linkInfoPolicy, liberal, nil)
			if err == nil && info.has(nla.IFLAInfoKind) {
				f.kind = linkKinds[info.str(nla.IFLAInfoKind)]
			}
		default:
			if r.strict() {
				return fail(rpdb.EINVAL, "Unsupported attribute in link dump request")
			}
		}
	}
	return nil
}
