package netns

import (
	"crypto/sha1"
	"encoding"
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/rulewalk/rulewalk/rpdb"
)

// addrconf6 is the part of IPv6 that cares about devices (addrconf_notify).
func addrconf6(n *Namespace, d *device, e event) {
	switch e {
	case eventRegister:
		n.beginAddrs6(d)
	case eventChangeMTU:
		n.changeMTU6(d)
	case eventUp:
		n.up6(d)
	case eventChange:
		n.change6(d)
	case eventDown:
		n.down6(d, false)
	case eventUnregister:
		n.down6(d, true)
	case eventChangeUpper:
		if d.inet6 != nil && d.inet6.vrf != n.vrfOf(d) {
			d.inet6.vrf = n.vrfOf(d)
			n.down6(d, false)
		}
	}
}

// beginAddrs6 gives a device its list of addresses, with the groups that all take
// part in (ipv6_add_dev).
func (n *Namespace) beginAddrs6(d *device) {
	if d.NoInet6 || d.inet6 != nil {
		return
	}
	d.inet6 = &inet6Dev{dev: d}
	if d.running && linkReady6(d) {
		d.inet6.setReady()
	}
	n.joinGroup6(d.inet6, mustAddr("ff01::1"))
	n.joinGroup6(d.inet6, mustAddr("ff02::1"))
	if d.inet6.forwarding() && d.flags&iffMulticast != 0 {
		n.joinGroup6(d.inet6, mustAddr("ff02::2"))
	}
}

// linkReady6 is addrconf_link_ready. A queue works from when the device first has a
// carrier (dev_activate), also where nobody has computed the operational state yet.
func linkReady6(d *device) bool {
	return (d.operstate == operUp || d.operstate == operUnknown && d.hasCarrier()) && d.Qdisc != "noop"
}

func (n *Namespace) changeMTU6(d *device) {
	switch {
	case d.MTU < minMTU6:
		n.down6(d, !d.IsLoopback())
	case d.inet6 != nil:
		n.syncMTU6(d)
	default:
		n.beginAddrs6(d)
		if d.inet6 != nil && d.inet6.ready() && !d.inet6.disabled() {
			n.configure6(d)
		}
	}
}

func (n *Namespace) up6(d *device) {
	if d.inet6 != nil && d.inet6.disabled() {
		return
	}
	n.restoreAddrs6(d)
	if !linkReady6(d) {
		return
	}
	n.beginAddrs6(d)
	if d.inet6 != nil {
		d.inet6.setReady()
	}
	n.configure6(d)
}

func (n *Namespace) change6(d *device) {
	in := d.inet6
	if in != nil && in.disabled() {
		return
	}
	if !linkReady6(d) {
		n.linkdown6(d)
		return
	}
	if in != nil {
		if in.ready() {
			in.hearGroups6(true)
			n.tellGroupsAgain(d) // ipv6_mc_up
			if d.flagsChanged&rpdb.IFFNoARP != 0 {
				n.resumeDAD6(in, true)
			}
			n.linkup6(d, rpdb.NHLinkDown)
			return
		}
		in.setReady()
	}
	n.configure6(d)
}

// configure6 gives a device whose link carries its own addresses.
func (n *Namespace) configure6(d *device) {
	n.autoAddrs6(d)
	if d.inet6 == nil {
		return
	}
	n.resumeDAD6(d.inet6, false)
	n.linkup6(d, rpdb.NHDead)
	d.in6.stamp = n.world.uptime()
	if d.conf6[conf6MTU] != int32(d.MTU) && d.MTU >= minMTU6 {
		n.syncMTU6(d)
	}
	n.notifyIfInfo6(d)
	if d.MTU < minMTU6 {
		n.down6(d, !d.IsLoopback())
	}
}

