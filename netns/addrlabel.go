package netns

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// Layout of struct ifaddrlblmsg.
const (
	labelHeaderLen = 12 // struct ifaddrlblmsg
	noLabel        = 0xffffffff
)

// labelPolicy is ifal_policy.
var labelPolicy = []policy{nla.IFALAddress: {len: 16}, nla.IFALLabel: {len: 4}}

// labels is the IPv6 address label table (net->ipv6.ip6addrlbl_table): longer prefixes
// first, those of a device before those of all. The prefixes keep the host bits that
// they were given with, for these tell which addresses a prefix is meant for.
type labels struct {
	list []rpdb.AddrLabel
	seq  uint32
}

// newLabels is the table of a new namespace (ip6addrlbl_net_init).
func newLabels() (t labels) {
	for _, l := range rpdb.DefaultAddrLabels() {
		_ = t.add(l, false) // they differ
	}
	return t
}

// find returns the place of the entry for a prefix of a device, or -1.
func (t *labels) find(p netip.Prefix, index int) int {
	return slices.IndexFunc(t.list, func(l rpdb.AddrLabel) bool { return l.Index == index && l.Prefix.Masked() == p.Masked() })
}

// add is __ip6addrlbl_add: an equal entry counts only if it comes before the place of
// the new one.
func (t *labels) add(l rpdb.AddrLabel, replace bool) error {
	bits := l.Prefix.Bits()
	at := len(t.list)
	for i, x := range t.list {
		if x.Index == l.Index && x.Prefix.Masked() == l.Prefix.Masked() {
			if !replace {
				return fail(rpdb.EEXIST, "")
			}
			t.list[i] = l
			t.seq++
			return nil
		}
		if x.Prefix.Bits() == bits && x.Index == 0 || x.Prefix.Bits() < bits {
			at = i
			break
		}
	}
	t.list = slices.Insert(t.list, at, l)
	t.seq++
	return nil
}

// model is the table for the decision engine, for which an empty one stands for the
// kernel's own: an entry of no device keeps it from being taken for that.
func (t *labels) model() []rpdb.AddrLabel {
	if len(t.list) == 0 {
		return []rpdb.AddrLabel{{Prefix: netip.PrefixFrom(netip.IPv6Unspecified(), 0), Index: -1, Label: noLabel}}
	}
	return slices.Clone(t.list)
}

// labelRequest is what a request says of a label.
type labelRequest struct {
	rpdb.AddrLabel
	family rpdb.Family
	bits   int
	tb     attrs
}

func (r *request) readLabel(how validation) (q labelRequest, err error) {
	if len(r.data) < labelHeaderLen {
		return q, fail(rpdb.EINVAL, "Invalid header length")
	}
	q.tb, err = parseAttrs(r.data[labelHeaderLen:], labelPolicy, how, &r.ext)
	q.family, q.bits = rpdb.Family(r.data[0]), int(r.data[2])
	q.Index = int(int32(binary.NativeEndian.Uint32(r.data[4:])))
	return q, err
}

// changedLabel reads a request to add or delete (ip6addrlbl_newdel).
func (r *request) changedLabel() (q labelRequest, err error) {
	if q, err = r.readLabel(liberal); err != nil {
		return q, err
	}
	if q.family != rpdb.IPv6 || q.bits > 128 || !q.tb.has(nla.IFALAddress) || !q.tb.has(nla.IFALLabel) {
		return q, fail(rpdb.EINVAL, "")
	}
	q.Prefix = netip.PrefixFrom(netip.AddrFrom16([16]byte(q.tb[nla.IFALAddress][:16])), q.bits)
	if q.Label = q.tb.u32(nla.IFALLabel); q.Label == noLabel {
		return q, fail(rpdb.EINVAL, "")
	}
	return q, nil
}

// newLabel answers RTM_NEWADDRLABEL.
func newLabel(r *request) error {
	q, err := r.changedLabel()
	switch {
	case err != nil:
		return err
	case q.Index != 0 && r.ns.byIndex(q.Index) == nil,
		q.Prefix.Addr().Is4In6() && q.bits > 96: // ip6addrlbl_alloc
		return fail(rpdb.EINVAL, "")
	}
	return r.ns.labels.add(q.AddrLabel, r.head.Flags&netlink.Replace != 0)
}

