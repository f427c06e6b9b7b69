package rtnl

import "github.com/rulewalk/rulewalk/rpdb"

// maxProbes6 bounds the lookups that settle whether an IPv6 rule was ever added.
const maxProbes6 = 32

// probeRules6 tells whether an IPv6 rule was ever added. A list with other rules
// than those of a new namespace shows it, and with the list untouched it makes no
// difference. If default rules were deleted, lookups tell whether the list is
// consulted (spec IPv6 1.2): the kernel is asked for destinations to which that
// makes a difference, which are found with the engine itself.
func probeRules6(t Transport, s *rpdb.State) (rpdb.Tri, error) {
	has, lacks := compareDefaults(s, rpdb.IPv6)
	if has {
		return rpdb.Yes, nil
	}
	if !lacks {
		return rpdb.Unknown, nil
	}
	var dbs [2]*rpdb.Database
	facts := [2]rpdb.Tri{rpdb.Yes, rpdb.No}
	for i, fact := range facts {
		alt := *s
		alt.Facts.CustomRules6 = fact
		var err error
		if dbs[i], err = alt.Build(); err != nil {
			return rpdb.Unknown, nil
		}
	}
	asked := 0
	for i := range s.Routes {
		r := &s.Routes[i]
		if r.Family != rpdb.IPv6 || asked == maxProbes6 {
			continue
		}
		f := rpdb.Flow{Dst: r.Dst.Addr(), UID: rpdb.InvalidUID}
		if !tellsApart(Expected(dbs[0], f, GetOptions{}), Expected(dbs[1], f, GetOptions{})) {
			continue
		}
		asked++
		rep, err := Ask(t, f, GetOptions{})
		if err != nil {
			return rpdb.Unknown, err
		}
		for j, db := range dbs {
			if !tellsApart(rep, Expected(db, f, GetOptions{})) {
				return facts[j], nil
			}
		}
	}
	return rpdb.Unknown, nil
}

// tellsApart reports whether two replies come from different tables.
func tellsApart(a, b Reply) bool {
	return a.Err != b.Err || a.Err == rpdb.OK && a.Table != b.Table
}
