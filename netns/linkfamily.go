package netns

import (
	"encoding/binary"
	"net/netip"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

var (
	inetLinkPolicy  = []policy{nla.IFLAInetConf: {kind: attrNested}}
	inet6LinkPolicy = []policy{
		nla.IFLAInet6AddrGenMode: {kind: attrU8},
		nla.IFLAInet6Token:       {len: 16},
		nla.IFLAInet6RAMTU:       {kind: attrReject, reject: "IFLA_INET6_RA_MTU can not be set"},
	}
)

// validateInet checks IPv4 settings of a link request (inet_validate_link_af).
func (d *device) validateInet(b []byte, ext *extack) error {
	if d.registered && d.NoInet {
		return fail(rpdb.EAFNOSUPPORT, "")
	}
	tb, err := parseAttrs(b, inetLinkPolicy, liberal, ext)
	if err != nil || !tb.has(nla.IFLAInetConf) {
		return err
	}
	for list := tb[nla.IFLAInetConf]; ; {
		a, rest, ok := nextAttr(list)
		if !ok {
			return nil
		}
		list = rest
		if len(a.data) < 4 || a.typ == 0 || int(a.typ) > len(conf4{}) {
			return fail(rpdb.EINVAL, "")
		}
	}
}

// setInet takes over IPv4 settings of a link request (inet_set_link_af).
func (d *device) setInet(b []byte) error {
	if d.NoInet {
		return fail(rpdb.EAFNOSUPPORT, "")
	}
	tb, err := parseAttrs(b, inetLinkPolicy, liberal, nil)
	if err != nil || !tb.has(nla.IFLAInetConf) {
		return err
	}
	for list := tb[nla.IFLAInetConf]; ; {
		a, rest, ok := nextAttr(list)
		if !ok {
			return nil
		}
		list = rest
		d.conf4[a.typ-1] = int32(binary.NativeEndian.Uint32(a.data))
		d.conf4Set.add(int(a.typ) - 1)
	}
}

// Ways to make IPv6 interface identifiers (IN6_ADDR_GEN_MODE_*).
const (
	genModeEUI64 = iota
	genModeNone
	genModeStable
	genModeRandom
)

// validateInet6 checks IPv6 settings of a link request (inet6_validate_link_af).
func (d *device) validateInet6(b []byte, ext *extack) error {
	if d.registered && d.NoInet6 {
		return fail(rpdb.EAFNOSUPPORT, "")
	}
	tb, err := parseAttrs(b, inet6LinkPolicy, liberal, ext)
	if err != nil {
		return err
	}
	if !tb.has(nla.IFLAInet6Token) && !tb.has(nla.IFLAInet6AddrGenMode) {
		return fail(rpdb.EINVAL, "")
	}
	if tb.has(nla.IFLAInet6AddrGenMode) {
		mode := tb.u8(nla.IFLAInet6AddrGenMode)
		if mode > genModeRandom || mode == genModeStable && !d.hasSecret() {
			return fail(rpdb.EINVAL, "")
		}
	}
	return nil
}

// setInet6 takes over IPv6 settings of a link request (inet6_set_link_af).
func (d *device) setInet6(b []byte) error {
	if d.NoInet6 {
		return fail(rpdb.EAFNOSUPPORT, "")
	}
	tb, err := parseAttrs(b, inet6LinkPolicy, liberal, nil)
	if err != nil {
		return err
	}
	if tb.has(nla.IFLAInet6Token) {
		if err := d.setToken(tb[nla.IFLAInet6Token]); err != nil {
			return err
		}
	}
	if tb.has(nla.IFLAInet6AddrGenMode) {
		d.conf6[conf6AddrGenMode] = int32(tb.u8(nla.IFLAInet6AddrGenMode))
	}
	return nil
}

// setToken sets the interface identifier of addresses that routers advertise
// (inet6_set_iftoken).
func (d *device) setToken(t []byte) error {
	switch {
	case d.IsLoopback():
		return fail(rpdb.EINVAL, "Device is loopback")
	case d.Flags&rpdb.IFFNoARP != 0:
		return fail(rpdb.EINVAL, "Device does not do neighbour discovery")
	case d.conf6[conf6AcceptRA] <= 0 || d.conf6[conf6AcceptRA] < 2 && d.conf6[conf6Forwarding] != 0:
		return fail(rpdb.EINVAL, "Router advertisement is disabled on device")
	case d.conf6[conf6Solicits] == 0:
		return fail(rpdb.EINVAL, "Router solicitation is disabled on device")
	}
	copy(d.in6.token[8:], t[8:])
	n, in := d.ns, d.inet6
	if in == nil {
		return nil
	}
	if a := in.linkLocal(rpdb.IFATentative | rpdb.IFAOptimistic); a != nil && in.ready() && addr6Of(t) != netip.IPv6Unspecified() {
		n.solicitRouters6(a)
	}
	for _, a := range in.addrs {
		if a.tokenized {
			a.valid, a.preferred = 0, 0
		}
	}
	n.notifyIfInfo6(d)
	n.verify6()
	return nil
}

// hasSecret reports whether the device or the namespace has a stable_secret.
func (d *device) hasSecret() bool {
	return d.in6.secret != nil || d.ns.conf.secret != nil
}
