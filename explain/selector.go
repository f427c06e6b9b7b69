package explain

import (
	"fmt"
	"strconv"

	"github.com/rulewalk/rulewalk/rpdb"
)

// selector tells what one selector of a rule wants and what the flow has
// (fib_rule_match, fib4_rule_match, fib6_rule_match).
func (b *builder) selector(r *rpdb.Rule, k *rpdb.Key, s rpdb.SelectorResult) SelectorView {
	wanted, got := b.wantedGot(r, k, s)
	return SelectorView{Selector: s.Selector.String(), OK: s.OK, Wanted: wanted, Got: got}
}

func (b *builder) wantedGot(r *rpdb.Rule, k *rpdb.Key, s rpdb.SelectorResult) (wanted, got string) {
	switch s.Selector {
	case rpdb.SelIIF:
		return r.IIF, b.iifWord(k)
	case rpdb.SelOIF:
		return r.OIF, b.oifWord(k)
	case rpdb.SelMark:
		return masked(uint64(r.Mark), uint64(r.MarkMask), 0xffffffff), hex(uint64(k.Mark))
	case rpdb.SelTunID:
		return strconv.FormatUint(r.TunID, 10), strconv.FormatUint(k.TunID, 10)
	case rpdb.SelL3MDev:
		if k.L3MDev == 0 {
			return "a VRF", "none"
		}
		return "a VRF", b.w.dev(k.L3MDev)
	case rpdb.SelUID:
		return fmt.Sprintf("%d-%d", r.UID.V.Start, r.UID.V.End), uidWord(k.UID)
	case rpdb.SelFrom:
		return prefix(r.From), b.srcWord(k)
	case rpdb.SelTo:
		return prefix(r.To), k.Dst.String()
	case rpdb.SelTOS:
		return hex(uint64(r.TOS)), hex(uint64(k.TOS))
	case rpdb.SelDSCP:
		return masked(uint64(r.DSCP.V.Value), uint64(r.DSCP.V.Mask), 0x3f), hex(uint64(k.TOS >> 2))
	case rpdb.SelFlowLabel:
		return masked(uint64(r.FlowLabel), uint64(r.FlowLabelMask), 0xfffff), hex(uint64(k.FlowLabel))
	case rpdb.SelIPProto:
		return b.w.proto(r.IPProto), b.w.proto(k.IPProto)
	case rpdb.SelSPort:
		return ports(r.SPort), strconv.Itoa(int(k.SPort))
	case rpdb.SelDPort:
		return ports(r.DPort), strconv.Itoa(int(k.DPort))
	}
	return "", ""
}

func (b *builder) iifWord(k *rpdb.Key) string {
	if k.L3MDev != 0 && !k.L3FromOIF {
		return b.w.dev(k.IIF) + " in VRF " + b.w.dev(k.L3MDev)
	}
	return b.w.dev(k.IIF)
}

func (b *builder) oifWord(k *rpdb.Key) string {
	if k.L3MDev != 0 && k.L3FromOIF {
		if k.OIF == 0 {
			return "VRF " + b.w.dev(k.L3MDev)
		}
		return b.w.dev(k.OIF) + " in VRF " + b.w.dev(k.L3MDev)
	}
	return b.w.dev(k.OIF)
}

func (b *builder) srcWord(k *rpdb.Key) string {
	if s := address(k.Src); s != "" {
		return s
	}
	return "no source yet"
}

func uidWord(uid uint32) string {
	if uid == rpdb.InvalidUID {
		return "none"
	}
	return strconv.FormatUint(uint64(uid), 10)
}

func masked(v, mask, full uint64) string {
	if mask == full {
		return hex(v)
	}
	return hex(v) + "/" + hex(mask)
}

func ports(p rpdb.PortRange) string {
	switch {
	case p.Start != p.End:
		return fmt.Sprintf("%d-%d", p.Start, p.End)
	case p.Mask != 0 && p.Mask != 0xffff:
		return fmt.Sprintf("%#x/%#x", p.Start, p.Mask)
	}
	return strconv.Itoa(int(p.Start))
}

// fields ties the selectors that test a field of the flow to that field.
var fields = map[rpdb.Selector]rpdb.Fields{
	rpdb.SelMark:      rpdb.FieldMark,
	rpdb.SelUID:       rpdb.FieldUID,
	rpdb.SelTOS:       rpdb.FieldTOS,
	rpdb.SelDSCP:      rpdb.FieldTOS,
	rpdb.SelFlowLabel: rpdb.FieldFlowLabel,
	rpdb.SelIPProto:   rpdb.FieldIPProto,
	rpdb.SelSPort:     rpdb.FieldSPort,
	rpdb.SelDPort:     rpdb.FieldDPort,
	rpdb.SelTunID:     rpdb.FieldTunID,
}

// fieldNames lists the fields of a set by the words that set them.
func fieldNames(f rpdb.Fields) []string {
	var names []string
	for _, e := range []struct {
		f    rpdb.Fields
		name string
	}{
		{rpdb.FieldMark, "mark"},
		{rpdb.FieldUID, "uid"},
		{rpdb.FieldIPProto, "ipproto"},
		{rpdb.FieldSPort, "sport"},
		{rpdb.FieldDPort, "dport"},
		{rpdb.FieldTOS, "tos"},
		{rpdb.FieldFlowLabel, "flowlabel"},
		{rpdb.FieldTunID, "tun_id"},
	} {
		if f&e.f != 0 {
			names = append(names, e.name)
		}
	}
	return names
}
