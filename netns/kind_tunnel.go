package netns

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/rulewalk/rulewalk/rpdb"
)

// tunnelAttr is one parameter of a tunnel, kept as it is sent.
type tunnelAttr struct {
	typ   uint16
	fresh []byte // where it is not given; its length is that of the parameter
	// optional is the length of a parameter that is shown only where it was given.
	optional int
}

// tunnelKind is a kind of tunnels: what its devices look like and their parameters in
// the order of dumps. Its packets are not emulated.
//
// No fallback device (tunl0, gre0, sit0...) is made: namespaces are as with
// net.core.fb_tunnels_only_for_init_net.
type tunnelKind struct {
	name          string
	typ           uint16 // ARPHRD_*; Ethernet if it is arphrdEther
	addrLen       int
	mtu           uint32
	minMTU        uint32
	headroom      uint16
	validate      func(tb, data attrs) error
	maxMTU        uint32
	flags         uint32
	local, remote int // attributes that are shown as hardware addresses
	link          int // attribute of the device below
	attrs         []tunnelAttr
}

// tunnel holds the parameters of one tunnel in the order of its kind.
type tunnel struct {
	kind   *tunnelKind
	values [][]byte
}

func bytesOf(n int) []byte { return make([]byte, n) }

// encapAttrs are the parameters of a second wrapping (IFLA_IPTUN_ENCAP_*), from the
// number of its type on.
func encapAttrs(typ, flags, sport, dport uint16) []tunnelAttr {
	return []tunnelAttr{{typ: typ, fresh: bytesOf(2)}, {typ: sport, fresh: bytesOf(2)}, {typ: dport, fresh: bytesOf(2)}, {typ: flags, fresh: bytesOf(2)}}
}

var greAttrs = append(append([]tunnelAttr{
	{typ: 1, fresh: bytesOf(4)},                                                                                        // IFLA_GRE_LINK
	{typ: 2, fresh: bytesOf(2)}, {typ: 3, fresh: bytesOf(2)}, {typ: 4, fresh: bytesOf(4)}, {typ: 5, fresh: bytesOf(4)}, // IFLAGS, OFLAGS, IKEY, OKEY
	{typ: 6, fresh: bytesOf(4)}, {typ: 7, fresh: bytesOf(4)}, // LOCAL, REMOTE
	{typ: 8, fresh: bytesOf(1)}, {typ: 9, fresh: bytesOf(1)}, {typ: 10, fresh: []byte{1}}, {typ: 20, fresh: bytesOf(4)}, // TTL, TOS, PMTUDISC, FWMARK
}, encapAttrs(14, 15, 16, 17)...), tunnelAttr{typ: 19, fresh: bytesOf(1)}) // IGNORE_DF

// vxlanAttrs are IFLA_VXLAN_*.
var vxlanAttrs = []tunnelAttr{
	{typ: 1, fresh: bytesOf(4)},                                                                                           // ID
	{typ: 2, optional: 4}, {typ: 16, optional: 16}, {typ: 3, optional: 4}, {typ: 4, optional: 4}, {typ: 17, optional: 16}, // GROUP, GROUP6, LINK, LOCAL, LOCAL6
	{typ: 5, fresh: bytesOf(1)}, {typ: 28, fresh: bytesOf(1)}, {typ: 6, fresh: bytesOf(1)}, {typ: 29, fresh: bytesOf(1)}, // TTL, TTL_INHERIT, TOS, DF
	{typ: 26, fresh: bytesOf(4)}, {typ: 32, fresh: bytesOf(4)}, {typ: 7, fresh: []byte{1}}, // LABEL, LABEL_POLICY, LEARNING
	{typ: 11, fresh: bytesOf(1)}, {typ: 12, fresh: bytesOf(1)}, {typ: 13, fresh: bytesOf(1)}, {typ: 14, fresh: bytesOf(1)}, // PROXY, RSC, L2MISS, L3MISS
	{typ: 25, fresh: bytesOf(1)}, {typ: 8, fresh: words32(300)}, {typ: 9, fresh: bytesOf(4)}, {typ: 15, fresh: []byte{0x21, 0x18}}, // COLLECT_METADATA, AGEING, LIMIT, PORT
	{typ: 18, fresh: []byte{1}}, {typ: 19, fresh: bytesOf(1)}, {typ: 20, fresh: bytesOf(1)}, {typ: 21, fresh: bytesOf(1)}, {typ: 22, fresh: bytesOf(1)}, // UDP_CSUM and the like
	{typ: 31, fresh: []byte{1}}, {typ: 10, fresh: bytesOf(4)}, {typ: 33, fresh: []byte{0xf7, 0xff, 0xff, 0xff, 0, 0, 0, 0xff}}, // LOCALBYPASS, PORT_RANGE, RESERVED_BITS
}