// autoAddrs6 adds the addresses that a device has by itself
// (addrconf_init_auto_addrs).
func (n *Namespace) autoAddrs6(d *device) {
	switch d.Type {
	case arphrdLoopback:
		n.addOwn6(d, netip.IPv6Loopback(), 128, scopeHost6, protoLoopback)
	case arphrdEther, arphrdTunnel, arphrdTunnel6, arphrdIP6GRE, arphrdNone:
		if n.addDev6(d.inet6) {
			if d.Type == arphrdNone && d.conf6[conf6AddrGenMode] == genModeEUI64 {
				d.conf6[conf6AddrGenMode] = genModeRandom
			}
			n.generate6(d)
		}
	}
}

// addDev6 reports whether IPv6 is on for a device, and sees to its route for groups
// (addrconf_add_dev).
func (n *Namespace) addDev6(in *inet6Dev) bool {
	if in == nil || in.disabled() {
		return false
	}
	if in.dev.Up() {
		in.hearGroups6(true) // ipv6_find_idev
	}
	if !in.dev.IsLoopback() && !in.dev.IsVRF() {
		n.addMulticastRoute6(in.dev)
	}
	return true
}

// addOwn6 adds an address that is valid at once (add_addr).
func (n *Namespace) addOwn6(d *device, addr netip.Addr, plen uint8, scope scope6, proto uint8) {
	a := &addr6{
		in: d.inet6, addr: addr, plen: plen, scope: scope, proto: proto, flags: rpdb.IFAPermanent,
		valid: rpdb.Forever, preferred: rpdb.Forever,
	}
	if d.inet6 == nil || n.insertAddr6(a) != nil {
		return
	}
	a.flags &^= rpdb.IFATentative
	n.notifyNewAddr6(a)
}

// generate6 adds the link-local address of a device (addrconf_addr_gen).
func (n *Namespace) generate6(d *device) {
	if d.IsVRF() {
		return
	}
	b := [16]byte{0xfe, 0x80}
	flags := rpdb.IFAPermanent
	switch d.conf6[conf6AddrGenMode] {
	case genModeEUI64:
		if !eui64(&b, d) {
			return
		}
	case genModeStable, genModeRandom:
		if !n.stableID6(&b, d, 0) {
			return
		}
		flags |= rpdb.IFAStablePrivacy
	default:
		return
	}
	a := &addr6{
		in: d.inet6, addr: netip.AddrFrom16(b), plen: 64, scope: scopeLink6, proto: protoLinkLocal, flags: flags,
		valid: rpdb.Forever, preferred: rpdb.Forever,
	}
	if a.in.optimistic() && n.conf.all6[conf6Forwarding] == 0 {
		a.flags |= rpdb.IFAOptimistic
	}
	if n.insertAddr6(a) == nil {
		n.addPrefixRoute6(d, a.addr, 64, 0, 0)
		n.startDAD6(a)
	}
}

// eui64 writes the identifier that follows from a hardware address
// (ipv6_generate_eui64).
func eui64(b *[16]byte, d *device) bool {
	if d.Type != arphrdEther || len(d.Address) != 6 {
		return false
	}
	copy(b[8:], d.Address[:3])
	b[11], b[12] = 0xff, 0xfe
	copy(b[13:], d.Address[3:])
	b[8] ^= 2
	return true
}

// stableID6 writes the identifier that follows from the device's secret, and from how many
// others were taken (RFC 7217, ipv6_generate_stable_address).
func (n *Namespace) stableID6(b *[16]byte, d *device, tries byte) bool {
	if d.conf6[conf6AddrGenMode] == genModeRandom && d.in6.secret == nil {
		d.in6.secret = n.randomSecret6(d)
	}
	secret := d.in6.secret
	if secret == nil {
		secret = n.conf.secret
	}
	if secret == nil {
		return false
	}
	for try := tries; int64(try) <= n.sysctlInt("ipv6/idgen_retries"); try++ {
		var data [sha1.BlockSize]byte
		copy(data[:], secret[:])
		copy(data[16:], b[:8])
		// then the permanent hardware address, which no emulated device has
		data[56] = try
		h := sha1Block(data)
		copy(b[8:], h[:])
		if !reservedID6(b) {
			return true
		}
	}
	return false
}

