package rpdb

import (
	"net/netip"
	"slices"
)

// maxTrials bounds the lookups that are made to see what unknown fields change.
const maxTrials = 20000

// Alternative is an answer that other values of a flow's unknown fields give.
type Alternative struct {
	Flow     Flow // an example of such values
	Decision Decision
}

// Alternatives lists the answers that a flow can get, depending on its unknown
// fields; the first is that of the assumed values. It tries values on both sides
// of every boundary that the rules and routes draw, alone and together, at most
// some thousands; exact is false if there were more.
func (db *Database) Alternatives(f *Flow) (alts []Alternative, exact bool) {
	seen := map[answer]bool{}
	exact = db.trials(f, func(g *Flow, d *Decision) {
		if a := answerOf(d); !seen[a] {
			seen[a] = true
			alts = append(alts, Alternative{*g, *d})
		}
	})
	return alts, exact
}

// depends returns the unknown fields whose value changes the answer while the
// others stay. If there are too many combinations to try, it returns all the
// unknown fields that some rule or route tests.
func (db *Database) depends(f *Flow) Fields {
	type point struct {
		f Flow
		a answer
	}
	var points []point
	exact := db.trials(f, func(g *Flow, d *Decision) { points = append(points, point{*g, answerOf(d)}) })
	var out Fields
	if !exact {
		for bit := Fields(1); bit <= FieldTunID; bit <<= 1 {
			if f.Unknown&bit != 0 && len(db.values(f, bit)) > 1 {
				out |= bit
			}
		}
		return out
	}
	for bit := Fields(1); bit <= FieldTunID; bit <<= 1 {
		if f.Unknown&bit == 0 {
			continue
		}
		first := map[Flow]answer{}
		for _, p := range points {
			rest := p.f
			rest.set(bit, 0)
			if a, ok := first[rest]; !ok {
				first[rest] = p.a
			} else if a != p.a {
				out |= bit
				break
			}
		}
	}
	return out
}

// answer is what a user sees of a decision.
type answer struct {
	err          Errno
	typ          RouteType
	oif          int
	gateway, src netip.Addr
	table        uint32
	route        *Route
	undetermined bool
}

func answerOf(d *Decision) answer {
	return answer{d.Err, d.Type, d.OIF, d.Gateway, d.Src, d.Table, d.Route, d.Undetermined}
}

// trials decides on the flow with every combination of values of its unknown
// fields, starting with the assumed ones. It reports whether it tried them all.
func (db *Database) trials(f *Flow, visit func(*Flow, *Decision)) bool {
	var fields []Fields
	var values [][]uint64
	total := 1
	for bit := Fields(1); bit <= FieldTunID; bit <<= 1 {
		if f.Unknown&bit == 0 {
			continue
		}
		v := db.values(f, bit)
		fields, values = append(fields, bit), append(values, v)
		if total *= len(v); total > maxTrials {
			return false
		}
	}
	for n := range total {
		g := *f
		for i, bit := range fields {
			g.set(bit, values[i][n%len(values[i])])
			n /= len(values[i])
		}
		d := db.decide(&g, nil)
		visit(&g, &d)
	}
	return true
}

// set stores a value in a field.
func (f *Flow) set(field Fields, v uint64) {
	switch field {
	case FieldMark:
		f.Mark = uint32(v)
	case FieldUID:
		f.UID = uint32(v)
	case FieldIPProto:
		f.IPProto = uint8(v)
	case FieldSPort:
		f.SPort = uint16(v)
	case FieldDPort:
		f.DPort = uint16(v)
	case FieldTOS:
		f.TOS = uint8(v)
	case FieldFlowLabel:
		f.FlowLabel = uint32(v)
	case FieldTunID:
		f.TunID = v
	}
}