const tunnelFlags = rpdb.IFFNoARP

var tunnelKinds = []*tunnelKind{
	{
		name: "ipip", typ: arphrdTunnel, addrLen: 4, mtu: 1480, flags: tunnelFlags, local: 2, remote: 3, link: 1,
		attrs: append([]tunnelAttr{
			{typ: 1, fresh: bytesOf(4)}, {typ: 2, fresh: bytesOf(4)}, {typ: 3, fresh: bytesOf(4)}, {typ: 4, fresh: bytesOf(1)}, {typ: 5, fresh: bytesOf(1)}, // LINK, LOCAL, REMOTE, TTL, TOS
			{typ: 9, fresh: []byte{4}}, {typ: 10, fresh: []byte{1}}, {typ: 20, fresh: bytesOf(4)}, // PROTO, PMTUDISC, FWMARK
		}, encapAttrs(15, 16, 17, 18)...),
	},
	{
		name: "sit", typ: arphrdSIT, addrLen: 4, mtu: 1480, minMTU: 1280, maxMTU: 65555, flags: tunnelFlags, local: 2, remote: 3, link: 1,
		attrs: append([]tunnelAttr{
			{typ: 1, fresh: bytesOf(4)},
			{typ: 2, fresh: bytesOf(4)},
			{typ: 3, fresh: bytesOf(4)},
			{typ: 4, fresh: []byte{64}},
			{typ: 5, fresh: bytesOf(1)},
			{typ: 10, fresh: []byte{1}},
			{typ: 9, fresh: []byte{41}},
			{typ: 8, fresh: bytesOf(2)},
			{typ: 20, fresh: bytesOf(4)}, // PMTUDISC, PROTO, FLAGS, FWMARK
		}, encapAttrs(15, 16, 17, 18)...),
	},
	{
		name: "ip6tnl", typ: arphrdTunnel6, addrLen: 16, mtu: 1452, minMTU: 68, maxMTU: 65407, flags: tunnelFlags, local: 2, remote: 3, link: 1,
		attrs: append([]tunnelAttr{
			{typ: 1, fresh: bytesOf(4)}, {typ: 2, fresh: bytesOf(16)}, {typ: 3, fresh: bytesOf(16)}, {typ: 4, fresh: bytesOf(1)}, {typ: 6, fresh: bytesOf(1)}, // LINK, LOCAL, REMOTE, TTL, ENCAP_LIMIT
			{typ: 7, fresh: bytesOf(4)}, {typ: 8, fresh: bytesOf(4)}, {typ: 9, fresh: bytesOf(1)}, {typ: 20, fresh: bytesOf(4)}, // FLOWINFO, FLAGS, PROTO, FWMARK
		}, encapAttrs(15, 16, 17, 18)...),
	},
	{
		name: "gre", typ: arphrdIPGRE, addrLen: 4, mtu: 1476, flags: tunnelFlags, local: 6, remote: 7, link: 1,
		attrs: greAttrs,
	},
	{name: "gretap", typ: arphrdEther, mtu: 1462, minMTU: 68, link: 1, attrs: greAttrs},
	{
		name: "vxlan", typ: arphrdEther, mtu: 1500, minMTU: 68, maxMTU: 65535, headroom: 64, link: 3, attrs: vxlanAttrs,
		validate: validateVXLAN,
	},
	{
		name: "wireguard", typ: arphrdNone, mtu: 1420, maxMTU: 2147483552, flags: rpdb.IFFPointopt | rpdb.IFFNoARP,
	},
}

