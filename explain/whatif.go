package explain

import (
	"fmt"
	"maps"
	"strconv"

	"github.com/rulewalk/rulewalk/rpdb"
)

// alternatives looks up the flow with other values of the unknown fields that
// matter: those that the rules name.
func (b *builder) alternatives() {
	const most = 8
	d, f := &b.walk.Decision, &b.walk.Flow
	if d.Depends == 0 {
		return
	}
	seen := map[string]bool{b.answer(d, f): true}
	for i := range b.st.Rules {
		r := &b.st.Rules[i]
		if r.Family != f.Family() {
			continue
		}
		for _, v := range variants(r, f, d.Depends) {
			v.flow.Unknown = 0
			got := b.r.DB.Lookup(&v.flow)
			answer := b.answer(&got, &v.flow)
			if seen[answer] || len(b.view.Alternatives) == most {
				continue
			}
			seen[answer] = true
			b.view.Alternatives = append(b.view.Alternatives, AlternativeView{Field: v.field, Value: v.value, Answer: answer})
		}
	}
}

// variant is the flow with one field changed to what a rule wants.
type variant struct {
	flow         rpdb.Flow
	field, value string
}

func variants(r *rpdb.Rule, f *rpdb.Flow, depends rpdb.Fields) []variant {
	var vs []variant
	try := func(field rpdb.Fields, set bool, value string, change func(*rpdb.Flow)) {
		if depends&field == 0 || !set {
			return
		}
		c := *f
		change(&c)
		vs = append(vs, variant{c, fieldNames(field)[0], value})
	}
	try(rpdb.FieldMark, r.MarkMask != 0, hex(uint64(r.Mark&r.MarkMask)), func(c *rpdb.Flow) { c.Mark = r.Mark & r.MarkMask })
	try(rpdb.FieldUID, r.UID.Set, uidWord(r.UID.V.Start), func(c *rpdb.Flow) { c.UID = r.UID.V.Start })
	try(rpdb.FieldIPProto, r.IPProto != 0, strconv.Itoa(int(r.IPProto)), func(c *rpdb.Flow) { c.IPProto = r.IPProto })
	try(rpdb.FieldSPort, r.SPort.Start != 0, strconv.Itoa(int(r.SPort.Start)), func(c *rpdb.Flow) { c.SPort = r.SPort.Start })
	try(rpdb.FieldDPort, r.DPort.Start != 0, strconv.Itoa(int(r.DPort.Start)), func(c *rpdb.Flow) { c.DPort = r.DPort.Start })
	try(rpdb.FieldTOS, r.TOS != 0, hex(uint64(r.TOS)), func(c *rpdb.Flow) { c.TOS = r.TOS })
	try(rpdb.FieldTOS, r.DSCP.Set, hex(uint64(r.DSCP.V.Value<<2)), func(c *rpdb.Flow) { c.TOS = r.DSCP.V.Value << 2 })
	try(rpdb.FieldFlowLabel, r.FlowLabelMask != 0, hex(uint64(r.FlowLabel)), func(c *rpdb.Flow) { c.FlowLabel = r.FlowLabel })
	try(rpdb.FieldTunID, r.TunID != 0, strconv.FormatUint(r.TunID, 10), func(c *rpdb.Flow) { c.TunID = r.TunID })
	return vs
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
