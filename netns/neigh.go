package netns

import (
	"bytes"
	"cmp"
	"net/netip"
	"slices"
	"sync/atomic"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// Flags of a neighbour (NTF_*); those from the ninth bit on are of NDA_FLAGS_EXT.
const (
	ntfUse        = 0x01
	ntfProxy      = 0x08
	ntfExtLearned = 0x10
	ntfRouter     = 0x80
	ntfOldMask    = 0xff
	ntfManaged    = 1 << 8
	ntfValidated  = 1 << 10

	nudConnected = rpdb.NUDPermanent | rpdb.NUDNoARP | rpdb.NUDReachable
)

// neigh is a neighbour, or with proxy an address that is answered for (struct
// neighbour, struct pneigh_entry).
type neigh struct {
	dev       *device // nil: a proxy for any device
	addr      netip.Addr
	state     uint16
	flags     uint32
	typ       rpdb.RouteType
	protocol  uint8
	lladdr    []byte
	probes    uint32
	confirmed jiffies
	used      atomic.Int64 // jiffies
	updated   jiffies
	timer     jiffies // when its state ends, 0 for never
	armed     uint64  // when the timer was set, counted by neighs.armed
	permanent bool    // of a proxy: it survives the loss of the carrier
}

// neighs are the neighbours of a namespace, both families together, in the order in
// which they came: the kernel's order is that of a hash with a random key.
type neighs struct {
	list, proxies []*neigh
	armed         uint64             // how often a timer was set
	index         map[neighID]*neigh // of list
}

// neighID identifies a neighbour.
type neighID struct {
	dev  *device
	addr netip.Addr
}

// find returns the neighbour of an address on a device, or nil (neigh_lookup).
func (t *neighs) find(d *device, a netip.Addr) *neigh { return t.index[neighID{d, a}] }

// add takes a new neighbour in.
func (t *neighs) add(x *neigh) {
	if t.index == nil {
		t.index = map[neighID]*neigh{}
	}
	t.list = append(t.list, x)
	t.index[neighID{x.dev, x.addr}] = x
}

// arm sets the timer of a neighbour.
func (t *neighs) arm(x *neigh, at jiffies) {
	t.armed++
	x.timer, x.armed = at, t.armed
}

// due are the neighbours whose timers are over, in the order in which the kernel's wheel has
// them: of one jiffy the last that was set is the first (enqueue_timer).
func (t *neighs) due(now jiffies) []*neigh {
	var out []*neigh
	for _, x := range t.list {
		if x.timer != 0 && now >= x.timer {
			out = append(out, x)
		}
	}
	slices.SortFunc(out, func(a, b *neigh) int {
		return cmp.Or(cmp.Compare(a.timer, b.timer), cmp.Compare(b.armed, a.armed))
	})
	return out
}

// remove takes a neighbour out.
func (t *neighs) remove(x *neigh) {
	t.list = slices.DeleteFunc(t.list, func(y *neigh) bool { return y == x })
	delete(t.index, neighID{x.dev, x.addr})
}

// proxy returns an entry for an address that is answered for on a device, or on any
// (pneigh_lookup).
func (t *neighs) proxy(d *device, a netip.Addr) *neigh {
	for _, x := range t.proxies {
		if x.addr == a && (x.dev == d || x.dev == nil) {
			return x
		}
	}
	return nil
}

// createNeigh makes a neighbour, or returns the one that its key leads to
// (___neigh_create, arp_constructor, ndisc_constructor).
func (n *Namespace) createNeigh(d *device, a netip.Addr, flags uint32) (*neigh, error) {
	now := n.world.now()
	x := &neigh{dev: d, addr: a, flags: flags, typ: rpdb.Unicast, lladdr: make([]byte, len(d.Address)), updated: now}
	x.used.Store(int64(now))
	x.confirmed = now - 2*jiffies(n.neighParmsOf(x)[neighReachable])
	multicast := a.IsMulticast()
	if a.Is4() {
		if d.inet4 == nil {
			return nil, fail(rpdb.EINVAL, "")
		}
		if d.flags&(rpdb.IFFLoopback|iffPointopoint) != 0 {
			x.addr = netip.IPv4Unspecified()
		}
		x.typ = n.devAddrType4(d, x.addr)
		multicast = x.typ == rpdb.Multicast
	} else {
		if n.inet6(d) == nil {
			return nil, fail(rpdb.EINVAL, "")
		}
		if multicast {
			x.typ = rpdb.Multicast
		}
	}
	switch {
	case d.Type != arphrdEther && d.Type != arphrdLoopback: // no header_ops
		x.state = rpdb.NUDNoARP
	case multicast && a.Is6() && d.Type != arphrdEther:
		x.state, x.lladdr = rpdb.NUDNoARP, slices.Clone(d.broadcast) // ndisc_mc_map
	case multicast:
		x.state, x.lladdr = rpdb.NUDNoARP, multicastEther(a)
	case d.flags&(rpdb.IFFNoARP|rpdb.IFFLoopback) != 0:
		x.state, x.lladdr = rpdb.NUDNoARP, slices.Clone(d.Address)
		if a.Is6() && d.flags&rpdb.IFFLoopback != 0 {
			x.typ = rpdb.Local
		}
	case a.Is4() && x.typ == rpdb.Broadcast, d.flags&iffPointopoint != 0:
		x.state, x.lladdr = rpdb.NUDNoARP, slices.Clone(d.broadcast)
	}
	if old := n.neighs.find(d, x.addr); old != nil {
		return old, nil
	}
	n.neighs.add(x)
	n.neighChanges.Add(1)
	return x, nil
}

// devAddrType4 is the type of an address as the table of a device has it
// (inet_addr_type_dev_table).
func (n *Namespace) devAddrType4(d *device, a netip.Addr) rpdb.RouteType {
	table := n.l3Table(d)
	if table == 0 {
		table = rpdb.TableLocal
	}
	return n.addrType4(fromAddr4(a), table)
}

// multicastEther is the hardware address of a group (ip_eth_mc_map,
// ipv6_eth_mc_map).
func multicastEther(a netip.Addr) []byte {
	b := a.AsSlice()
	if a.Is4() {
		return []byte{1, 0, 0x5e, b[1] & 0x7f, b[2], b[3]}
	}
	return append([]byte{0x33, 0x33}, b[12:]...)
}

// neighUpdate is a change of a neighbour (NEIGH_UPDATE_F_*).
type neighUpdate struct {
	lladdr   []byte // nil: not given
	state    uint16
	flags    uint32 // NTF_*
	override bool   // the address may change, and whether it is a router
	port     uint32 // of who asks
}

// updateNeigh changes a neighbour on request (__neigh_update).
func (n *Namespace) updateNeigh(x *neigh, u neighUpdate) error {
	n.neighChanges.Add(1)
	notify := x.takeFlags(u.flags)
	err := error(nil)
	old := x.state
	if u.flags&(ntfUse|ntfManaged) != 0 {
		x.state = old &^ rpdb.NUDPermanent
	} else if u.state&rpdb.NUDValid == 0 {
		x.timer = 0
		x.state = u.state
		// Whatever happened to the flags.
		notify = old&rpdb.NUDValid != 0 || old&(rpdb.NUDIncomplete|rpdb.NUDProbe) != 0 && u.state&rpdb.NUDFailed != 0
		if notify && old&rpdb.NUDValid == 0 {
			x.updated = n.world.now()
		}
	} else {
		var more bool
		if more, err = n.validNeigh(x, u); more {
			notify = true
		}
	}
	switch now := x.state; {
	case old&rpdb.NUDValid == 0 && now&rpdb.NUDValid != 0:
		n.resolved(x, true)
	case old&rpdb.NUDIncomplete != 0 && now&rpdb.NUDIncomplete == 0:
		n.resolved(x, false)
	}
	if notify {
		n.notifyNeigh(rtnl.RTMNewNeigh, x, 1, u.port)
	}
	return err
}

// takeFlags sets the flags that requests decide (neigh_update_flags).
func (x *neigh) takeFlags(flags uint32) (changed bool) {
	const decided = ntfExtLearned | ntfManaged
	changed = (x.flags^flags)&decided != 0
	x.flags = x.flags&^decided | flags&decided
	return changed
}

// validNeigh gives a neighbour a state in which its address is usable, the second
// part of __neigh_update.
func (n *Namespace) validNeigh(x *neigh, u neighUpdate) (notify bool, err error) {
	old, lladdr := x.state, u.lladdr
	switch {
	case len(x.dev.Address) == 0:
		lladdr = x.lladdr
	case lladdr != nil:
		lladdr = lladdr[:len(x.dev.Address)]
	case old&rpdb.NUDValid == 0:
		return false, fail(rpdb.EINVAL, "No link layer address given")
	default:
		lladdr = x.lladdr
	}
	now := n.world.now()
	same := bytes.Equal(lladdr, x.lladdr) && (old&rpdb.NUDValid != 0 || u.lladdr == nil)
	if u.state&nudConnected != 0 {
		x.confirmed = now
	}
	if old&rpdb.NUDValid != 0 && !same && !u.override {
		return false, nil
	}
	if u.state != old || !same {
		x.updated = now
	}
	if u.state != old {
		x.state, x.timer, notify = u.state, 0, true
		switch p := n.neighParmsOf(x); {
		case u.state&rpdb.NUDReachable != 0:
			n.neighs.arm(x, now+jiffies(p[neighReachable]))
		case u.state&(rpdb.NUDIncomplete|rpdb.NUDDelay|rpdb.NUDProbe) != 0:
			n.neighs.arm(x, now)
		}
		if u.state&rpdb.NUDProbe != 0 {
			x.probes = 0
		}
	}
	if !same {
		x.lladdr, notify = slices.Clone(lladdr), true
		if u.state&nudConnected == 0 {
			x.confirmed = now - 60*hz
		}
	}
	if u.override && (x.flags^u.flags)&ntfRouter != 0 {
		x.flags, notify = x.flags&^ntfRouter|u.flags&ntfRouter, true
	}
	return notify, nil
}

func (n *Namespace) neighParmsOf(x *neigh) *neighParms {
	if x.addr.Is4() {
		return &x.dev.neigh4
	}
	return &x.dev.neigh6
}

// useNeigh begins to ask for an address that is to be used (neigh_event_send).
func (n *Namespace) useNeigh(x *neigh) {
	now, p := n.world.now(), n.neighParmsOf(x)
	switch {
	case x.state&(nudConnected|rpdb.NUDDelay|rpdb.NUDProbe|rpdb.NUDIncomplete) != 0:
	case x.state&rpdb.NUDStale != 0:
		x.state, x.updated = rpdb.NUDDelay, now
		n.neighs.arm(x, now+jiffies(p[neighDelayProbe]))
	default:
		x.state, x.updated, x.probes = rpdb.NUDIncomplete, now, uint32(p[neighUcastProbes])
		n.neighs.arm(x, now+max(jiffies(p[neighRetrans]), hz/100))
		n.neighChanges.Add(1)
		n.probe(x)
	}
}

// neighTimer is when the state of a neighbour ends first, 0 for never.
func (n *Namespace) neighTimer() jiffies {
	var next jiffies
	for _, x := range n.neighs.list {
		if x.timer != 0 && (next == 0 || x.timer < next) {
			next = x.timer
		}
	}
	return next
}

// ageNeighs ends the states whose time is over, and asks again (neigh_timer_handler).
func (n *Namespace) ageNeighs() {
	now := n.world.now()
	for _, x := range n.neighs.due(now) {
		old := x.state
		if x.age(n.neighParmsOf(x), now) {
			n.notifyNeigh(rtnl.RTMNewNeigh, x, 0, 0)
		}
		if x.timer != 0 {
			n.neighs.arm(x, x.timer)
		}
		if x.state&(rpdb.NUDIncomplete|rpdb.NUDProbe) != 0 {
			n.probe(x)
		}
		if x.state&rpdb.NUDFailed != 0 && old != x.state {
			n.neighChanges.Add(1)
			n.resolved(x, false)
			return // what that brings about comes before the next timer
		}
	}
}

// age is neigh_timer_handler but for the probe. It reports whether others are to be
// told.
func (x *neigh) age(p *neighParms, now jiffies) (tell bool) {
	become := func(state uint16) { x.state, x.updated = state, now }
	next := now + hz
	switch {
	case x.state&rpdb.NUDReachable != 0:
		switch {
		case now <= x.confirmed+jiffies(p[neighReachable]):
			next = x.confirmed + jiffies(p[neighReachable])
		case now <= jiffies(x.used.Load())+jiffies(p[neighDelayProbe]):
			become(rpdb.NUDDelay)
			next = now + jiffies(p[neighDelayProbe])
		default:
			become(rpdb.NUDStale)
			tell = true
		}
	case x.state&rpdb.NUDDelay != 0:
		tell = true
		if now <= x.confirmed+jiffies(p[neighDelayProbe]) {
			become(rpdb.NUDReachable)
			next = x.confirmed + jiffies(p[neighReachable])
		} else {
			become(rpdb.NUDProbe)
			x.probes = 0
			next = now + jiffies(p[neighRetrans])
		}
	default:
		next = now + jiffies(p[neighRetrans])
	}
	const asking = rpdb.NUDIncomplete | rpdb.NUDProbe
	if x.state&asking != 0 && x.probes >= x.maxProbes(p) {
		become(rpdb.NUDFailed)
		x.timer = 0
		return true
	}
	x.timer = 0
	if x.state&(asking|rpdb.NUDReachable|rpdb.NUDDelay) != 0 { // NUD_IN_TIMER
		x.timer = max(next, now+hz/100)
	}
	return tell
}

// maxProbes is neigh_max_probes.
func (x *neigh) maxProbes(p *neighParms) uint32 {
	n := p[neighUcastProbes] + p[neighAppProbes]
	if x.state&rpdb.NUDProbe == 0 {
		n += p[neighMcastProbes]
	}
	return uint32(n)
}

// flushNeighs removes the neighbours and proxies of a device (neigh_ifdown,
// neigh_carrier_down). permanent tells whether permanent ones go too.
func (n *Namespace) flushNeighs(f rpdb.Family, d *device, permanent bool) {
	mine := func(x *neigh) bool { return x.dev == d && rpdb.FamilyOf(x.addr) == f }
	for _, x := range slices.Clone(n.neighs.list) {
		if mine(x) && (permanent || x.state&rpdb.NUDPermanent == 0) {
			n.removeNeigh(x)
		}
	}
	for _, x := range slices.Backward(slices.Clone(n.neighs.proxies)) {
		if mine(x) && (permanent || !x.permanent) {
			n.removeProxy(x)
		}
	}
}

// removeNeigh takes a neighbour away and tells (neigh_cleanup_and_release).
func (n *Namespace) removeNeigh(x *neigh) {
	n.neighChanges.Add(1)
	x.timer = 0
	n.neighs.remove(x)
	n.notifyNeigh(rtnl.RTMDelNeigh, x, 0, 0)
}

// removeProxy stops to answer for an address (pneigh_delete, pndisc_destructor).
func (n *Namespace) removeProxy(x *neigh) {
	n.neighs.proxies = slices.DeleteFunc(n.neighs.proxies, func(y *neigh) bool { return y == x })
	if x.addr.Is6() && x.dev != nil && x.dev.inet6 != nil {
		n.leaveGroup6(x.dev.inet6, solicited6(x.addr))
	}
}

// arpDevice and ndiscDevice are the parts that keep neighbours
// (arp_netdev_event, ndisc_netdev_event). What a device that goes down takes with it
// is in disable4 and down6.
func arpDevice(n *Namespace, d *device, e event) {
	switch {
	case e == eventChangeAddr, e == eventChange && d.flagsChanged&rpdb.IFFNoARP != 0:
		n.flushNeighs(rpdb.IPv4, d, true)
	case e == eventChange && !d.hasCarrier() && d.conf4[conf4EvictNoCarrier] != 0:
		n.flushNeighs(rpdb.IPv4, d, false)
	}
}

func ndiscDevice(n *Namespace, d *device, e event) {
	switch {
	case e == eventChangeAddr, e == eventDown, e == eventChange && d.flagsChanged&rpdb.IFFNoARP != 0:
		n.flushNeighs(rpdb.IPv6, d, true)
	case e == eventChange && !d.hasCarrier() && d.conf6[conf6EvictNoCarrier] != 0:
		n.flushNeighs(rpdb.IPv6, d, false)
	}
}

// modelNeighs are the neighbours as rpdb has them.
func (n *Namespace) modelNeighs() []rpdb.Neigh {
	var out []rpdb.Neigh
	for _, x := range n.neighs.list {
		m := rpdb.Neigh{Family: rpdb.FamilyOf(x.addr), Index: x.dev.Index, IP: x.addr, State: x.state, Flags: uint8(x.flags)}
		if x.state&rpdb.NUDValid != 0 {
			m.LLAddr = x.lladdr
		}
		out = append(out, m)
	}
	return out
}

// notifyNeigh tells who listens of a neighbour (__neigh_notify). refs are those who
// hold it beside the table, port is who asked.
func (n *Namespace) notifyNeigh(typ netlink.HeaderType, x *neigh, refs, port uint32) {
	n.notifyAs(port, GroupNeigh, typ, n.appendNeigh(x, refs))
}