func init() {
	for _, k := range tunnelKinds {
		addKinds(k.kind())
	}
}

// kind is the kind for rtnetlink.
func (k *tunnelKind) kind() *linkKind {
	out := &linkKind{
		name:   k.name,
		policy: k.policy(),
		setup: func(d *device) {
			if k.typ == arphrdEther {
				d.setupEther()
				d.randomAddress()
			} else {
				d.Type, d.flags, d.TxQLen = k.typ, k.flags, 1000
				d.Address, d.broadcast = make([]byte, k.addrLen), make([]byte, k.addrLen)
			}
			d.noQueue = true
			d.MTU, d.minMTU, d.maxMTU = k.mtu, k.minMTU, k.maxMTU
			d.sizes.tso, d.headroom = 65536, k.headroom
			d.own = newTunnel(k)
		},
		newLink: func(l *linkRequest, d *device) error {
			t := d.own.(*tunnel)
			t.change(l, d)
			if k.name == "vxlan" {
				return t.registerVXLAN(d)
			}
			return d.register()
		},
	}
	if k.typ == arphrdEther {
		out.validate, out.setAddress = validateEtherLink, setEther
	}
	if k.validate != nil {
		out.validate = k.validate
	}
	if k.attrs != nil {
		out.change = func(l *linkRequest, d *device) error {
			if k.name == "vxlan" {
				if err := checkVXLANChange(l, d.own.(*tunnel)); err != nil {
					return err
				}
			}
			d.own.(*tunnel).change(l, d)
			return nil
		}
		out.fill = func(d *device, m *message) { d.own.(*tunnel).fill(m) }
		out.iflink = func(d *device) int {
			if t := d.own.(*tunnel); t.value(k.link) == nil {
				return d.Index
			}
			return int(int32(binary.NativeEndian.Uint32(d.own.(*tunnel).value(k.link))))
		}
	}
	return out
}

func (k *tunnelKind) policy() []policy {
	if k.attrs == nil {
		return nil
	}
	p := make([]policy, 34)
	for _, a := range k.attrs {
		p[a.typ] = policy{len: max(len(a.fresh), a.optional)}
	}
	return p
}

func newTunnel(k *tunnelKind) *tunnel {
	t := &tunnel{kind: k, values: make([][]byte, len(k.attrs))}
	for i, a := range k.attrs {
		t.values[i] = a.fresh
	}
	return t
}

// value is a parameter by its attribute.
func (t *tunnel) value(typ int) []byte {
	for i, a := range t.kind.attrs {
		if int(a.typ) == typ {
			return t.values[i]
		}
	}
	return nil
}

// change takes over the parameters that a request gives. The ends of a tunnel are its
// hardware addresses; one with a far end is a point-to-point link.
func (t *tunnel) change(l *linkRequest, d *device) {
	for i, a := range t.kind.attrs {
		if l.data.has(int(a.typ)) {
			t.values[i] = bytes.Clone(l.data[a.typ][:max(len(a.fresh), a.optional)])
		}
	}
	if t.kind.local == 0 {
		return
	}
	d.Address, d.broadcast = bytes.Clone(t.value(t.kind.local)), bytes.Clone(t.value(t.kind.remote))
	d.flags &^= rpdb.IFFPointopt
	if !allZero(d.broadcast) {
		d.flags |= rpdb.IFFPointopt
	}
	d.sync()
}

func (t *tunnel) fill(m *message) {
	for i, a := range t.kind.attrs {
		if t.values[i] != nil {
			m.put(a.typ, t.values[i])
		}
	}
}

