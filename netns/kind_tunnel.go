package netns

import (
	"bytes"
	"encoding/binary"

	"github.com/rulewalk/rulewalk/rpdb"
)

// tunnelAttr is one parameter of a tunnel, kept as it is sent.
type tunnelAttr struct {
	typ   uint16
	fresh []byte // where it is not given; its length is that of the parameter
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
			d.sizes.tso = 65536
			d.own = newTunnel(k)
		},
		newLink: func(l *linkRequest, d *device) error {
			d.own.(*tunnel).change(l, d)
			return d.register()
		},
	}
	if k.typ == arphrdEther {
		out.validate, out.setAddress = validateEtherLink, setEther
	}
	if k.attrs != nil {
		out.change = func(l *linkRequest, d *device) error {
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
		p[a.typ] = policy{len: len(a.fresh)}
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
			t.values[i] = bytes.Clone(l.data[a.typ][:len(a.fresh)])
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