// get reads a field.
func (f *Flow) get(field Fields) uint64 {
	switch field {
	case FieldMark:
		return uint64(f.Mark)
	case FieldUID:
		return uint64(f.UID)
	case FieldIPProto:
		return uint64(f.IPProto)
	case FieldSPort:
		return uint64(f.SPort)
	case FieldDPort:
		return uint64(f.DPort)
	case FieldTOS:
		return uint64(f.TOS)
	case FieldFlowLabel:
		return uint64(f.FlowLabel)
	case FieldTunID:
		return f.TunID
	}
	return 0
}

// values lists values of a field on both sides of every boundary that the rules of
// the flow's family, and for tos the routes, draw. The assumed value comes first.
func (db *Database) values(f *Flow, field Fields) []uint64 {
	var v boundaries
	v.add(f.get(field))
	if field == FieldTOS {
		for b := range uint64(64) {
			v.add(b << 2)
		}
		return v.vals
	}
	if !db.hasSelector(f.Family(), field) {
		return v.vals
	}
	for _, r := range db.rulesOf(f.Family()) {
		switch field {
		case FieldMark:
			v.masked(uint64(r.Mark), uint64(r.MarkMask))
		case FieldFlowLabel:
			v.masked(uint64(r.FlowLabel), uint64(r.FlowLabelMask))
		case FieldUID:
			if r.UID.Set {
				v.rang(uint64(r.UID.V.Start), uint64(r.UID.V.End), 0xfffffffe)
			}
		case FieldIPProto:
			if r.IPProto != 0 {
				v.rang(uint64(r.IPProto), uint64(r.IPProto), 0xff)
			}
		case FieldSPort:
			v.ports(r.SPort)
		case FieldDPort:
			v.ports(r.DPort)
		case FieldTunID:
			if r.TunID != 0 {
				v.add(r.TunID)
				v.add(0)
			}
		}
	}
	return v.vals
}

// hasSelector reports whether any rule of a family tests a field.
func (db *Database) hasSelector(f Family, field Fields) bool {
	sel := map[Fields]Selector{
		FieldMark: SelMark, FieldUID: SelUID, FieldIPProto: SelIPProto, FieldSPort: SelSPort,
		FieldDPort: SelDPort, FieldFlowLabel: SelFlowLabel, FieldTunID: SelTunID,
	}[field]
	for i := range db.rulesOf(f) {
		if slices.Contains(db.rulesOf(f)[i].sels, sel) {
			return true
		}
	}
	return false
}

// boundaries collects distinct values.
type boundaries struct {
	vals []uint64
	seen map[uint64]bool
	bits uint64 // set in any of them
}

func (b *boundaries) add(v uint64) {
	if len(b.vals) > maxTrials || b.seen[v] {
		return
	}
	if b.seen == nil {
		b.seen = map[uint64]bool{}
	}
	b.seen[v] = true
	b.vals = append(b.vals, v)
	b.bits |= v
}

// rang adds the ends of a range and their neighbours outside it.
func (b *boundaries) rang(start, end, limit uint64) {
	b.add(start)
	b.add(end)
	if start > 0 {
		b.add(start - 1)
	}
	if end < limit {
		b.add(end + 1)
	}
}

// masked adds, for every value so far, one that agrees with a masked selector and
// one that misses it in its lowest bit.
func (b *boundaries) masked(v, mask uint64) {
	if mask == 0 {
		return
	}
	if b.bits&^mask == 0 { // the selector fixes every bit that was ever set
		b.add(v & mask)
		b.add((v ^ mask&-mask) & mask)
		return
	}
	for _, old := range slices.Clone(b.vals) {
		b.add(old&^mask | v&mask)
		b.add(old&^mask | (v^mask&-mask)&mask)
	}
}

func (b *boundaries) ports(p PortRange) {
	switch {
	case p.Start == 0:
	case p.Mask != 0:
		b.masked(uint64(p.Start), uint64(p.Mask))
	default:
		b.rang(uint64(p.Start), uint64(p.End), 0xffff)
	}
}