// sha1Block is the first half of the state of SHA-1 after one block, without its
// padding, in the byte order of the kernel's words.
func sha1Block(data [sha1.BlockSize]byte) [8]byte {
	h := sha1.New()
	_, _ = h.Write(data[:])
	state, err := h.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		panic(err) // crypto/sha1 promises it
	}
	var out [8]byte
	for i := range 2 {
		binary.NativeEndian.PutUint32(out[4*i:], binary.BigEndian.Uint32(state[4+4*i:]))
	}
	return out
}

// reservedID6 reports whether an identifier is not to be used
// (ipv6_reserved_interfaceid).
func reservedID6(b *[16]byte) bool {
	hi, lo := binary.BigEndian.Uint32(b[8:]), binary.BigEndian.Uint32(b[12:])
	return hi == 0 && lo == 0 || hi == 0x02005eff && lo>>25 == 0x7f || hi == 0xfdffffff && lo>>7 == 0x1ffffff
}

// randomSecret6 draws a secret from the seed of the world.
func (n *Namespace) randomSecret6(d *device) *[16]byte {
	b := binary.BigEndian.AppendUint64(nil, n.world.config.Seed)
	b = binary.BigEndian.AppendUint64(b, n.id)
	b = binary.BigEndian.AppendUint64(b, uint64(d.Index))
	sum := sha1.Sum(b)
	return (*[16]byte)(sum[:16])
}

// restoreAddrs6 brings back the routes of addresses that outlived a time without
// the device (addrconf_permanent_addr).
func (n *Namespace) restoreAddrs6(d *device) {
	for _, a := range d.inet6.snapshot() {
		if a.flags&rpdb.IFAPermanent == 0 {
			continue
		}
		if a.route == nil || a.route.node == nil {
			r, err := n.hostRoute6(d, a.addr, rpdb.Local)
			if err != nil {
				n.deleteAddr6(a)
				continue
			}
			a.route = r
		}
		if a.flags&rpdb.IFANoPrefixRoute == 0 {
			n.addPrefixRoute6(d, a.addr, a.plen, a.metric, 0)
		}
		if a.state == statePreDAD {
			n.startDAD6(a)
		}
	}
}

// down6 takes the routes and addresses of a device away (addrconf_ifdown).
func (n *Namespace) down6(d *device, unregister bool) {
	n.disableRoutes6(d, unregister)
	n.flushNeighs(rpdb.IPv6, d, true)
	in := d.inet6
	if in == nil {
		return
	}
	in.dead = unregister
	keep := !unregister && !in.disabled() && in.keepsAddrs()
	keeps := func(a *addr6) bool {
		return keep && a.flags&rpdb.IFAPermanent != 0 && a.scope&(scopeLink6|scopeHost6) == 0
	}
	for _, a := range in.addrs {
		n.unqueueDAD6(a)
		if !keeps(a) {
			n.unhash6(a)
		}
	}
	wasReady := in.ready()
	if !unregister {
		d.in6.flags &^= ready6 | rsSent6 | raReceived6
	}
	for _, a := range in.snapshot() {
		n.downAddr6(a, keeps(a))
	}
	if unregister || wasReady {
		in.hearGroups6(false)
	}
	if unregister {
		for _, c := range slices.Clone(in.anycasts) {
			n.dropAnycast6(in, c)
		}
		n.dropGroups6(in)
		d.inet6 = nil
	}
	d.in6.stamp = n.world.uptime()
	n.changes.Add(1)
}

func (n *Namespace) downAddr6(a *addr6, keep bool) {
	if keep {
		a.state = statePreDAD
		if a.flags&rpdb.IFANoDAD == 0 {
			a.flags |= rpdb.IFATentative
		}
		if a.route != nil {
			_ = n.remove6(a.route, byKernel())
			a.route = nil
		}
		if a.in.forwarding() {
			n.leaveAnycast6(a)
		}
		n.leaveSolicited6(a.in, a.addr)
		return
	}
	a.state = stateDead
	n.notifyDelAddr6(a)
	a.in.unlink(a)
}
