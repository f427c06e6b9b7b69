package netns

import (
	"github.com/rulewalk/rulewalk/rpdb"
)

// These lookups serve the checks of requests: gateways and preferred sources. Which
// way packets go is rpdb's to say.

// flow4 is what such a lookup asks for (struct flowi4); the rest of its fields is
// zero, and its input device is lo.
type flow4 struct {
	dst   uint32
	scope rpdb.Scope
	oif   int
}

// found4 is the outcome of a lookup (struct fib_result).
type found4 struct {
	alias alias4
	hop   *hop4 // nil for error types
}

// lookupTable4 finds the route of one table (fib_table_lookup), ignoring the link
// state. Until a rule was added, local and main are one trie. It returns EAGAIN if
// there is none.
func (n *Namespace) lookupTable4(t *table4, f *flow4) (found4, rpdb.Errno) {
	tabs := [2]*table4{t}
	if !n.customRules4() && (t.id == rpdb.TableLocal || t.id == rpdb.TableMain) {
		tabs = [2]*table4{n.ip4.tables[rpdb.TableLocal], n.ip4.tables[rpdb.TableMain]}
	}
	abandoned, left := uint32(0), false
	for plen := 32; plen >= 0; plen-- {
		base := f.dst & mask4(uint8(plen))
		if left && base == abandoned {
			continue
		}
		for _, t := range tabs {
			if t == nil || t.count[plen] == 0 {
				continue
			}
			res, err, outcome := n.scanPrefix4(t, base, uint8(plen), f)
			switch outcome {
			case scanDone:
				return res, err
			case scanLeave:
				abandoned, left = base, true
			}
			if left && base == abandoned {
				break
			}
		}
	}
	return found4{}, rpdb.EAGAIN
}

type scanOutcome uint8

const (
	scanOn    scanOutcome = iota // look at shorter prefixes
	scanDone                     // this is the answer
	scanLeave                    // look at shorter prefixes of other base addresses
)

// scanPrefix4 tries the aliases of one prefix in order.
func (n *Namespace) scanPrefix4(t *table4, base uint32, plen uint8, f *flow4) (found4, rpdb.Errno, scanOutcome) {
	for s := t.seek(prefix4(base, plen)); ; s = t.next(s) {
		a := t.at(s)
		if a == nil || a.dst != base || a.plen != plen {
			return found4{}, 0, scanOn
		}
		if a.tos != 0 || a.info.scope < f.scope {
			continue
		}
		if err := a.typ.Err(); err != rpdb.OK {
			return found4{alias: *a}, err, scanDone
		}
		if a.info.flags&rpdb.NHDead != 0 {
			continue
		}
		hops := a.info.hops
		if o := a.info.object; o != nil {
			if hops = o.hops(); o.blackhole() {
				return found4{alias: *a}, rpdb.EINVAL, scanDone
			}
		}
		for i := range hops {
			h := &hops[i]
			if h.flags&rpdb.NHDead == 0 && (f.oif == 0 || f.oif == h.oif) {
				return found4{alias: *a, hop: h}, rpdb.OK, scanDone
			}
		}
		if a.info.object != nil {
			return found4{}, 0, scanLeave
		}
	}
}

// lookup4 looks a flow up through the rules (fib_lookup).
func (n *Namespace) lookup4(f *flow4) (found4, rpdb.Errno) {
	if n.customRules4() {
		return n.walkRules4(f)
	}
	for _, id := range [2]uint32{rpdb.TableMain, rpdb.TableDefault} {
		if t := n.ip4.tables[id]; t != nil {
			if res, err := n.lookupTable4(t, f); err != rpdb.EAGAIN {
				return res, err
			}
		}
	}
	return found4{}, rpdb.ENETUNREACH
}

// addrType4 is the type of an address as one table has it
// (inet_addr_type_table, __inet_dev_addr_type).
func (n *Namespace) addrType4(a uint32, table uint32) rpdb.RouteType {
	switch {
	case a == 0 || a == lbcast4:
		return rpdb.Broadcast
	case isMulticast4(a):
		return rpdb.Multicast
	}
	t := n.table4Of(table)
	if t == nil {
		return rpdb.Broadcast
	}
	if res, err := n.lookupTable4(t, &flow4{dst: a}); err == rpdb.OK {
		return res.alias.typ
	}
	return rpdb.Unicast
}
