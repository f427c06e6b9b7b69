package rpdb

// Found is the outcome of one lookup through the rules (struct fib_result, struct
// fib6_result).
//
// It has no more fields than the compiler keeps in registers: a copy in memory costs as
// much as a lookup.
type Found struct {
	Route *Route // also one whose type is an error; nil for none
	Table uint32 // the table that answered, 0 for none
	Rule  int32  // place of the deciding rule in Database.Rules, -1 for none
	Ending
}

// Ending is how a lookup ends.
type Ending struct {
	// Err is OK, or the error of the route or rule that decided; ENETUNREACH where
	// nothing did.
	Err Errno
	Leg int32 // the nexthop of the route, or of its group; -1 for none
}

// Find makes one lookup through the rules (fib_lookup, fib6_rule_lookup) and
// nothing else: no device or source is checked, and no source chosen. Of an IPv4
// multipath route it gives the first leg that can be used, of an IPv6 one the leg
// that the hash selects. A key with IIF Loopback is that of a packet which this host
// sends. Find does not allocate.
//
// It asks no [Finder] for the answer, only for the rules to try.
func (db *Database) Find(k *Key) Found {
	key := *k
	if key.Family == IPv6 {
		key.Dst, key.Src = key.Dst.WithZone(""), key.Src.WithZone("")
		return db.find6(&key)
	}
	err, res := db.search4(ForInput, &key, nil)
	f := Found{Rule: int32(res.rule), Ending: Ending{err, -1}}
	if res.alias != nil {
		f.Table, f.Route, f.Leg = res.table, res.alias.route, int32(res.leg)
	}
	return f
}

func (db *Database) find6(k *Key) Found {
	l := look6{db: db, k: *k, output: k.IIF == Loopback, known: db.six.hash.known6(0), res: found6{rule: -1}}
	if !db.six.forwarding {
		l.strict = strictReachable
	}
	if needsIface6(k.Dst) || l.output && k.OIF != 0 && !k.HasSrc {
		l.strict |= strictIface
	}
	err := l.search(ForInput)
	f := Found{Rule: int32(l.res.rule), Ending: Ending{err, -1}}
	if l.res.route != nil {
		f.Table, f.Route, f.Leg = l.res.table, l.res.route, int32(l.res.pick6.leg)
	}
	return f
}
