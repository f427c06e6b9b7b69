package rpdb_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rulewalk/rulewalk/rpdb"
)

// twoNICs is seedHost with a second device and forwarding on.
func twoNICs(sysctls ...string) *rpdb.State {
	s := seedHost()
	s.Links = append(s.Links, link(eth1, "eth1", 0))
	s.Addrs = append(s.Addrs, addr4(eth1, "10.1.0.1/24", rpdb.ScopeGlobal))
	s.Routes = append(s.Routes,
		withSrc(route4(rpdb.TableMain, rpdb.Unicast, "10.1.0.0/24", "", eth1), "10.1.0.1"),
		withSrc(route4(rpdb.TableLocal, rpdb.Local, "10.1.0.1/32", "", eth1), "10.1.0.1"),
	)
	s.Sysctls = rpdb.Sysctls{"net/ipv4/conf/eth0/forwarding": "1", "net/ipv4/conf/eth1/forwarding": "1"}
	for _, v := range sysctls {
		k, val, _ := strings.Cut(v, "=")
		s.Sysctls["net/ipv4/conf/"+k] = val
	}
	return s
}

// checks writes the tests of a walk in a line.
func checks(w *rpdb.Walk) string {
	var out []string
	for _, c := range w.Checks {
		s := fmt.Sprintf("%s:%v", c.What, c.Passed)
		if c.What == rpdb.CheckRPFilter {
			s += fmt.Sprintf("(%d=max(%d,%d))", c.Value, c.All, c.DevValue)
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

func TestInput4(t *testing.T) {
	for _, tt := range []struct {
		name    string
		sysctls []string
		change  func(*rpdb.State)
		flow    rpdb.Flow
		want    string
		checks  string
	}{
		{
			name: "forwarded",
			flow: rpdb.Flow{Dst: addr("8.8.8.8"), Src: addr("10.1.0.9"), IIF: eth1},
			want: "unicast dev eth0 via 10.0.2.2 table 254", checks: "martian-source:true forwarding:true rp_filter:true(0=max(0,0))",
		},
		{
			name: "strict reverse path", sysctls: []string{"all/rp_filter=1"},
			flow: rpdb.Flow{Dst: addr("10.0.2.15"), Src: addr("9.9.9.9"), IIF: eth1},
			want: "EINVAL rp-filter", checks: "martian-source:true rp_filter:false(1=max(1,0))",
		},
		{
			name: "before 6.13 the errno differs", sysctls: []string{"all/rp_filter=1"},
			change: func(s *rpdb.State) { s.Kernel.Release = "6.12.117" },
			flow:   rpdb.Flow{Dst: addr("10.0.2.15"), Src: addr("9.9.9.9"), IIF: eth1},
			want:   "EXDEV rp-filter", checks: "martian-source:true rp_filter:false(1=max(1,0))",
		},
		{
			name: "loose reverse path", sysctls: []string{"all/rp_filter=1", "eth1/rp_filter=2"},
			flow: rpdb.Flow{Dst: addr("10.0.2.15"), Src: addr("9.9.9.9"), IIF: eth1},
			want: "local dev lo table 254", checks: "martian-source:true rp_filter:true(2=max(1,2))",
		},
		{
			name: "the mark counts only with src_valid_mark", sysctls: []string{"eth1/rp_filter=1", "eth1/src_valid_mark=1"},
			change: func(s *rpdb.State) {
				r := tableRule(100, 10)
				r.Mark, r.MarkMask = 1, 1
				s.Rules = append(s.Rules, r)
				s.Routes = append(s.Routes, route4(10, rpdb.Unicast, "0.0.0.0/0", "10.1.0.2", eth1))
			},
			flow: rpdb.Flow{Dst: addr("10.0.2.15"), Src: addr("9.9.9.9"), IIF: eth1, Mark: 1},
			want: "local dev lo table 255", checks: "martian-source:true rp_filter:true(1=max(0,1))",
		},
		{
			name: "own address as source",
			flow: rpdb.Flow{Dst: addr("10.0.2.15"), Src: addr("10.0.2.15"), IIF: eth1},
			want: "EINVAL local-source", checks: "martian-source:true rp_filter:false(0=max(0,0))",
		},
		{
			name: "accept_local", sysctls: []string{"eth1/accept_local=1"},
			flow: rpdb.Flow{Dst: addr("10.0.2.15"), Src: addr("10.0.2.15"), IIF: eth1},
			want: "local dev lo table 254", checks: "martian-source:true rp_filter:true(0=max(0,0))",
		},
		{
			name: "no forwarding", sysctls: []string{"eth1/forwarding=0"},
			flow: rpdb.Flow{Dst: addr("8.8.8.8"), Src: addr("10.1.0.9"), IIF: eth1},
			want: "EHOSTUNREACH forwarding-off", checks: "martian-source:true forwarding:false",
		},
		{
			name: "loopback destination",
			flow: rpdb.Flow{Dst: addr("127.0.0.1"), Src: addr("10.1.0.9"), IIF: eth1},
			want: "EINVAL martian-destination", checks: "martian-destination:false",
		},
		{
			name: "no source",
			flow: rpdb.Flow{Dst: addr("8.8.8.8"), IIF: eth1},
			want: "EINVAL martian-source", checks: "martian-source:false",
		},
		{
			name: "group that nobody joined",
			flow: rpdb.Flow{Dst: addr("239.1.1.1"), Src: addr("10.1.0.9"), IIF: eth1},
			want: "EINVAL not-joined", checks: "multicast:false",
		},
		{
			name: "directed broadcast",
			flow: rpdb.Flow{Dst: addr("10.0.2.255"), Src: addr("10.1.0.9"), IIF: eth1},
			want: "broadcast dev lo table 254", checks: "martian-source:true rp_filter:true(0=max(0,0))",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := twoNICs(tt.sysctls...)
			if tt.change != nil {
				tt.change(s)
			}
			db := build(t, s)
			w := db.Walk(&tt.flow)
			if got := answer(db, w.Decision); got != tt.want {
				t.Errorf("Walk: %s, want %s", got, tt.want)
			}
			if got := answer(db, db.Lookup(&tt.flow)); got != tt.want {
				t.Errorf("Lookup: %s, want %s", got, tt.want)
			}
			if got := checks(w); got != tt.checks {
				t.Errorf("checks: %s, want %s", got, tt.checks)
			}
		})
	}
}

// A local route that no address explains was added by hand, whoever it names.
func TestFactsFromRoutes(t *testing.T) {
	s := twoNICs()
	s.Facts.CustomLocal4 = rpdb.Unknown
	if f := build(t, s).Facts(); f.CustomLocal4 != rpdb.Unknown {
		t.Errorf("automatic routes only: %+v", f)
	}
	s.Routes = append(s.Routes, withSrc(route4(rpdb.TableLocal, rpdb.Local, "20.0.0.0/24", "", eth1), "10.1.0.1"))
	if f := build(t, s).Facts(); f.CustomLocal4 != rpdb.Yes {
		t.Errorf("with a local route of one's own: %+v", f)
	}
}
