package rpdb

import "slices"

// hashConf is a family's choice of multipath hash.
type hashConf struct {
	policy int
	fields uint32 // of policy 3
	seed   uint32 // 0: the kernel's secret
}

// Bits of fib_multipath_hash_fields.
const (
	hashSrc   uint32 = 1 << 0
	hashDst   uint32 = 1 << 1
	hashProto uint32 = 1 << 2
	hashLabel uint32 = 1 << 3
	hashSPort uint32 = 1 << 4
	hashDPort uint32 = 1 << 5
	hashOuter        = hashSrc | hashDst | hashProto | hashLabel | hashSPort | hashDPort
)

// readHashConf reads the sysctls of one family (net/ipv4 or net/ipv6). The seed is
// IPv4's for both.
func readHashConf(s Sysctls, tree string) hashConf {
	policy, _ := s.Int(tree + "/fib_multipath_hash_policy")
	fields, ok := s.Int(tree + "/fib_multipath_hash_fields")
	if !ok {
		fields = 7
	}
	seed, _ := s.Int("net/ipv4/fib_multipath_hash_seed")
	return hashConf{policy: int(policy), fields: uint32(fields), seed: uint32(seed)}
}

// needs returns the fields of a flow that the hash depends on.
func (c hashConf) needs() Fields {
	switch c.policy {
	case 1:
		return FieldIPProto | FieldSPort | FieldDPort
	case 3:
		var f Fields
		if c.fields&hashProto != 0 {
			f |= FieldIPProto
		}
		if c.fields&hashSPort != 0 {
			f |= FieldSPort
		}
		if c.fields&hashDPort != 0 {
			f |= FieldDPort
		}
		if c.fields&hashLabel != 0 {
			f |= FieldFlowLabel
		}
		return f
	}
	return 0
}

// known reports whether the hash of a flow can be computed.
func (c hashConf) known(f *Flow) bool { return c.seed != 0 && f.Unknown&c.needs() == 0 }

// finish turns the 32-bit hash into the 31-bit one that bounds are compared with. Policy 3
// hashes that of a packet once more, with that of its inner headers, of which there are
// none.
func (c hashConf) finish(h uint32, packet bool) uint32 {
	if h == 0 {
		h = 1
	}
	if c.policy == 3 && packet {
		return jhash2words(h, 0, 0) >> 1
	}
	return h >> 1
}

// bound is the upper bound of a leg whose cumulative weight is w of total.
func bound(w, total uint64) int32 { return int32((w<<31+total/2)/total - 1) }

// setBounds computes the upper bounds of a classic multipath route from the legs
// that can be used now (fib_rebalance).
func setBounds(hops []hop) {
	rebalance(hops, func(h *hop) bool { return !h.dead && !h.ignored })
}

// setGroupBounds computes those of a nexthop group, from the weights alone
// (nh_grp_entry_stats, nh_hthr_group_rebalance).
func setGroupBounds(hops []hop) {
	rebalance(hops, func(*hop) bool { return true })
}

func rebalance(hops []hop, counts func(*hop) bool) {
	var total, w uint64
	for i := range hops {
		if counts(&hops[i]) {
			total += uint64(hops[i].weight)
		}
	}
	for i := range hops {
		hops[i].bound = -1
		if total > 0 && counts(&hops[i]) {
			w += uint64(hops[i].weight)
			hops[i].bound = bound(w, total)
		}
	}
}

// shares evaluates a choice for every interval of the hash between bounds and adds
// up, for each leg, the part of flows that takes it.
func shares(hops []hop, pick func(hash uint32) int) []float64 {
	edges := []int64{-1}
	for i := range hops {
		if b := int64(hops[i].bound); b >= 0 {
			edges = append(edges, b)
		}
	}
	edges = append(edges, 1<<31-1)
	slices.Sort(edges)
	out := make([]float64, len(hops))
	for i := 1; i < len(edges); i++ {
		if n := edges[i] - edges[i-1]; n > 0 {
			if leg := pick(uint32(edges[i])); leg >= 0 {
				out[leg] += float64(n) / (1 << 31)
			}
		}
	}
	return out
}
