package rpdb

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
)

// Database is a State compiled for lookups. It never changes, and all its methods
// are safe for concurrent use.
type Database struct {
	*site
	later   *laterState // nil: the state is that of the site
	facts   Facts
	finders [2]Finder // of IPv4 and IPv6; nil: there is none

	rules4, rules6   []*rule
	custom4, custom6 bool // whether the rules are walked at all
	dissect4         bool // some rule needs the packet's protocol or ports
	tables4          tableSet[table4]
	six              database6
	gateways         *trie[gateway] // see scopeOf
	byRules          *trie[gateway] // those of which the rules were asked
	used             *gatewaySet
	onLeg            int // leg+1 of an undetermined choice, see LookupOnLeg
}

// site is what changes of routes and rules leave as it is.
type site struct {
	state  State
	kernel Kernel

	devs  map[int]*device
	order []*device // as given: the order of creation
	names map[string]int

	objects    map[uint32]*object
	neighs     map[neighKey]uint16
	owners     map[netip.Addr]int // IPv4 address to ifindex
	realmUsers bool               // some route or rule has realms
	hash4      hashConf
	useNeigh   bool // fib_multipath_use_neigh
	infos      *infos
}

// Build compiles the state. It fails only on contradictions that no kernel can be
// in, such as two devices with one index. The State must not be changed
// afterwards. It costs time linear in the routes, plus sorting if they do not come
// in the kernel's order.
func (s *State) Build() (*Database, error) {
	db := &Database{site: &site{state: *s, kernel: s.Kernel}, facts: s.Facts, used: new(gatewaySet)}
	if err := db.buildDevices(); err != nil {
		return nil, err
	}
	if err := db.checkRoutes(); err != nil {
		return nil, err
	}
	db.setNeighs(s.Neighs)
	use, _ := s.Sysctls.Int("net/ipv4/fib_multipath_use_neigh")
	db.useNeigh = use != 0
	db.hash4 = readHashConf(s.Sysctls, "net/ipv4")
	db.buildObjects()
	db.buildRules()
	routes4, routes6 := db.splitRoutes()
	db.buildTables4(routes4)
	db.resolveGateways4()
	db.fillSources4()
	db.build6(routes6)
	return db, nil
}

// WithNeighs returns the database with other neighbours. It shares all else with db, but
// asks no [Finder], and costs time linear in the neighbours.
func (db *Database) WithNeighs(neighs []Neigh) *Database {
	other, site := *db, *db.site
	other.site, other.finders = &site, [2]Finder{}
	other.setNeighs(neighs)
	return &other
}

func (db *Database) setNeighs(neighs []Neigh) {
	db.state.Neighs = neighs
	db.neighs = make(map[neighKey]uint16, len(neighs))
	for _, n := range neighs {
		db.neighs[neighKey{n.Index, n.IP}] = n.State
	}
}

// buildDevices compiles links and addresses.
func (db *Database) buildDevices() error {
	db.devs, db.names = map[int]*device{}, map[string]int{}
	for i := range db.state.Links {
		l := &db.state.Links[i]
		if db.devs[l.Index] != nil {
			return fmt.Errorf("two links have index %d: %s and %s", l.Index, db.devs[l.Index].Name, l.Name)
		}
		d := &device{Link: l, conf4: readConf4(db.state.Sysctls, l.Name), conf6: readConf6(db.state.Sysctls, l.Name)}
		db.devs[l.Index] = d
		db.order = append(db.order, d)
		for _, n := range l.AltNames {
			db.names[n] = l.Index
		}
	}
	for _, d := range db.order {
		db.names[d.Name] = d.Index
		switch m := db.devs[d.Master]; {
		case d.IsVRF():
			d.vrf = d.Index
		case m != nil && m.IsVRF():
			d.vrf = m.Index
		}
	}
	return db.buildAddrs()
}

