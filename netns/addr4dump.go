package netns

import (
	"encoding/binary"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// appendAddr4 writes the message of an address (inet_fill_ifaddr).
func (n *Namespace) appendAddr4(b []byte, a *addr4) []byte {
	b = append(b, byte(rpdb.IPv4), a.plen, byte(a.flags), byte(a.scope))
	b = binary.NativeEndian.AppendUint32(b, uint32(a.in.dev.Index))
	for _, x := range [...]struct {
		typ  uint16
		addr uint32
	}{{nla.IFAAddress, a.address}, {nla.IFALocal, a.local}, {nla.IFABroadcast, a.broadcast}} {
		if x.addr != 0 {
			b = appendBE32(b, x.typ, x.addr)
		}
	}
	if a.label != "" {
		b = appendString(b, nla.IFALabel, a.label)
	}
	if a.proto != 0 {
		b = appendU8(b, nla.IFAProto, a.proto)
	}
	b = appendU32(b, nla.IFAFlags, a.flags)
	if a.metric != 0 {
		b = appendU32(b, nla.IFAPriority, a.metric)
	}
	preferred, valid := n.lifetimesLeft4(a)
	at := len(b)
	b = appendAttr(b, nla.IFACacheInfo, nil)
	for _, v := range [...]uint32{preferred, valid, a.created, a.updated} {
		b = binary.NativeEndian.AppendUint32(b, v)
	}
	return closeNest(b, at)
}

// lifetimesLeft4 are the seconds that an address has left.
func (n *Namespace) lifetimesLeft4(a *addr4) (preferred, valid uint32) {
	if a.flags&rpdb.IFAPermanent != 0 {
		return rpdb.Forever, rpdb.Forever
	}
	age := (n.world.uptime() - a.updated) / 100
	preferred, valid = a.preferred, a.valid
	if preferred != rpdb.Forever {
		preferred -= min(preferred, age)
		if valid != rpdb.Forever {
			valid -= min(valid, age)
		}
	}
	return preferred, valid
}

// notifyAddr4 tells who listens of an address (rtmsg_ifa).
func (n *Namespace) notifyAddr4(typ netlink.HeaderType, a *addr4, r *request) {
	n.notify(r, GroupIPv4Addr, typ, 0, n.appendAddr4(nil, a))
}

// dumpAddrs4 answers RTM_GETADDR with NLM_F_DUMP (inet_dump_ifaddr).
func dumpAddrs4(r *request) error {
	return r.ns.dumpDevs4(r, func(in *inDevice) {
		for _, a := range in.list {
			r.row(rtnl.RTMNewAddr, 0, r.ns.appendAddr4(nil, a))
		}
	})
}

// dumpDevs4 checks the request of a dump and calls f for the devices that it is about
// (inet_dump_addr).
func (n *Namespace) dumpDevs4(r *request, f func(*inDevice)) error {
	devs := n.devices.list
	if r.strict() {
		index, err := parseAddrFilter4(r)
		if err != nil {
			return err
		}
		if index != 0 {
			d := n.byIndex(index)
			if d == nil {
				return fail(rpdb.ENODEV, "")
			}
			devs = []*device{d}
		}
	}
	for _, d := range devs {
		if d.inet4 != nil {
			f(d.inet4)
		}
	}
	return nil
}

// parseAddrFilter4 reads a strict request for a dump (inet_valid_dump_ifaddr_req).
func parseAddrFilter4(r *request) (index int, err error) {
	if len(r.data) < addrHeaderLen {
		return 0, fail(rpdb.EINVAL, "ipv4: Invalid header for address dump request")
	}
	h := r.data
	if h[1] != 0 || h[2] != 0 || h[3] != 0 {
		return 0, fail(rpdb.EINVAL, "ipv4: Invalid values in header for address dump request")
	}
	index = int(int32(binary.NativeEndian.Uint32(h[4:])))
	r.filtered = r.filtered || index != 0
	as, err := parseAttrs(r.data[addrHeaderLen:], addr4Policy, deprecatedStrict, &r.ext)
	if err != nil {
		return 0, err
	}
	for typ := range as {
		switch {
		case !as.has(typ):
		case typ == nla.IFATargetNS:
			return 0, fail(rpdb.EINVAL, "ipv4: Invalid target network namespace id")
		default:
			return 0, fail(rpdb.EINVAL, "ipv4: Unsupported attribute in dump request")
		}
	}
	return index, nil
}

// addrs4 are the IPv4 addresses in the order of dumps.
func (n *Namespace) addrs4() []rpdb.Addr {
	var out []rpdb.Addr
	for _, d := range n.devices.list {
		in := d.inet4
		if in == nil {
			continue
		}
		for _, a := range in.list {
			out = append(out, n.stateOfAddr4(a))
		}
	}
	return out
}

func (n *Namespace) stateOfAddr4(a *addr4) rpdb.Addr {
	preferred, valid := n.lifetimesLeft4(a)
	s := rpdb.Addr{
		Family: rpdb.IPv4, Index: a.in.dev.Index, Local: toAddr4(a.local), PrefixLen: a.plen,
		Scope: a.scope, Flags: a.flags, Label: a.label, Metric: a.metric, Protocol: a.proto,
		Valid: valid, Preferred: preferred, Created: a.created, Updated: a.updated,
	}
	if a.address != a.local {
		s.Peer = toAddr4(a.address)
	}
	if a.broadcast != 0 {
		s.Broadcast = toAddr4(a.broadcast)
	}
	return s
}