// validateVXLAN is vxlan_validate.
func validateVXLAN(tb, data attrs) error {
	if tb.has(iflaAddress) {
		switch a := tb[iflaAddress]; {
		case len(a) != 6:
			return failAttr(rpdb.EINVAL, "Provided link layer address is not Ethernet", a)
		case !isUnicast(a):
			return failAttr(rpdb.EADDRNOTAVAIL, "Provided Ethernet address is not unicast", a)
		}
	}
	if tb.has(iflaMTU) {
		if mtu := tb.u32(iflaMTU); mtu < 68 || mtu > 65535 {
			return failAttr(rpdb.EINVAL, "MTU must be between 68 and 65535", tb[iflaMTU])
		}
	}
	if data == nil {
		return fail(rpdb.EINVAL, "Required attributes not provided to perform the operation")
	}
	if data.has(1) && data.u32(1) >= 1<<24 {
		return failAttr(rpdb.ERANGE, "VXLAN ID must be lower than 16777216", data[1])
	}
	return nil
}

// vxlanFixed are the parameters that cannot change once a device is there, in the
// order in which they are refused (vxlan_nl2conf, vxlan_nl2flag).
var vxlanFixed = []struct {
	typ  int
	text string
	own  bool // the attribute is blamed; else that of the link which has the same number
}{
	{typ: 1, text: "Cannot change VNI"},
	{typ: 11, text: vxlanFlag("PROXY")},
	{typ: 12, text: vxlanFlag("RSC")},
	{typ: 13, text: vxlanFlag("L2MISS")},
	{typ: 14, text: vxlanFlag("L3MISS")},
	{typ: 9, text: "Cannot change limit"},
	{typ: 25, text: vxlanFlag("COLLECT_METADATA")},
	{typ: 10, text: "Cannot change port range"},
	{typ: 15, text: "Cannot change port"},
	{typ: 18, text: "Cannot change UDP_CSUM flag"},
	{typ: 19, text: vxlanFlag("UDP_ZERO_CSUM6_TX")},
	{typ: 20, text: vxlanFlag("UDP_ZERO_CSUM6_RX")},
	{typ: 21, text: vxlanFlag("REMCSUM_TX")},
	{typ: 22, text: vxlanFlag("REMCSUM_RX")},
	{typ: 33, text: "Cannot change reserved_bits", own: true},
	{typ: 23, text: vxlanFlag("GBP")},
	{typ: 27, text: vxlanFlag("GPE")},
	{typ: 24, text: vxlanFlag("REMCSUM_NOPARTIAL")},
	{typ: 30, text: "vxlan: cannot change flag"},
}

func vxlanFlag(name string) string { return "vxlan: cannot change " + name + " flag" }

// checkVXLANChange refuses to change what is fixed. The VNI may be given again.
func checkVXLANChange(l *linkRequest, t *tunnel) error {
	for _, f := range vxlanFixed {
		same := f.typ == 1 && l.data.has(1) && bytes.Equal(l.data[1][:4], t.value(1))
		switch {
		case !l.data.has(f.typ) || same:
		case f.own:
			return failAttr(rpdb.EOPNOTSUPP, f.text, l.data[f.typ])
		case !strings.HasPrefix(f.text, "vxlan:") && l.tb.has(f.typ):
			return failAttr(rpdb.EOPNOTSUPP, f.text, l.tb[f.typ])
		default:
			return fail(rpdb.EOPNOTSUPP, f.text)
		}
	}
	return nil
}

// registerVXLAN registers a device and tells of it before its flags are set
// (__vxlan_dev_create).
func (t *tunnel) registerVXLAN(d *device) error {
	if d.ns.hasVXLAN(t) {
		return fail(rpdb.EEXIST, "A VXLAN device with the specified VNI already exists")
	}
	if err := d.register(); err != nil {
		return err
	}
	return d.configure(linkHeader{}, nil)
}

// hasVXLAN reports whether there is a device of the same identifier and port
// (vxlan_config_validate).
func (n *Namespace) hasVXLAN(t *tunnel) bool {
	return slices.ContainsFunc(n.devices.list, func(d *device) bool {
		o, ok := d.own.(*tunnel)
		return ok && o.kind == t.kind && bytes.Equal(o.value(1), t.value(1)) && bytes.Equal(o.value(15), t.value(15))
	})
}