// buildAddrs hands the addresses to their devices and finds the owner of each IPv4
// address: with one address on several devices, the latest added (__ip_dev_find).
func (db *Database) buildAddrs() error {
	db.owners = map[netip.Addr]int{}
	latest := map[netip.Addr]uint32{}
	for i := range db.state.Addrs {
		a := &db.state.Addrs[i]
		d := db.devs[a.Index]
		if d == nil {
			return fmt.Errorf("address %s is on device %d, which does not exist", a.Local, a.Index)
		}
		if a.Family == IPv6 {
			d.addrs6 = append(d.addrs6, a)
			continue
		}
		d.addrs4 = append(d.addrs4, a)
		if at, ok := latest[a.Local]; !ok || a.Created >= at {
			db.owners[a.Local], latest[a.Local] = a.Index, a.Created
		}
	}
	return nil
}

// checkRoutes refuses routes that Build could not place.
func (db *Database) checkRoutes() error {
	for i := range db.state.Routes {
		r := &db.state.Routes[i]
		if r.Family != IPv4 && r.Family != IPv6 || !r.Dst.IsValid() || FamilyOf(r.Dst.Addr()) != r.Family {
			return fmt.Errorf("route %d: destination %s does not fit family %s", i, r.Dst, r.Family)
		}
	}
	return nil
}

// buildRules compiles the rules of both families and settles whether they are
// walked at all.
func (db *Database) buildRules() {
	var in [2][]*Rule
	for i := range db.state.Rules {
		r := &db.state.Rules[i]
		switch r.Family {
		case IPv4:
			in[0] = append(in[0], r)
		case IPv6:
			in[1] = append(in[1], r)
		}
	}
	for i, f := range [2]Family{IPv4, IPv6} {
		part := [2]Parts{PartRules4, PartRules6}[i]
		if len(in[i]) == 0 && db.state.Missing&part != 0 {
			dflt := DefaultRules(f)
			for j := range dflt {
				in[i] = append(in[i], &dflt[j])
			}
		}
		slices.SortStableFunc(in[i], func(a, b *Rule) int { return cmp.Compare(a.Pref, b.Pref) })
	}
	db.rules4, db.rules6 = db.compileRules(in[0]), db.compileRules(in[1])
	db.custom4 = customized(in[0], IPv4, db.facts.CustomRules4)
	db.custom6 = customized(in[1], IPv6, db.facts.CustomRules6)
	for _, r := range in[0] {
		db.realmUsers = db.realmUsers || r.Realms != 0
	}
	db.dissect4 = slices.ContainsFunc(db.rules4, (*rule).dissects)
}

// customized tells whether a family's rules were ever changed. A list other than
// the default one proves it for IPv4; for IPv6 only an added rule does.
func customized(rules []*Rule, f Family, fact Tri) bool {
	dflt := DefaultRules(f)
	same, added := len(rules) == len(dflt), false
	for i, r := range rules {
		known := false
		for _, d := range dflt {
			known = known || isDefault(r, &d)
		}
		added = added || !known
		same = same && isDefault(r, &dflt[min(i, len(dflt)-1)])
	}
	switch {
	case added || f == IPv4 && !same:
		return true
	case fact != Unknown:
		return fact == Yes
	}
	return !same
}

// isDefault reports whether a rule is the kernel's own.
func isDefault(r, d *Rule) bool {
	return r.Pref == d.Pref && r.Table == d.Table && r.Action == d.Action && len(selectorsOf(r)) == 0 &&
		!r.Invert() && !r.SuppressPrefixLen.Set && !r.SuppressIfGroup.Set && r.Realms == 0 &&
		(r.Protocol == ProtoKernel || r.Protocol == ProtoUnspec)
}

// splitRoutes separates the families, keeping the order, and notes who has realms.
func (db *Database) splitRoutes() (four, six []*Route) {
	for i := range db.state.Routes {
		r := &db.state.Routes[i]
		if r.Family == IPv6 {
			six = append(six, r)
			continue
		}
		four = append(four, r)
		if r.Type == Local && !db.automatic(r) {
			db.facts.CustomLocal4 = Yes
		}
		for j := range r.NextHops {
			db.realmUsers = db.realmUsers || r.NextHops[j].Realms != 0
		}
	}
	return four, six
}

