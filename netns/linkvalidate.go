package netns

import (
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// validate checks what a request wants of a device before anything is done
// (validate_linkmsg).
func (d *device) validate(tb attrs, ext *extack) error {
	if tb.has(nla.IFLAAddress) && len(tb[nla.IFLAAddress]) < len(d.Address) {
		return fail(rpdb.EINVAL, "")
	}
	if tb.has(nla.IFLABroadcast) && len(tb[nla.IFLABroadcast]) < len(d.Address) {
		return fail(rpdb.EINVAL, "")
	}
	for _, c := range []struct {
		typ   int
		limit uint32
		msg   string
	}{
		{nla.IFLAGSOMaxSize, d.sizes.tso, "too big gso_max_size"},
		{nla.IFLAGSOMaxSegs, min(65535, d.sizes.tsoSegs), "too big gso_max_segs"},
		{nla.IFLAGROMaxSize, 8 * 65535, "too big gro_max_size"},
		{nla.IFLAGSOIPv4MaxSize, d.sizes.tso, "too big gso_ipv4_max_size"},
		{nla.IFLAGROIPv4MaxSize, 8 * 65535, "too big gro_ipv4_max_size"},
	} {
		if tb.has(c.typ) && tb.u32(c.typ) > c.limit {
			return fail(rpdb.EINVAL, c.msg)
		}
	}
	return d.validateFamilies(tb, ext)
}

func (d *device) validateFamilies(tb attrs, ext *extack) error {
	if !tb.has(nla.IFLAAFSpec) {
		return nil
	}
	for b := tb[nla.IFLAAFSpec]; ; {
		a, rest, ok := nextAttr(b)
		if !ok {
			return nil
		}
		b = rest
		var err error
		switch rpdb.Family(a.typ) {
		case rpdb.IPv4:
			err = d.validateInet(a.data, ext)
		case rpdb.IPv6:
			err = d.validateInet6(a.data, ext)
		default:
			err = fail(rpdb.EAFNOSUPPORT, "")
		}
		if err != nil {
			return err
		}
	}
}

// validateMTU checks an MTU (dev_validate_mtu).
func (d *device) validateMTU(mtu uint32) error {
	switch {
	case int32(mtu) < 0 || mtu < d.minMTU:
		return fail(rpdb.EINVAL, "mtu less than device minimum")
	case d.maxMTU > 0 && mtu > d.maxMTU:
		return fail(rpdb.EINVAL, "mtu greater than device maximum")
	}
	return nil
}

// setSizes takes over the limits of segmentation.
func (d *device) setSizes(tb attrs) {
	for _, c := range []struct {
		typ  int
		size *uint32
	}{
		{nla.IFLAGSOMaxSize, &d.sizes.gso},
		{nla.IFLAGSOMaxSegs, &d.sizes.gsoSegs},
		{nla.IFLAGROMaxSize, &d.sizes.gro},
		{nla.IFLAGSOIPv4MaxSize, &d.sizes.gso4},
		{nla.IFLAGROIPv4MaxSize, &d.sizes.gro4},
	} {
		if !tb.has(c.typ) {
			continue
		}
		*c.size = tb.u32(c.typ)
		// netif_set_gso_max_size keeps the limit of IPv4 in step while it is small.
		switch {
		case c.typ == nla.IFLAGSOMaxSize && *c.size <= 65536:
			d.sizes.gso4 = *c.size
		case c.typ == nla.IFLAGROMaxSize && *c.size <= 65536:
			d.sizes.gro4 = *c.size
		}
	}
}

// isUnicast reports whether a hardware address can be a device's
// (is_valid_ether_addr).
func isUnicast(a []byte) bool {
	var any byte
	for _, b := range a {
		any |= b
	}
	return len(a) > 0 && a[0]&1 == 0 && any != 0
}

// validEther checks a request's hardware address as Ethernet devices do.
func validEther(tb attrs) error {
	if !tb.has(nla.IFLAAddress) {
		return nil
	}
	if len(tb[nla.IFLAAddress]) != 6 {
		return fail(rpdb.EINVAL, "")
	}
	if !isUnicast(tb[nla.IFLAAddress]) {
		return fail(rpdb.EADDRNOTAVAIL, "")
	}
	return nil
}
