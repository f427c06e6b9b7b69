package iproute2

import (
	"strconv"
	"strings"

	"github.com/rulewalk/rulewalk/rpdb"
)

// FormatAddr prints an address as ip address does below its device's lines
// (print_addrinfo): two lines, indented, without the last newline. With OneLine it
// is the line of ip -o, which begins with the device.
func FormatAddr(a *rpdb.Addr, o *Options) string {
	n := o.names()
	var b []byte
	if o != nil && o.OneLine {
		b = append(append(strconv.AppendInt(b, int64(a.Index), 10), ": "...), o.dev(a.Index)...)
	}
	b = appendWord(append(b, "    "...), a.Family.String(), formatAddrPeer(a))
	if a.Metric != 0 {
		b = appendWord(b, "metric", utoa(a.Metric))
	}
	if a.Broadcast.IsValid() {
		b = appendWord(b, "brd", formatAddr(a.Broadcast))
	}
	if a.Anycast.IsValid() {
		b = appendWord(b, "any", formatAddr(a.Anycast))
	}
	b = appendWord(b, "scope", n.Scope(a.Scope))
	for _, f := range addrFlagWords(a) {
		b = append(append(b, f...), ' ')
	}
	if a.Protocol != 0 {
		b = appendWord(b, "proto", n.AddrProto(a.Protocol))
	}
	b = append(append(b, a.Label...), o.nl()...)
	b = append(append(b, "       valid_lft "...), formatLifetime(a.Valid)...)
	return string(append(append(b, " preferred_lft "...), formatLifetime(a.Preferred)...))
}

// formatAddrPeer prints LOCAL/LEN, or LOCAL peer PEER/LEN.
func formatAddrPeer(a *rpdb.Addr) string {
	s := formatAddr(a.Local)
	if a.Peer.IsValid() {
		s += " peer " + formatAddr(a.Peer)
	}
	return s + "/" + strconv.Itoa(int(a.PrefixLen))
}

// addrFlagWords returns the words for an address's flags; dynamic stands for the
// absence of the permanent flag.
func addrFlagWords(a *rpdb.Addr) (words []string) {
	flags := a.Flags ^ rpdb.IFAPermanent
	for _, f := range addrFlags {
		if flags&f.bit == 0 {
			continue
		}
		flags &^= f.bit
		if f.bit == rpdb.IFASecondary && a.Family == rpdb.IPv6 {
			words = append(words, "temporary")
			continue
		}
		words = append(words, f.name)
	}
	if flags != 0 {
		words = append(words, "flags "+strings.TrimPrefix(hexC(uint64(flags)), "0x"))
	}
	return words
}

func formatLifetime(v uint32) string {
	if v == rpdb.Forever {
		return "forever"
	}
	return utoa(v) + "sec"
}
