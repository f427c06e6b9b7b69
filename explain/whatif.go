package explain

import (
	"fmt"
	"maps"

	"github.com/rulewalk/rulewalk/rpdb"
)

// alternatives lists the other answers that the flow gets for other values of the
// fields that nobody knows.
func (b *builder) alternatives() {
	const most = 8
	f := &b.walk.Flow
	if b.walk.Decision.Depends == 0 {
		return
	}
	alts, _ := b.r.DB.Alternatives(f)
	base := b.walk.Decision
	base.Depends = 0
	seen := map[string]bool{b.answer(&base, f): true}
	for i := range alts {
		a := &alts[i]
		a.Flow.Unknown, a.Decision.Depends = 0, 0
		answer := b.answer(&a.Decision, &a.Flow)
		if seen[answer] || len(b.view.Alternatives) == most {
			continue
		}
		seen[answer] = true
		v := AlternativeView{If: map[string]string{}, Answer: answer}
		for _, name := range fieldNames(f.Unknown) {
			if got := fieldValue(b.w, &a.Flow, name); got != fieldValue(b.w, f, name) {
				v.If[name] = got
				v.condition = append(v.condition, name+" is "+got)
			}
		}
		b.view.Alternatives = append(b.view.Alternatives, v)
	}
}

// wouldPass tries the settings that could let a dropped packet pass, each on a copy
// of the state, and keeps those that do.
func (b *builder) wouldPass() {
	f, d := &b.walk.Flow, &b.walk.Decision
	if f.IIF == 0 || d.Drop == rpdb.NoDrop || f.Family() != rpdb.IPv4 {
		return
	}
	for _, s := range b.settings() {
		st := *b.st
		st.Sysctls = maps.Clone(b.st.Sysctls)
		if st.Sysctls == nil {
			st.Sysctls = rpdb.Sysctls{}
		}
		for path, value := range s.set {
			st.Sysctls[path] = value
		}
		db, err := st.Build()
		if err != nil {
			continue
		}
		got := db.Lookup(f)
		if got.Err != rpdb.OK {
			continue
		}
		b.view.WouldPass = append(b.view.WouldPass, WouldPassView{Setting: s.name, Answer: b.answer(&got, f)})
	}
}

// setting is a change of sysctls that could let a packet pass.
type setting struct {
	name string
	set  map[string]string
}

func (b *builder) settings() []setting {
	dev := b.w.dev(b.walk.Flow.IIF)
	one := func(name, value string) setting {
		return setting{
			name: fmt.Sprintf("%s=%s on %s", name, value, dev),
			set:  map[string]string{"net/ipv4/conf/" + dev + "/" + name: value},
		}
	}
	switch b.walk.Decision.Drop {
	case rpdb.DropRPFilter, rpdb.DropReverseNoRoute, rpdb.DropLocalSource:
		off := one("rp_filter", "0")
		off.name += " and on all"
		off.set["net/ipv4/conf/all/rp_filter"] = "0"
		settings := []setting{one("accept_local", "1"), one("rp_filter", "2"), off}
		if b.walk.Flow.Mark != 0 {
			settings = append([]setting{one("src_valid_mark", "1")}, settings...)
		}
		return settings
	case rpdb.DropMartianSource, rpdb.DropMartianDest:
		return []setting{one("route_localnet", "1")}
	case rpdb.DropForwardingOff:
		return []setting{one("forwarding", "1")}
	}
	return nil
}
