package rpdb

import (
	"maps"
	"sync"
)

// gatewaySet holds the gateways that routes and nexthop objects name, with their
// devices. Changes of other neighbours decide nothing.
type gatewaySet struct {
	once sync.Once
	all  map[neighKey]bool
}

// WithNeigh returns the Database itself if a neighbour's new entry decides nothing:
// if it is no gateway, or as usable as it was; else nil. gone tells that the entry was
// removed.
func (db *Database) WithNeigh(n *Neigh, gone bool) *Database {
	key := neighKey{n.Index, n.IP}
	old, was := db.neighs[key]
	if was == !gone && (gone || standing(old) == standing(n.State)) || !db.gatewaysUsed()[key] {
		return db
	}
	return nil
}

// standing is what decisions look at in a neighbour's state.
func standing(state uint16) [3]bool {
	return [3]bool{state&NUDValid != 0, state&NUDFailed != 0, state == NUDIncomplete}
}

// gatewaysUsed returns all gateways. The first call costs time linear in the routes.
func (db *Database) gatewaysUsed() map[neighKey]bool {
	db.used.once.Do(func() {
		all := map[neighKey]bool{}
		var last *info4
		for _, o := range db.objects {
			addGateways(all, o.hops)
		}
		for _, t := range db.tables4.list {
			t.trie.all(func(n *node4) {
				for _, a := range n.aliases() {
					if a.info != last {
						addGateways(all, a.info.paths())
						last = a.info
					}
				}
			})
		}
		add := func(n *node6) {
			for _, r := range n.routes {
				for i := range r.NextHops {
					addGateway(all, &r.NextHops[i])
				}
			}
		}
		for _, t := range db.six.tables.list {
			t.nodes.all(func(n *node6) {
				add(n)
				if n.sub != nil {
					n.sub.all(add)
				}
			})
		}
		db.used.all = all
	})
	return db.used.all
}

func addGateways(all map[neighKey]bool, hops []hop) {
	for i := range hops {
		if h := &hops[i]; h.gw.IsValid() {
			all[neighKey{h.oif, h.gw}] = true
		}
	}
}

func addGateway(all map[neighKey]bool, h *NextHop) {
	if h.Gateway.IsValid() {
		all[neighKey{h.Dev, h.Gateway}] = true
	}
}

// usingGateways notes the gateways of a new route. Most are those of other routes.
func (db *Database) usingGateways(r *Route) {
	all := db.gatewaysUsed()
	fresh := false
	for i := range r.NextHops {
		h := &r.NextHops[i]
		fresh = fresh || h.Gateway.IsValid() && !all[neighKey{h.Dev, h.Gateway}]
	}
	if !fresh {
		return
	}
	used := &gatewaySet{all: maps.Clone(all)}
	for i := range r.NextHops {
		addGateway(used.all, &r.NextHops[i])
	}
	used.once.Do(func() {})
	db.used = used
}