// delLabel answers RTM_DELADDRLABEL.
func delLabel(r *request) error {
	q, err := r.changedLabel()
	if err != nil {
		return err
	}
	t := &r.ns.labels
	i := t.find(q.Prefix, q.Index)
	if i < 0 {
		return fail(rpdb.ESRCH, "")
	}
	t.list = slices.Delete(t.list, i, i+1)
	return nil
}

// getLabel answers RTM_GETADDRLABEL with the entry of an address (ip6addrlbl_get).
func getLabel(r *request) error {
	q, err := r.validLabelGet()
	switch {
	case err != nil:
		return err
	case q.family != rpdb.IPv6 || q.bits != 128,
		q.Index != 0 && r.ns.byIndex(q.Index) == nil,
		!q.tb.has(nla.IFALAddress):
		return fail(rpdb.EINVAL, "")
	}
	a := netip.AddrFrom16([16]byte(q.tb[nla.IFALAddress][:16]))
	for _, l := range r.ns.labels.list {
		if (l.Index == 0 || l.Index == q.Index) && labelCovers(l.Prefix, a) {
			r.reply(rtnl.RTMNewAddrLabel, 0, r.ns.labels.encode(l))
			return nil
		}
	}
	return fail(rpdb.ESRCH, "")
}

// labelCovers reports whether a request for the entry of an address finds this one
// (__ip6addrlbl_match). It looks for the whole type of the address, which entries for
// ::1 and for embedded IPv4 addresses never equal.
func labelCovers(p netip.Prefix, a netip.Addr) bool {
	first := netip.AddrFrom16([16]byte{15: 1})
	embedded := p.Bits() == 96 && p.Masked().Addr().IsUnspecified() && first.Less(p.Addr())
	return p.Contains(a) && !embedded && (p.Bits() != 128 || p.Addr() != first)
}

// validLabelGet is ip6addrlbl_valid_get_req.
func (r *request) validLabelGet() (q labelRequest, err error) {
	switch {
	case len(r.data) < labelHeaderLen:
		return q, fail(rpdb.EINVAL, "ipv6: Invalid header for addrlabel get request")
	case !r.strict():
		return r.readLabel(liberal)
	case r.data[1] != 0 || r.data[3] != 0 || binary.NativeEndian.Uint32(r.data[8:]) != 0:
		return q, fail(rpdb.EINVAL, "ipv6: Invalid values in header for addrlabel get request")
	}
	if q, err = r.readLabel(deprecatedStrict); err == nil && q.tb.has(nla.IFALLabel) {
		err = fail(rpdb.EINVAL, "ipv6: Unsupported attribute in addrlabel get request")
	}
	return q, err
}

// dumpLabels answers RTM_GETADDRLABEL with NLM_F_DUMP (ip6addrlbl_dump,
// ip6addrlbl_valid_dump_req).
func dumpLabels(r *request) error {
	if r.strict() {
		switch {
		case len(r.data) < labelHeaderLen:
			return fail(rpdb.EINVAL, "ipv6: Invalid header for address label dump request")
		case r.data[1] != 0 || r.data[2] != 0 || r.data[3] != 0 || binary.NativeEndian.Uint64(r.data[4:]) != 0:
			return fail(rpdb.EINVAL, "ipv6: Invalid values in header for address label dump request")
		case len(r.data) > labelHeaderLen:
			return fail(rpdb.EINVAL, "ipv6: Invalid data after header for address label dump request")
		}
	}
	for _, l := range r.ns.labels.list {
		r.row(rtnl.RTMNewAddrLabel, 0, r.ns.labels.encode(l))
	}
	return nil
}

// encode is ip6addrlbl_fill.
func (t *labels) encode(l rpdb.AddrLabel) []byte {
	w := &message{b: make([]byte, labelHeaderLen)}
	w.b[0], w.b[2] = byte(rpdb.IPv6), byte(l.Prefix.Bits())
	binary.NativeEndian.PutUint32(w.b[4:], uint32(l.Index))
	binary.NativeEndian.PutUint32(w.b[8:], t.seq)
	w.put(nla.IFALAddress, l.Prefix.Masked().Addr().AsSlice())
	w.u32(nla.IFALLabel, l.Label)
	return w.b
}