// automatic reports whether a local IPv4 route has the form of those that the
// kernel adds for an address (fib_add_ifaddr).
func (db *Database) automatic(r *Route) bool {
	if r.Protocol != ProtoKernel || r.TOS != 0 || r.NHID != 0 || len(r.NextHops) != 1 {
		return false
	}
	d := db.devs[r.NextHops[0].Dev]
	if d == nil || r.Table != TableLocal && r.Table != db.vrfTable(d.vrf) {
		return false
	}
	for _, a := range d.addrs4 {
		if r.Dst == netip.PrefixFrom(a.Local, 32) && r.Priority == 0 || d.IsLoopback() && r.Dst == a.Subnet() && r.Priority == a.Metric {
			return true
		}
	}
	return false
}

// fillSources4 computes the source that the kernel has cached for each nexthop
// (fib_info_update_nhc_saddr).
func (db *Database) fillSources4() {
	done := map[*info4]bool{}
	for _, t := range db.tables4.list {
		t.eachInfo(done, func(in *info4) {
			for i := range in.hops {
				h := &in.hops[i]
				h.saddr = db.selectAddr(h.dev, h.gw, in.scope, nil)
			}
		})
	}
}

// State returns the state that the database was built from, with the changes that
// were made to it since. The first call after a change costs time linear in the
// routes. It must not be changed.
func (db *Database) State() *State {
	if db.later != nil {
		return db.later.of(db)
	}
	return &db.state
}

// Kernel returns the kernel whose behaviour the database follows.
func (db *Database) Kernel() Kernel { return db.kernel }

// Rules returns a family's rules in the order of the walk. They must not be
// changed.
func (db *Database) Rules(f Family) []*Rule {
	rules := db.rulesOf(f)
	out := make([]*Rule, len(rules))
	for i := range rules {
		out[i] = rules[i].Rule
	}
	return out
}

// Rule returns the rule at a place of Rules. It must not be changed.
func (db *Database) Rule(f Family, index int) *Rule { return db.rulesOf(f)[index].Rule }

func (db *Database) rulesOf(f Family) []*rule {
	if f == IPv6 {
		return db.rules6
	}
	return db.rules4
}

// WalksRules reports whether the kernel walks a family's rules, rather than taking
// the short way through local and main that holds until a rule was first changed.
func (db *Database) WalksRules(f Family) bool {
	if f == IPv6 {
		return db.custom6
	}
	return db.custom4
}

// RuleTarget returns the index of the rule that a goto rule jumps to, -1 if it has
// no target.
func (db *Database) RuleTarget(f Family, index int) int { return db.rulesOf(f)[index].target }

// RuleSelectors returns the selectors that a rule has, in the order of their tests.
// They must not be changed.
func (db *Database) RuleSelectors(f Family, index int) []Selector { return db.rulesOf(f)[index].sels }

// RuleMatches reports whether a rule applies to a key (fib_rule_match).
func (db *Database) RuleMatches(f Family, index int, k *Key) bool {
	return db.match(db.rulesOf(f)[index], k, nil)
}

// RuleAttached reports whether the devices that a rule names exist.
func (db *Database) RuleAttached(f Family, index int) (iif, oif bool) {
	r := db.rulesOf(f)[index]
	return r.iif >= 0, r.oif >= 0
}

// VRFOf returns the index of the VRF that a device belongs to or is, 0 if there is
// none.
func (db *Database) VRFOf(index int) int {
	if d := db.devs[index]; d != nil {
		return d.vrf
	}
	return 0
}

// Link returns a device, nil if there is none with the index.
func (db *Database) Link(index int) *Link {
	if d := db.devs[index]; d != nil {
		return d.Link
	}
	return nil
}

// LinkByName returns the device of a name or alternative name, nil if there is
// none.
func (db *Database) LinkByName(name string) *Link {
	if i, ok := db.names[name]; ok {
		return db.devs[i].Link
	}
	return nil
}

// LinkName returns the name of a device, ifN for an index that has none.
func (db *Database) LinkName(index int) string {
	if d := db.devs[index]; d != nil {
		return d.Name
	}
	return fmt.Sprintf("if%d", index)
}

// Facts returns what is known of the states that no dump shows, with what the
// routes prove.
func (db *Database) Facts() Facts { return db.facts }
