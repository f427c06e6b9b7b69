package rpdb

import "net/netip"

// source4 chooses the source of a flow that came without one, for the route that
// was found (fib_result_prefsrc, spec 5.2).
func (db *Database) source4(k *Key, res *found4, w *Walk) netip.Addr {
	in := res.alias.info
	if l3 := db.devs[k.L3MDev]; l3 != nil && (res.hop.dev == nil || res.hop.dev.vrf != l3.Index) {
		return db.selectAddr(l3, netip.Addr{}, ScopeLink, w)
	}
	if in.prefsrc.IsValid() {
		w.source(SourceTrace{Addr: in.prefsrc, How: SourcePrefSrc, Dev: res.hop.oif})
		return in.prefsrc
	}
	if w == nil && in.nh == nil {
		return res.hop.saddr
	}
	return db.selectAddr(res.hop.dev, res.hop.gw, in.scope, w)
}

// selectAddr is inet_select_addr: the primary address of the device that is not
// narrower than scope and, if there is a gateway, lies in its subnet; else the
// first acceptable; else one of another device. It is invalid if there is none.
func (db *Database) selectAddr(dev *device, gw netip.Addr, scope Scope, w *Walk) netip.Addr {
	if dev == nil {
		return netip.Addr{}
	}
	if gw.Is6() {
		// The kernel reads the first four bytes of an IPv6 gateway here, too.
		b := gw.As16()
		if gw = netip.AddrFrom4([4]byte(b[:4])); gw.IsUnspecified() {
			gw = netip.Addr{}
		}
	}
	tr := w.sourceFor(dev, gw, scope)
	if a := selectOn(dev, gw, scope, tr); a != nil {
		tr.chosen(a, SourceDevice)
		return a.Local
	}
	return db.borrowAddr(dev, scope, tr)
}

// selectOn looks for a source among the addresses of one device.
func selectOn(dev *device, gw netip.Addr, scope Scope, tr *SourceTrace) *Addr {
	// With route_localnet, addresses of scope host count as scope link.
	narrowest := ScopeHost
	if dev.conf4.routeLocalnet {
		narrowest = ScopeLink
	}
	var first, match *Addr
	for _, a := range dev.addrs4 {
		switch {
		case a.Flags&IFASecondary != 0:
			tr.lost(a, SourceSecondary)
			continue
		case min(a.Scope, narrowest) > scope:
			tr.lost(a, SourceScopeWide)
			continue
		case match != nil:
			tr.lost(a, SourceLater)
			continue
		}
		if !gw.IsValid() || a.Subnet().Contains(gw) {
			match = a
			if tr == nil {
				return a
			}
		} else {
			tr.lost(a, SourceNotGateway)
			if first == nil {
				first = a
			}
		}
	}
	if match != nil {
		return match
	}
	return first
}

// borrowAddr looks for a source on other devices: in a VRF the master first, then
// every device in the order of their creation, up or down.
func (db *Database) borrowAddr(dev *device, scope Scope, tr *SourceTrace) netip.Addr {
	if m := db.devs[dev.vrf]; m != nil {
		if a := borrow(m, scope, tr); a != nil {
			tr.chosen(a, SourceBorrowed)
			return a.Local
		}
	}
	for _, d := range db.order {
		if d.vrf != dev.vrf {
			continue
		}
		if a := borrow(d, scope, tr); a != nil {
			tr.chosen(a, SourceBorrowed)
			return a.Local
		}
	}
	return netip.Addr{}
}

// borrow returns the first primary address of a device that another one may use
// (in_dev_select_addr).
func borrow(d *device, scope Scope, tr *SourceTrace) *Addr {
	for _, a := range d.addrs4 {
		if a.Flags&IFASecondary == 0 && a.Scope != ScopeLink && a.Scope <= scope {
			return a
		}
		tr.lost(a, SourceOtherDev)
	}
	return nil
}

// owner returns the device that has an address, nil if this host does not
// (__ip_dev_find, spec 5.1).
func (db *Database) owner(a netip.Addr, w *Walk) *device {
	if i, ok := db.owners[a]; ok {
		return db.devs[i]
	}
	k := Key{Family: IPv4, Dst: a, Src: netip.IPv4Unspecified()}
	err, res := db.direct4(ForSourceOwner, TableLocal, &k, w)
	if err == OK && res.alias.route.Type == Local {
		return res.hop.dev
	}
	return nil
}

// source records how the source was chosen.
func (w *Walk) source(t SourceTrace) {
	if w != nil {
		w.Source = t
	}
}

// sourceFor opens the record of a selection, nil on a nil Walk.
func (w *Walk) sourceFor(dev *device, gw netip.Addr, scope Scope) *SourceTrace {
	if w == nil {
		return nil
	}
	w.Source = SourceTrace{Dev: dev.Index, Gateway: gw, Scope: scope}
	return &w.Source
}

// lost records an address that was not taken.
func (t *SourceTrace) lost(a *Addr, why SourceRule) {
	if t != nil {
		t.Candidates = append(t.Candidates, SourceCandidate{Addr: a, Lost: why})
	}
}

// chosen records the address that was taken.
func (t *SourceTrace) chosen(a *Addr, how SourceHow) {
	if t == nil {
		return
	}
	t.Addr, t.How = a.Local, how
	for i := range t.Candidates {
		if c := &t.Candidates[i]; c.Addr == a {
			c.Chosen, c.Lost = true, SourceOK
			return
		}
	}
	t.Candidates = append(t.Candidates, SourceCandidate{Addr: a, Chosen: true})
}

// SourceOn is the source address that a device, by its ifindex, gives packets to a
// destination of its link, where nothing else decides (inet_select_addr,
// ipv6_dev_get_saddr, for which the scope makes no difference). For IPv6 the device may be
// 0, unknown. It is invalid if there is none.
func (db *Database) SourceOn(dev int, dst netip.Addr, scope Scope) netip.Addr {
	if dev == 0 && dst.Is6() {
		return db.selectSource6(nil, dst, nil, nil)
	}
	d := db.devs[dev]
	if d == nil {
		return netip.Addr{}
	}
	if dst.Is6() {
		return db.selectSource6(d, dst, nil, nil)
	}
	return db.selectAddr(d, dst, scope, nil)
}
