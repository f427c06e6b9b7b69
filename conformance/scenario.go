package conformance

import (
	"fmt"
	"strconv"

	"github.com/rulewalk/rulewalk/rpdb"
)

// Scenario is what one fresh network namespace goes through: the ops of each
// round, after which lookups are compared. The first round builds the devices,
// addresses and sysctls.
type Scenario struct {
	Family rpdb.Family
	Seed   uint64
	Number uint64
	Rounds [][]Op
	traits traits
}

// traits are the features that a whole scenario has or lacks, so that states
// without them keep being tested too.
type traits struct {
	noRules    bool // no rule operation at all: the fast path stays
	realms     bool
	nextHops   bool
	neighs     bool
	lateAddrs  bool // addresses and devices change between routes
	lateIgnore bool // ignore_routes_with_linkdown changes between routes
	otherGW    bool // IPv4 routes by IPv6 gateways
	secretSeed bool // fib_multipath_hash_seed is left to the kernel
	subtrees   bool // IPv6 source prefixes
	hidden     bool // IPv6 routes may hide between siblings
}

// The devices of a scenario: three veth pairs inside the one namespace, so that
// the state of a peer is the carrier of its device. p is the peer of v.
const (
	devP0 = 2 + iota
	devV0
	devP1
	devV1
	devP2
	devV2
)

var (
	frontDevs = []int{devV0, devV1, devV2}
	someDevs  = []int{devV0, devV0, devV1, devV1, devV2, rpdb.Loopback, devP0}
	devNames  = map[int]string{
		rpdb.Loopback: "lo", devP0: "p0", devV0: "v0", devP1: "p1", devV1: "v1", devP2: "p2", devV2: "v2",
	}
	peerOf = map[int]int{devV0: devP0, devV1: devP1, devV2: devP2}
)

const (
	roundsPerScenario = 6
	metricMTU         = 2 // RTAX_MTU
)

// NewScenario draws scenario number n of a seed.
func NewScenario(f rpdb.Family, seed, n uint64) *Scenario {
	s := &Scenario{Family: f, Seed: seed, Number: n}
	d := newDice(seed, n<<1|uint64(f)<<48)
	s.traits = drawTraits(d)
	var g interface {
		prelude() []Op
		round(n int) []Op
	}
	if f == rpdb.IPv6 {
		g = &gen6{dice: d, t: &s.traits}
	} else {
		g = &gen4{dice: d, t: &s.traits}
	}
	first := append(links(d), g.prelude()...)
	s.Rounds = append(s.Rounds, append(first, g.round(0)...))
	for i := 1; i < roundsPerScenario; i++ {
		s.Rounds = append(s.Rounds, g.round(i))
	}
	return s
}

func drawTraits(d dice) traits {
	return traits{
		noRules:    d.chance(27),
		realms:     d.chance(12),
		nextHops:   d.chance(50),
		neighs:     d.chance(30),
		lateAddrs:  d.chance(40),
		lateIgnore: d.chance(8),
		otherGW:    d.chance(15),
		secretSeed: d.chance(4),
		subtrees:   d.chance(50),
		hidden:     d.chance(8),
	}
}

// Ops returns the ops of the rounds up to and including the given one.
func (s *Scenario) Ops(round int) []Op {
	var ops []Op
	for i := 0; i <= round && i < len(s.Rounds); i++ {
		ops = append(ops, s.Rounds[i]...)
	}
	return ops
}

// links makes the devices, and quiets IPv6: no router solicitations, no
// link-local addresses of its own, no duplicate address detection.
func links(d dice) []Op {
	var ops []Op
	for _, w := range []string{"all", "default"} {
		for _, kv := range [][2]string{
			{"accept_ra", "0"}, {"accept_dad", "0"}, {"addr_gen_mode", "1"}, {"router_solicitations", "0"},
		} {
			if w == "all" && kv[0] == "addr_gen_mode" {
				continue
			}
			ops = append(ops, SysctlOp{"net/ipv6/conf/" + w + "/" + kv[0], kv[1]})
		}
	}
	for _, v := range frontDevs {
		ops = append(ops, LinkOp{Index: v, Name: devNames[v], Peer: peerOf[v], PeerNm: devNames[peerOf[v]]})
	}
	if d.chance(95) {
		ops = append(ops, LinkOp{Index: rpdb.Loopback, Up: true})
	}
	for _, v := range frontDevs {
		if d.chance(50) {
			ops = append(ops, LinkOp{Index: v, Group: rpdb.Some(pick[uint32](d, 1, 7))})
		}
		if d.chance(4) {
			continue
		}
		// The peer first: a device that comes up without carrier keeps the kernel
		// waiting for up to a second (linkwatch).
		ops = append(ops, LinkOp{Index: peerOf[v], Up: true}, LinkOp{Index: v, Up: true})
		if d.chance(12) {
			ops = append(ops, LinkOp{Index: pick(d, v, peerOf[v], peerOf[v]), Down: true})
		}
	}
	return ops
}

// hashSysctls sets what the multipath choice depends on.
func hashSysctls(d dice, t *traits, family string) []Op {
	var ops []Op
	if !t.secretSeed {
		ops = append(ops, SysctlOp{"net/ipv4/fib_multipath_hash_seed", strconv.FormatUint(uint64(d.Uint32()|1), 10)})
	}
	ops = append(ops,
		SysctlOp{"net/" + family + "/fib_multipath_hash_policy", pick(d, "0", "0", "1", "1", "3")},
		SysctlOp{"net/" + family + "/fib_multipath_hash_fields", fmt.Sprint(pick(d, 7, 1, 2, 0x37, 0x35, 0x3f, 0, 8))})
	if d.chance(20) {
		ops = append(ops, SysctlOp{"net/ipv4/nexthop_compat_mode", pick(d, "0", "1")})
	}
	return ops
}

// linkEvent takes a device or its peer (its carrier) down or up.
func linkEvent(d dice) Op {
	v := pick(d, frontDevs...)
	switch d.IntN(10) {
	case 0, 1, 2:
		return LinkOp{Index: peerOf[v], Down: true}
	case 3, 4, 5:
		return LinkOp{Index: peerOf[v], Up: true}
	case 6:
		return LinkOp{Index: v, Down: true}
	case 7, 8:
		return LinkOp{Index: v, Up: true}
	}
	return LinkOp{Index: pick(d, frontDevs...), Group: rpdb.Some(pick[uint32](d, 0, 1, 7))}
}
