package netns

import (
	"encoding/binary"
	"net/netip"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// Attributes of a vxlan device (IFLA_VXLAN_*).
const (
	vxlanAttrID          = 1
	vxlanAttrGroup       = 2
	vxlanAttrLink        = 3
	vxlanAttrLocal       = 4
	vxlanAttrTTL         = 5
	vxlanAttrTOS         = 6
	vxlanAttrLearning    = 7
	vxlanAttrAgeing      = 8
	vxlanAttrLimit       = 9
	vxlanAttrPortRange   = 10
	vxlanAttrProxy       = 11
	vxlanAttrRSC         = 12
	vxlanAttrL2Miss      = 13
	vxlanAttrL3Miss      = 14
	vxlanAttrPort        = 15
	vxlanAttrGroup6      = 16
	vxlanAttrLocal6      = 17
	vxlanAttrCsum        = 18
	vxlanAttrZeroCsum6Tx = 19
	vxlanAttrZeroCsum6Rx = 20
	vxlanAttrRemCsumTx   = 21
	vxlanAttrRemCsumRx   = 22
	vxlanAttrGBP         = 23
	vxlanAttrNoPartial   = 24
	vxlanAttrMetadata    = 25
	vxlanAttrLabel       = 26
	vxlanAttrGPE         = 27
	vxlanAttrTTLInherit  = 28
	vxlanAttrDF          = 29
	vxlanAttrVNIFilter   = 30
	vxlanAttrLocalBypass = 31
	vxlanAttrLabelPolicy = 32
	vxlanAttrReserved    = 33
	vxlanAttrMCRoute     = 34
)

// vxlanPolicy is vxlan_policy.
var vxlanPolicy = func() []policy {
	p := make([]policy, vxlanAttrMCRoute+1)
	p[0].strictStart = vxlanAttrLocalBypass
	for _, typ := range []int{vxlanAttrID, vxlanAttrLink, vxlanAttrAgeing, vxlanAttrLimit, vxlanAttrLabel} {
		p[typ] = policy{kind: attrU32}
	}
	for _, typ := range []int{
		vxlanAttrTTL, vxlanAttrTOS, vxlanAttrLearning, vxlanAttrProxy, vxlanAttrRSC, vxlanAttrL2Miss, vxlanAttrL3Miss, vxlanAttrMetadata,
		vxlanAttrCsum, vxlanAttrZeroCsum6Tx, vxlanAttrZeroCsum6Rx, vxlanAttrRemCsumTx, vxlanAttrRemCsumRx, vxlanAttrDF, vxlanAttrVNIFilter,
	} {
		p[typ] = policy{kind: attrU8}
	}
	for _, typ := range []int{vxlanAttrGBP, vxlanAttrGPE, vxlanAttrNoPartial, vxlanAttrTTLInherit} {
		p[typ] = policy{kind: attrFlag}
	}
	p[vxlanAttrGroup], p[vxlanAttrLocal] = policy{len: 4}, policy{len: 4}
	p[vxlanAttrGroup6], p[vxlanAttrLocal6] = policy{len: 16}, policy{len: 16}
	p[vxlanAttrPortRange] = policy{len: 4}
	p[vxlanAttrPort] = policy{kind: attrU16}
	p[vxlanAttrLocalBypass] = policy{kind: attrU8, max: 1}
	p[vxlanAttrLabelPolicy] = policy{kind: attrU32, max: 1}
	p[vxlanAttrReserved] = policy{kind: attrBinary, exact: 8}
	p[vxlanAttrMCRoute] = policy{kind: attrU8, max: 1}
	return p
}()

// validateVXLAN is vxlan_validate.
func validateVXLAN(tb, data attrs) error {
	if tb.has(nla.IFLAAddress) {
		switch a := tb[nla.IFLAAddress]; {
		case len(a) != 6:
			return failAttr(rpdb.EINVAL, "Provided link layer address is not Ethernet", a)
		case !isUnicast(a):
			return failAttr(rpdb.EADDRNOTAVAIL, "Provided Ethernet address is not unicast", a)
		}
	}
	if tb.has(nla.IFLAMTU) {
		if mtu := tb.u32(nla.IFLAMTU); mtu < 68 || mtu > 65535 {
			return failAttr(rpdb.EINVAL, "MTU must be between 68 and 65535", tb[nla.IFLAMTU])
		}
	}
	if data == nil {
		return fail(rpdb.EINVAL, "Required attributes not provided to perform the operation")
	}
	if data.has(vxlanAttrID) && data.u32(vxlanAttrID) >= 1<<24 {
		return failAttr(rpdb.ERANGE, "VXLAN ID must be lower than 16777216", data[vxlanAttrID])
	}
	if data.has(vxlanAttrPortRange) {
		if p := data[vxlanAttrPortRange]; binary.BigEndian.Uint16(p[2:]) < binary.BigEndian.Uint16(p) {
			return failAttr(rpdb.EINVAL, "Invalid source port range", p)
		}
	}
	if data.has(vxlanAttrDF) && data.u8(vxlanAttrDF) > 2 {
		return failAttr(rpdb.EINVAL, "Invalid DF attribute", data[vxlanAttrDF])
	}
	return nil
}

// vxlanHeader is struct vxlanhdr: flags, and the identifier with what follows it.
type vxlanHeader [8]byte

// vxlanUsed are the bits of a header that vxlan itself uses.
var vxlanUsed = vxlanHeader{0: 0x08, 4: 0xff, 5: 0xff, 6: 0xff}

func (h *vxlanHeader) add(flags, vni uint32) {
	binary.BigEndian.PutUint32(h[:], binary.BigEndian.Uint32(h[:])|flags)
	binary.BigEndian.PutUint32(h[4:], binary.BigEndian.Uint32(h[4:])|vni)
}

// vxlanRule is one attribute in the order in which they are read.
type vxlanRule struct {
	typ   int
	flag  vxlanFlags // what it turns on or off; 0: it is no flag
	name  string     // of the flag, for the refusal to change it
	fixed string     // the refusal to change what is no flag
	free  bool       // it may change
	bits  [2]uint32  // of a header that it uses (vxlanHeader)
}

// vxlanRules are the parts of vxlan_nl2conf that follow one pattern, in its order.
var vxlanRules = []vxlanRule{
	{typ: vxlanAttrTTLInherit, flag: vxlanTTLInherit, name: "TTL_INHERIT"},
	{typ: vxlanAttrLearning, flag: vxlanLearn, free: true},
	{typ: vxlanAttrProxy, flag: vxlanProxy, name: "PROXY"},
	{typ: vxlanAttrRSC, flag: vxlanRSC, name: "RSC"},
	{typ: vxlanAttrL2Miss, flag: vxlanL2Miss, name: "L2MISS"},
	{typ: vxlanAttrL3Miss, flag: vxlanL3Miss, name: "L3MISS"},
	{typ: vxlanAttrLimit, fixed: "Cannot change limit"},
	{typ: vxlanAttrMetadata, flag: vxlanMetadata, name: "COLLECT_METADATA"},
	{typ: vxlanAttrPortRange, fixed: "Cannot change port range"},
	{typ: vxlanAttrPort, fixed: "Cannot change port"},
	{typ: vxlanAttrCsum, fixed: "Cannot change UDP_CSUM flag"},
	{typ: vxlanAttrLocalBypass, flag: vxlanLocalBypass, free: true},
	{typ: vxlanAttrZeroCsum6Tx, flag: vxlanZeroCsum6Tx, name: "UDP_ZERO_CSUM6_TX"},
	{typ: vxlanAttrZeroCsum6Rx, flag: vxlanZeroCsum6Rx, name: "UDP_ZERO_CSUM6_RX"},
	{typ: vxlanAttrRemCsumTx, flag: vxlanRemCsumTx, name: "REMCSUM_TX"},
	{typ: vxlanAttrRemCsumRx, flag: vxlanRemCsumRx, name: "REMCSUM_RX", bits: [2]uint32{1 << 21, 0xff}},
	{typ: vxlanAttrGBP, flag: vxlanGBP, name: "GBP", bits: [2]uint32{1<<31 | 0xffffff}},
	{typ: vxlanAttrGPE, flag: vxlanGPE, name: "GPE", bits: [2]uint32{3<<28 | 1<<26 | 1<<24 | 0xff}},
	{typ: vxlanAttrReserved, fixed: "Cannot change reserved_bits"},
	{typ: vxlanAttrNoPartial, flag: vxlanNoPartial, name: "REMCSUM_NOPARTIAL"},
	{typ: vxlanAttrMCRoute, flag: vxlanMCRoute, free: true},
}

// readVXLAN reads settings; old are those of a device that changes, nil for a new one
// (vxlan_nl2conf).
func readVXLAN(l *linkRequest, old *vxlanConfig) (c vxlanConfig, err error) {
	if old != nil {
		c = *old
	} else {
		c.flags = vxlanLearn | vxlanLocalBypass
	}
	if l.data.has(vxlanAttrID) {
		vni := l.data.u32(vxlanAttrID)
		if old != nil && vni != old.vni {
			return c, l.blame(vxlanAttrID, "Cannot change VNI")
		}
		c.vni = vni
	}
	const group, local = "New group address family does not match old group", "New local address family does not match old"
	if err := l.readVXLANAddr(&c.remote, old != nil, vxlanAttrGroup, vxlanAttrGroup6, group); err != nil {
		return c, err
	}
	if err := l.readVXLANAddr(&c.local, old != nil, vxlanAttrLocal, vxlanAttrLocal6, local); err != nil {
		return c, err
	}
	l.readVXLANNumbers(&c)
	used := vxlanUsed
	for _, x := range vxlanRules {
		if err := l.readVXLANRule(x, &c, old != nil, &used); err != nil {
			return c, err
		}
	}
	if l.tb.has(nla.IFLAMTU) {
		if old != nil {
			return c, failAttr(rpdb.EOPNOTSUPP, "Cannot change mtu", l.tb[nla.IFLAMTU])
		}
		c.mtu = l.tb.u32(nla.IFLAMTU)
	}
	if l.data.has(vxlanAttrDF) {
		c.df = l.data.u8(vxlanAttrDF)
	}
	if l.data.has(vxlanAttrVNIFilter) {
		switch {
		case old != nil:
			return c, fail(rpdb.EOPNOTSUPP, "vxlan: cannot change flag")
		case l.data.u8(vxlanAttrVNIFilter) == 0:
		case c.flags&vxlanMetadata == 0:
			return c, failAttr(rpdb.EINVAL, "vxlan vnifilter only valid in collect metadata mode", l.data[vxlanAttrVNIFilter])
		default:
			return c, failAttr(rpdb.EOPNOTSUPP, "filters of VXLAN identifiers are not emulated", l.data[vxlanAttrVNIFilter])
		}
	}
	return c, nil
}

// blame refuses a change. The kernel blames the attribute of the link that has the
// number of the one that it means.
func (l *linkRequest) blame(typ int, text string) error {
	if l.tb.has(typ) {
		return failAttr(rpdb.EOPNOTSUPP, text, l.tb[typ])
	}
	return fail(rpdb.EOPNOTSUPP, text)
}

// readVXLANAddr reads an address of either family, which cannot change.
func (l *linkRequest) readVXLANAddr(a *netip.Addr, change bool, typ4, typ6 int, text string) error {
	typ, n := typ4, 4
	if !l.data.has(typ4) {
		typ, n = typ6, 16
	}
	if !l.data.has(typ) {
		return nil
	}
	if change && a.Is4() != (n == 4) {
		return l.blame(typ, text)
	}
	*a, _ = netip.AddrFromSlice(l.data[typ][:n])
	return nil
}

// readVXLANNumbers reads what may always change.
func (l *linkRequest) readVXLANNumbers(c *vxlanConfig) {
	for _, x := range []struct {
		typ int
		to  *uint32
	}{{vxlanAttrLink, &c.link}, {vxlanAttrLabelPolicy, &c.labelPolicy}, {vxlanAttrAgeing, &c.ageing}, {vxlanAttrLabel, &c.label}} {
		if l.data.has(x.typ) {
			*x.to = l.data.u32(x.typ)
		}
	}
	if l.data.has(vxlanAttrLabel) {
		var mask [4]byte
		binary.BigEndian.PutUint32(mask[:], 0xfffff) // IPV6_FLOWLABEL_MASK
		c.label &= binary.NativeEndian.Uint32(mask[:])
	}
	if l.data.has(vxlanAttrTOS) {
		c.tos = l.data.u8(vxlanAttrTOS)
	}
	if l.data.has(vxlanAttrTTL) {
		c.ttl = l.data.u8(vxlanAttrTTL)
	}
}

func (l *linkRequest) readVXLANRule(x vxlanRule, c *vxlanConfig, change bool, used *vxlanHeader) error {
	has := l.data.has(x.typ)
	switch {
	case !has && x.typ == vxlanAttrReserved:
		for i := range c.reserved {
			c.reserved[i] = ^used[i]
		}
		return nil
	case !has:
		return nil
	case change && x.typ == vxlanAttrReserved:
		return failAttr(rpdb.EOPNOTSUPP, x.fixed, l.data[x.typ])
	case change && x.fixed != "":
		return l.blame(x.typ, x.fixed)
	case change && !x.free:
		return fail(rpdb.EOPNOTSUPP, "vxlan: cannot change "+x.name+" flag")
	}
	used.add(x.bits[0], x.bits[1])
	switch b := l.data[x.typ]; x.typ {
	case vxlanAttrLimit:
		c.limit = l.data.u32(x.typ)
	case vxlanAttrPortRange:
		copy(c.ports[:], b)
	case vxlanAttrPort:
		c.port = binary.BigEndian.Uint16(b)
	case vxlanAttrCsum:
		if b[0] == 0 {
			c.flags |= vxlanZeroCsumTx
		}
	case vxlanAttrReserved:
		copy(c.reserved[:], b)
		return overlap(used, &c.reserved, b)
	default:
		if c.flags |= x.flag; vxlanPolicy[x.typ].kind != attrFlag && b[0] == 0 {
			c.flags &^= x.flag
		}
	}
	return nil
}

// overlap refuses to reserve bits that are used.
func overlap(used, reserved *vxlanHeader, attr []byte) error {
	u, r := binary.BigEndian.Uint64(used[:]), binary.BigEndian.Uint64(reserved[:])
	if u&r == 0 {
		return nil
	}
	text := failf(rpdb.EINVAL, "Used bits %#016x cannot overlap reserved bits %#016x", u, r)
	return failAttr(text.Errno, text.Msg, attr)
}

// check completes settings and returns the device below, nil if there is none
// (vxlan_config_validate).
func (c *vxlanConfig) check(home *Namespace, v *vxlan) (lower *device, err error) {
	invalid := func(text string) (*device, error) { return nil, fail(rpdb.EINVAL, text) }
	if c.flags&vxlanGPE != 0 && (c.flags&^vxlanGPEFlags != 0 || c.flags&vxlanMetadata == 0) {
		return invalid("VXLAN GPE does not support this combination of attributes")
	}
	c.matchFamilies()
	switch {
	case c.local.Is4() != c.remote.Is4():
		return invalid("Local and remote address must be from the same family")
	case c.local.IsMulticast():
		return invalid("Local address cannot be multicast")
	}
	if c.local.Is6() {
		c.flags |= vxlanIPv6
		if err := c.checkScopes(); err != nil {
			return nil, err
		}
	} else if c.label != 0 {
		return invalid("Label attribute only applies to IPv6 VXLAN devices")
	} else if c.labelPolicy != 0 {
		return invalid("Label policy only applies to IPv6 VXLAN devices")
	}
	switch {
	case c.link != 0:
		if lower = home.byIndex(int(int32(c.link))); lower == nil {
			return nil, fail(rpdb.ENODEV, "Invalid local interface, device not found")
		}
		if in := home.inet6(lower); c.local.Is6() && in != nil && in.disabled() {
			return nil, fail(rpdb.EPERM, "IPv6 support disabled by administrator")
		}
	case c.remote.IsMulticast():
		return invalid("Local interface required for multicast remote destination")
	case c.flags&vxlanLinkLocal != 0:
		return invalid("Local interface required for link-local local/remote addresses")
	}
	if c.port == 0 {
		if c.port = 8472; c.flags&vxlanGPE != 0 {
			c.port = 4790
		}
	}
	if c.ageing == 0 {
		c.ageing = 300
	}
	if home.vniInUse(c, v) {
		return nil, fail(rpdb.EEXIST, "A VXLAN device with the specified VNI already exists")
	}
	return lower, nil
}

// matchFamilies gives an address that is not there the family of the other.
func (c *vxlanConfig) matchFamilies() {
	none := netip.IPv4Unspecified()
	if c.remote.Is6() || c.local.Is6() {
		none = netip.IPv6Unspecified()
	}
	if !c.remote.IsValid() {
		c.remote = none
	}
	if !c.local.IsValid() {
		c.local = none
	}
}

// checkScopes refuses a local address of one link with a far end beyond it.
func (c *vxlanConfig) checkScopes() error {
	if c.flags&vxlanMetadata != 0 {
		return nil
	}
	near := c.remote.IsLinkLocalUnicast() || c.remote.IsLinkLocalMulticast()
	switch {
	case c.local.IsLinkLocalUnicast():
		if !near && !c.remote.IsUnspecified() {
			return fail(rpdb.EINVAL, "Invalid combination of local and remote address scopes")
		}
		c.flags |= vxlanLinkLocal
	case c.remote.IsLinkLocalUnicast():
		return fail(rpdb.EINVAL, "Invalid combination of local and remote address scopes")
	default:
		c.flags &^= vxlanLinkLocal
	}
	return nil
}

// vniInUse is vxlan_vni_in_use.
func (n *Namespace) vniInUse(c *vxlanConfig, v *vxlan) bool {
	const alike = vxlanReceiveFlags | vxlanIPv6
	for _, o := range n.vxlans {
		if o != v && o.conf.vni == c.vni && o.conf.port == c.port && o.conf.flags&alike == c.flags&alike &&
			(c.flags&vxlanLinkLocal == 0 || o.conf.link == c.link) {
			return true
		}
	}
	return false
}
