package datapath

import (
	"net/netip"
	"slices"

	"github.com/rulewalk/rulewalk/netns"
)

// Detect implements netns.Packets.
func (e *Engine) Detect(n *netns.Namespace, dev int, addr netip.Addr, nonce [6]byte) {
	e.post(job{f: func() {
		h := e.Host(n)
		l := h.linkOf(dev)
		if l == nil {
			return
		}
		var opt []byte
		if nonce != [6]byte{} {
			opt = append([]byte{ndNonce, 1}, nonce[:]...)
		}
		if l.probes == nil {
			l.probes = map[netip.Addr][]byte{}
		}
		l.probes[addr] = opt
		h.sendND(l, netip.IPv6Unspecified(), solicited6(addr), ndMessage(neighbourSolicitation, 0, addr, opt))
	}})
}

// isOwnProbe reports whether the nonce of a probe is the one of our own last probe for that
// address, which came back to us.
func (l *link) isOwnProbe(addr netip.Addr, opt []byte) bool { return slices.Equal(l.probes[addr], opt) }

// Announce implements netns.Packets.
func (e *Engine) Announce(n *netns.Namespace, dev int, addr netip.Addr) {
	e.post(job{f: func() {
		h := e.Host(n)
		if l := h.linkOf(dev); l != nil {
			h.advertise(l, allNodes6, addr, l.dev.Conf6.Router, false, true, true)
		}
	}})
}
