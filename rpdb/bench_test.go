package rpdb_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/rulewalk/rulewalk/internal/fulltable"
	"github.com/rulewalk/rulewalk/rpdb"
)

// benchHost is seedHost with routes in table main and rules before it that do not
// match.
func benchHost(b *testing.B, routes, rules int) *rpdb.Database {
	table, err := fulltable.Of(true)
	if err != nil {
		b.Skipf("the real table is not in the module cache: %v", err)
	}
	s := seedHost()
	step := max(len(table)/routes, 1)
	for i := 0; i < len(table) && len(s.Routes) < routes; i += step {
		s.Routes = append(s.Routes, route4(rpdb.TableMain, rpdb.Unicast, table[i].String(), "10.0.2.2", eth0))
	}
	for i := 3; i < rules; i++ {
		r := tableRule(uint32(1000+i), 100)
		r.Mark, r.MarkMask = uint32(i), 0xffffffff
		s.Rules = append(s.Rules, r)
	}
	s.Facts.CustomRules4 = rpdb.Yes
	return build(b, s)
}

func BenchmarkLookup(b *testing.B) {
	for _, routes := range []int{1_000, 900_000} {
		for _, rules := range []int{3, 100, 10_000} {
			b.Run(fmt.Sprintf("routes=%d/rules=%d", routes, rules), func(b *testing.B) {
				db := benchHost(b, routes, rules)
				rnd := rand.New(rand.NewPCG(1, 2))
				flows := make([]rpdb.Flow, 1<<16)
				for i := range flows {
					a := db.State().Routes[rnd.IntN(len(db.State().Routes))].Dst.Addr().As4()
					a[3] |= byte(rnd.IntN(256))
					flows[i].Dst = netip.AddrFrom4(a)
				}
				b.ReportAllocs()
				b.ResetTimer()
				for i := 0; b.Loop(); i++ {
					db.Lookup(&flows[i&(1<<16-1)])
				}
			})
		}
	}
}

func BenchmarkBuild(b *testing.B) {
	db := benchHost(b, 900_000, 3)
	for b.Loop() {
		if _, err := db.State().Build(); err != nil {
			b.Fatal(err)
		}
	}
}
