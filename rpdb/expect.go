package rpdb

// MaxExpected is the number of changes whose memory accesses Expect overlaps.
const MaxExpected = 16

// expected is a change of a route that memory is asked for.
type expected struct {
	prefix  triePrefix
	removes bool
	four    *trieNode[node4]
	six     *trieNode[node6]
	old4    *node4
	old6    *node6
}

// Expect asks memory for what With will look at for some changes, at most MaxExpected,
// so that they need not wait for it one after the other. It changes nothing.
func (db *Database) Expect(changes []*Change) {
	var lanes [MaxExpected]expected
	n := 0
	for _, c := range changes[:min(len(changes), MaxExpected)] {
		if c.Route == nil || !c.Route.Dst.IsValid() {
			continue
		}
		l := expected{prefix: prefixWords(c.Route.Dst), removes: c.Kind == RemoveRoute}
		if t := db.tables4.get(c.Route.Table); t != nil && c.Route.Family == IPv4 {
			l.four = t.trie.nodes.root.Load()
		} else if t := db.six.tables.get(c.Route.Table); t != nil && c.Route.Family == IPv6 {
			l.six = t.nodes.nodes.root.Load()
		}
		lanes[n] = l
		n++
	}
	for depth, open := 0, n; open > 0; depth += trieStride {
		open = 0
		for i := range lanes[:n] {
			l := &lanes[i]
			if l.four != nil {
				l.four, l.old4 = l.four.step(&l.prefix, depth)
				open++
			}
			if l.six != nil {
				l.six, l.old6 = l.six.step(&l.prefix, depth)
				open++
			}
		}
	}
	keep(expectRoutes(lanes[:n]))
}

// expectRoutes asks memory for the routes that the prefixes of some lanes have.
func expectRoutes(lanes []expected) (sum uint32) {
	var old [MaxExpected]*Route
	for i := range lanes {
		switch l := &lanes[i]; {
		case l.old4 != nil && l.removes:
			old[i] = l.old4.one[0].route
		case l.old4 != nil:
			sum += l.old4.place
		case l.old6 != nil && len(l.old6.routes) > 0:
			old[i] = l.old6.routes[0]
		}
	}
	for _, r := range old {
		if r != nil {
			sum += r.Priority + uint32(r.Dst.Bits()) + uint32(len(r.Extra)) // each on a line of its own
		}
	}
	for _, r := range old {
		if r != nil && len(r.NextHops) > 0 {
			sum += uint32(r.NextHops[0].Dev)
		}
	}
	return sum
}

// ExpectHits asks memory for what a [Finder]'s hits lead to: the ways at some places of
// the table at a place of Tables. Places that are not of Build are passed over.
func (db *Database) ExpectHits(f Family, table int, places []uint32) {
	sum := 0
	if f == IPv4 {
		built := db.tables4.list[table].built
		for _, at := range places {
			if int(at) < len(built) {
				sum += int(built[at].place)
			}
		}
	} else {
		built := db.six.tables.list[table].built
		for _, at := range places {
			if int(at) < len(built) && built[at] != nil && len(built[at].NextHops) > 0 {
				sum += built[at].NextHops[0].Dev
			}
		}
	}
	keep(uint32(sum))
}

// keep has the compiler leave the loads of a value in.
//
//go:noinline
func keep(uint32) {}

// step goes from a node to the one below, or to the value of the prefix.
func (n *trieNode[V]) step(p *triePrefix, depth int) (below *trieNode[V], v *V) {
	if n.leaf {
		return nil, n.one.Load()
	}
	c := chunk(p.hi, p.lo, depth)
	if rest := p.bits - depth; rest > trieStride {
		if n.kids>>c&1 != 0 {
			return n.kidAt(c).Load(), nil
		}
	} else if rest > 0 {
		if place := valBit(c, rest); n.hasVal(place) {
			return nil, n.valAt(place).Load()
		}
	}
	return nil, nil
}
