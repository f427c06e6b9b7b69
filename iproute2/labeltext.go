package iproute2

import (
	"strconv"

	"github.com/rulewalk/rulewalk/rpdb"
)

// FormatAddrLabel prints an address label as ip addrlabel does (print_addrlabel),
// without the newline.
func FormatAddrLabel(l *rpdb.AddrLabel, o *Options) string {
	var b []byte
	if l.Prefix.IsValid() {
		b = append(append(b, "prefix "...), o.Paint(FamilyColor(rpdb.FamilyOf(l.Prefix.Addr())), labelAddr(l))...)
		b = append(strconv.AppendInt(append(b, '/'), int64(l.Prefix.Bits()), 10), ' ')
	}
	if l.Index != 0 {
		b = o.appendPainted(append(b, "dev "...), ColorIfname, o.dev(l.Index))
	}
	return string(appendWord(b, "label", utoa(l.Label)))
}

// AddrLabelJSON returns an address label as ip -j addrlabel prints it.
func AddrLabelJSON(l *rpdb.AddrLabel, o *Options) Object {
	var j Object
	if l.Prefix.IsValid() {
		j.add("address", labelAddr(l))
		j.add("prefixlen", l.Prefix.Bits())
	}
	j.addIf(l.Index != 0, "ifname", o.dev(l.Index))
	j.add("label", l.Label)
	return j
}

func labelAddr(l *rpdb.AddrLabel) string { return formatAddr(l.Prefix.Addr()) }
