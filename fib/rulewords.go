package fib

import (
	"encoding/binary"
	"net/netip"

	"github.com/rulewalk/rulewalk/rpdb"
)

// ruleMatch tells how a rule is tested that was found for a key.
type ruleMatch uint8

const (
	matchWhole ruleMatch = iota // it need not be
	matchWords                  // by its words
	matchOther                  // by rpdb
)

// ruleWords are the selectors of an IPv4 rule in few words. Absent ones accept
// everything.
type ruleWords struct {
	from, fromMask, to, toMask, mark, markMask uint32
	sport, sports, dport, dports               uint16 // the first port, and how many follow it
	proto                                      uint8
}

// wordsOf returns the words of a rule; ok is false if they do not tell all of its
// selectors.
func wordsOf(r *rpdb.Rule, selectors []rpdb.Selector) (w ruleWords, ok bool) {
	w.sports, w.dports = 0xffff, 0xffff
	if r.Invert() || r.IIF != "" {
		return w, false
	}
	for _, s := range selectors {
		switch {
		case s == rpdb.SelFrom && r.From.Addr().Is4():
			w.from, w.fromMask = prefixWords4(r.From)
		case s == rpdb.SelTo && r.To.Addr().Is4():
			w.to, w.toMask = prefixWords4(r.To)
		case s == rpdb.SelMark:
			w.mark, w.markMask = r.Mark&r.MarkMask, r.MarkMask
		case s == rpdb.SelIPProto:
			w.proto = r.IPProto
		case s == rpdb.SelSPort && wholePorts(r.SPort):
			w.sport, w.sports = r.SPort.Start, r.SPort.End-r.SPort.Start
		case s == rpdb.SelDPort && wholePorts(r.DPort):
			w.dport, w.dports = r.DPort.Start, r.DPort.End-r.DPort.Start
		default:
			return w, false
		}
	}
	return w, true
}

// wholePorts reports whether a selector is a range of ports, or one port.
func wholePorts(p rpdb.PortRange) bool {
	return p.Start <= p.End && (p.Mask == 0 || p.Mask == 0xffff && p.Start == p.End)
}

func prefixWords4(p netip.Prefix) (value, mask uint32) {
	mask = ^uint32(0) << (32 - p.Bits())
	return key4(p.Addr()) & mask, mask
}

// match reports whether the rule applies to a key. A source that is not known is
// 0.0.0.0.
func (w *ruleWords) match(k *rpdb.Key) bool {
	if !k.Src.Is4() || !k.Dst.Is4() {
		return false
	}
	src, dst := k.Src.As4(), k.Dst.As4()
	return (binary.BigEndian.Uint32(src[:])^w.from)&w.fromMask|
		(binary.BigEndian.Uint32(dst[:])^w.to)&w.toMask|
		(k.Mark^w.mark)&w.markMask == 0 &&
		k.SPort-w.sport <= w.sports && k.DPort-w.dport <= w.dports &&
		(w.proto == 0 || w.proto == k.IPProto)
}
