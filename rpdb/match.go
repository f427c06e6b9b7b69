package rpdb

// rule is a Rule compiled against the devices.
type rule struct {
	*Rule
	sels     []Selector // the selectors that it has, in the kernel's order
	iif, oif int        // ifindex, -1 detached, 0 absent
	iifVRF   bool       // iif names a VRF device and the kernel knows (6.15)
	oifVRF   bool
	target   int // index of the rule that a goto goes to, -1 unresolved
}

// compileRules prepares the rules of one family, sorted as given.
func (db *Database) compileRules(in []*Rule) []*rule {
	all, out := make([]rule, len(in)), make([]*rule, len(in))
	for i, r := range in {
		all[i] = db.compileRule(r)
		out[i] = &all[i]
	}
	for i := range out {
		if out[i].Action != ActGoto || out[i].Flags&RuleUnresolved != 0 {
			continue
		}
		for j := i + 1; j < len(out); j++ {
			if out[j].Pref == out[i].GotoRef {
				out[i].target = j
				break
			}
		}
	}
	return out
}

// compileRule prepares a rule but for its target.
func (db *Database) compileRule(r *Rule) rule {
	vrf := db.kernel.Has(FeatureRuleVRFSelector)
	c := rule{Rule: r, target: -1, sels: selectorsOf(r)}
	c.iif = db.attach(r.IIF, r.Flags&RuleIIFDetached != 0)
	c.oif = db.attach(r.OIF, r.Flags&RuleOIFDetached != 0)
	c.iifVRF = vrf && db.isVRF(c.iif)
	c.oifVRF = vrf && db.isVRF(c.oif)
	return c
}

// attach returns the ifindex that a rule's device name stands for.
func (db *Database) attach(name string, detached bool) int {
	if name == "" && !detached {
		return 0
	}
	if i, ok := db.names[name]; ok && !detached {
		return i
	}
	return -1
}

// selectorsOf lists the selectors of a rule in the order in which the kernel tests
// them (fib_rule_match, then fib4_rule_match or fib6_rule_match).
func selectorsOf(r *Rule) []Selector {
	var s []Selector
	add := func(sel Selector, have bool) {
		if have {
			s = append(s, sel)
		}
	}
	add(SelIIF, r.IIF != "" || r.Flags&RuleIIFDetached != 0)
	add(SelOIF, r.OIF != "" || r.Flags&RuleOIFDetached != 0)
	add(SelMark, r.Mark != 0 || r.MarkMask != 0)
	add(SelTunID, r.TunID != 0)
	add(SelL3MDev, r.L3MDev)
	add(SelUID, r.UID.Set)
	from, to := r.From.IsValid() && r.From.Bits() > 0, r.To.IsValid() && r.To.Bits() > 0
	if r.Family == IPv6 {
		add(SelTo, to)
		add(SelFrom, from)
	} else {
		add(SelFrom, from)
		add(SelTo, to)
	}
	add(SelTOS, r.TOS != 0 && !r.DSCP.Set)
	add(SelDSCP, r.DSCP.Set)
	add(SelFlowLabel, r.Family == IPv6 && r.FlowLabelMask != 0)
	add(SelIPProto, r.IPProto != 0)
	add(SelSPort, r.SPort.Start != 0)
	add(SelDPort, r.DPort.Start != 0)
	return s
}

// match reports whether a rule applies to a flow (fib_rule_match). st, if not nil,
// receives the outcome of every selector.
func (db *Database) match(r *rule, k *Key, st *Step) bool {
	if len(r.sels) == 0 {
		return !r.Invert()
	}
	ok := true
	for _, s := range r.sels {
		hit := db.test(r, k, s)
		ok = ok && hit
		if st != nil {
			st.Selectors = append(st.Selectors, SelectorResult{
				Selector: s, OK: hit,
				Detached: s == SelIIF && r.iif < 0 || s == SelOIF && r.oif < 0,
			})
		} else if !ok {
			break
		}
	}
	return ok != r.Invert()
}

// test evaluates one selector of a rule.
func (db *Database) test(r *rule, k *Key, s Selector) bool {
	switch s {
	case SelIIF:
		if r.iifVRF {
			return k.L3MDev == r.iif && !k.L3FromOIF
		}
		return k.IIF == r.iif
	case SelOIF:
		if r.oifVRF {
			return k.L3MDev == r.oif && k.L3FromOIF
		}
		return k.OIF == r.oif
	case SelMark:
		return (k.Mark^r.Mark)&r.MarkMask == 0
	case SelTunID:
		return k.TunID == r.TunID
	case SelL3MDev:
		return db.vrfTable(k.L3MDev) != 0
	case SelUID:
		return r.UID.V.Start <= k.UID && k.UID <= r.UID.V.End
	case SelFrom:
		if k.Family == IPv6 && !k.HasSrc {
			return r.Flags&RuleFindSaddr != 0
		}
		return r.From.Contains(k.Src)
	case SelTo:
		return r.To.Contains(k.Dst)
	case SelTOS:
		return db.testTOS(r, k)
	case SelDSCP:
		return (k.TOS>>2^r.DSCP.V.Value)&r.DSCP.V.Mask&0x3f == 0
	case SelFlowLabel:
		return (k.FlowLabel^r.FlowLabel)&r.FlowLabelMask == 0
	case SelIPProto:
		return k.IPProto == r.IPProto
	case SelSPort:
		return r.SPort.contains(k.SPort)
	case SelDPort:
		return r.DPort.contains(k.DPort)
	}
	return true
}

// testTOS compares a legacy tos selector: IPv4 ignores the upper three bits of the
// flow's byte (fib_dscp_masked_match), IPv6 compares the whole code point.
func (db *Database) testTOS(r *rule, k *Key) bool {
	if k.Family == IPv4 {
		return r.TOS == k.TOS&0x1c
	}
	return r.TOS == k.TOS&0xfc
}

// contains reports whether the selector accepts a port (fib_rule_port_match).
func (p PortRange) contains(port uint16) bool {
	if p.Mask != 0 {
		return (p.Start^port)&p.Mask == 0
	}
	return p.Start <= port && port <= p.End
}
