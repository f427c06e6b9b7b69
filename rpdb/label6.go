package rpdb

import (
	"cmp"
	"net/netip"
	"slices"
)

// label6 is an entry of the address label table (struct ip6addrlbl_entry).
type label6 struct {
	AddrLabel
	class addrClass6 // classNone: any address
}

// addrClass6 is a class of addresses that some labels are meant for.
type addrClass6 uint8

const (
	classNone addrClass6 = iota
	classMapped
	classCompat
	classLoopback
)

func class6(a netip.Addr) addrClass6 {
	switch {
	case a.Is4In6():
		return classMapped
	case a.IsUnspecified():
		return classNone
	case a == netip.IPv6Loopback():
		return classLoopback
	case compat6.Contains(a):
		return classCompat
	}
	return classNone
}

// defaultLabels is the kernel's table (ip6addrlbl_init_table).
var defaultLabels = []AddrLabel{
	{Prefix: netip.MustParsePrefix("::/0"), Label: 1},
	{Prefix: netip.MustParsePrefix("fc00::/7"), Label: 5},
	{Prefix: netip.MustParsePrefix("fec0::/10"), Label: 11},
	{Prefix: netip.MustParsePrefix("2002::/16"), Label: 2},
	{Prefix: netip.MustParsePrefix("3ffe::/16"), Label: 12},
	{Prefix: netip.MustParsePrefix("2001::/32"), Label: 6},
	{Prefix: netip.MustParsePrefix("2001:10::/28"), Label: 7},
	{Prefix: netip.MustParsePrefix("::ffff:0:0/96"), Label: 4},
	{Prefix: netip.MustParsePrefix("::/96"), Label: 3},
	{Prefix: netip.MustParsePrefix("::1/128"), Label: 0},
}

// DefaultAddrLabels returns the table of a new namespace, in the order in which the
// kernel fills it in (ip6addrlbl_init_table).
func DefaultAddrLabels() []AddrLabel { return slices.Clone(defaultLabels) }

// buildLabels orders a label table as it is searched: longest prefix first, entries
// of a device before general ones.
func buildLabels(in []AddrLabel) []label6 {
	if len(in) == 0 {
		in = defaultLabels
	}
	out := make([]label6, 0, len(in))
	for _, l := range in {
		e := label6{AddrLabel: l}
		switch c := class6(l.Prefix.Addr()); {
		case c == classMapped && l.Prefix.Bits() == 96,
			c == classCompat && l.Prefix.Bits() == 96,
			c == classLoopback && l.Prefix.Bits() == 128:
			e.class = c
		}
		out = append(out, e)
	}
	slices.SortStableFunc(out, func(a, b label6) int {
		return cmp.Or(
			cmp.Compare(b.Prefix.Bits(), a.Prefix.Bits()),
			cmp.Compare(min(b.Index, 1), min(a.Index, 1)),
		)
	})
	return out
}

// noLabel is the label of an address that no entry covers.
const noLabel = 0xffffffff

// label6 returns the label of an address on a device (ipv6_addr_label).
func (db *Database) label6(a netip.Addr, dev int) uint32 {
	class := class6(a)
	for i := range db.six.labels {
		l := &db.six.labels[i]
		if l.Index != 0 && l.Index != dev || l.class != classNone && l.class != class {
			continue
		}
		if l.Prefix.Contains(a) {
			return l.Label
		}
	}
	return noLabel
}
