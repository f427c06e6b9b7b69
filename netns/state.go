package netns

import (
	"crypto/sha1"
	"encoding/binary"
	"strconv"
	"sync"

	"github.com/rulewalk/rulewalk/rpdb"
)

// lookups keeps the database that RTM_GETROUTE and packets are answered from.
type lookups struct {
	mu                    sync.Mutex
	changes, neighChanges uint64
	db                    *rpdb.Database
	inputs                map[inputKey]bool // ways that input was asked about since db was built
}

// inputKey is a nexthop that may have an answer about input in its cache.
type inputKey struct {
	route *rpdb.Route
	leg   int
}

// firstInput reports whether input was not answered by a nexthop yet. Its cache then
// holds the answer, which further ones take without a reference of their own.
func (l *lookups) firstInput(d *rpdb.Decision) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := inputKey{d.Route, d.Leg}
	first := !l.inputs[key]
	l.inputs[key] = true
	return first
}

// forgetInputs empties the caches of nexthops (rt_cache_flush).
func (l *lookups) forgetInputs() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.inputs)
}

// database returns the decision engine over the present state. The caller holds the
// namespace's lock. It costs time linear in the routes after a change, in the neighbours
// after one of these.
func (n *Namespace) database() (*rpdb.Database, error) {
	l := &n.lookups
	l.mu.Lock()
	defer l.mu.Unlock()
	changes, neighChanges := n.changes.Load(), n.neighChanges.Load()
	switch {
	case l.db == nil || l.changes != changes:
		db, err := n.state().Build()
		if err != nil {
			return nil, err
		}
		l.db, l.inputs = db, map[inputKey]bool{}
	case l.neighChanges != neighChanges:
		l.db = l.db.WithNeighs(n.modelNeighs())
	}
	l.changes, l.neighChanges = changes, neighChanges
	return l.db, nil
}

// state is the present state, in the order in which dumps show it. The caller holds
// the namespace's lock.
func (n *Namespace) state() *rpdb.State {
	st := &rpdb.State{
		Kernel:   n.world.config.Kernel,
		Neighs:   n.modelNeighs(),
		Labels:   n.labels.model(),
		NextHops: n.objects(),
		Rules:    n.modelRules(),
		Addrs:    append(n.addrs4(), n.modelAddrs6()...),
		Routes:   append(n.routes4(), n.routes6()...),
		Sysctls:  n.lookupSysctls(),
		Facts: rpdb.Facts{
			CustomRules4: tri(n.customRules4()), CustomRules6: tri(n.customRules6()),
			CustomLocal4:  tri(n.ip4.customLocal),
			HomeAddresses: tri(!n.world.config.NoHomeAddresses),
		},
		Gates6: n.gates6(),
	}
	for _, d := range n.devices.born { // in which order addresses are looked for (for_each_netdev)
		st.Links = append(st.Links, d.Link)
	}
	return st
}

func tri(b bool) rpdb.Tri {
	if b {
		return rpdb.Yes
	}
	return rpdb.No
}

// lookupConf4 and lookupConf6 are where the settings of devices that a decision
// depends on are kept (rpdb.ConfNames4, rpdb.ConfNames6).
var (
	lookupConf4 = map[string]int{
		"forwarding": conf4Forwarding, "mc_forwarding": conf4MCForwarding, "shared_media": 6, "rp_filter": conf4RPFilter,
		"send_redirects": 5, "src_valid_mark": 23, "accept_local": 22, "route_localnet": conf4RouteLocalnet,
		"ignore_routes_with_linkdown": conf4IgnoreLinkdown, "bc_forwarding": conf4BCForwarding,
	}
	lookupConf6 = map[string]int{
		"forwarding": conf6Forwarding, "disable_ipv6": conf6Disable, "ignore_routes_with_linkdown": conf6IgnoreLinkdown,
		"use_oif_addrs_only": 37, "use_tempaddr": conf6UseTempAddr, "optimistic_dad": conf6OptimisticDAD,
		"use_optimistic": conf6UseOptimistic,
	}
)

// lookupSysctls are the settings that a decision depends on.
func (n *Namespace) lookupSysctls() rpdb.Sysctls {
	s := rpdb.Sysctls{}
	set := func(dev string, c4 *conf4, c6 *conf6) {
		for name, i := range lookupConf4 {
			s["net/ipv4/conf/"+dev+"/"+name] = strconv.Itoa(int(c4[i]))
		}
		for name, i := range lookupConf6 {
			s["net/ipv6/conf/"+dev+"/"+name] = strconv.Itoa(int(c6[i]))
		}
	}
	set("all", &n.conf.all4, &n.conf.all6)
	set("default", &n.conf.default4, &n.conf.default6)
	for _, d := range n.devices.list {
		set(d.Name, &d.conf4, &d.conf6)
	}
	n.plainSysctls(s)
	s["net/ipv4/ip_forward"] = s["net/ipv4/conf/all/forwarding"]
	if v, _ := s.Int(multipathSeed); v == 0 {
		s[multipathSeed] = strconv.FormatUint(n.world.multipathSecret(), 10)
	}
	return s
}

const multipathSeed = "net/ipv4/fib_multipath_hash_seed"

// multipathSecret is the seed of the multipath hash where fib_multipath_hash_seed is 0
// (fib_multipath_hash_rand_seed): on Linux it is drawn when the machine boots, here from the
// seed of the world. It is not 0.
func (w *World) multipathSecret() uint64 {
	sum := sha1.Sum(binary.BigEndian.AppendUint64([]byte("multipath"), w.config.Seed))
	return uint64(binary.BigEndian.Uint32(sum[:])) | 1
}
