package datapath

import (
	"net/netip"
	"time"

	"github.com/rulewalk/rulewalk/netns"
)

// heardRouter learns from a router advertisement, and sends what waited for the router.
func (h *Host) heardRouter(l *link, p *packet, m []byte) {
	from := src6(p.data())
	h.ns.HeardRouter(l.dev.Index, from, m)
	h.sendWaiting(l, from)
}

// allRouters is the group of the routers of a link.
var allRouters = netip.MustParseAddr("ff02::2")

// AskRouters implements netns.Packets.
func (e *Engine) AskRouters(n *netns.Namespace, dev int, from netip.Addr) {
	e.post(job{f: func() {
		h := e.Host(n)
		if l := h.linkOf(dev); l != nil {
			h.askRouters(l.id, from, 1, 0)
		}
	}})
}

// askRouters asks the routers of a link for advertisements, again and again with longer
// and longer pauses (addrconf_rs_timer, rfc3315_s14_backoff_update).
func (h *Host) askRouters(id uint64, from netip.Addr, asked int32, pause time.Duration) {
	l := h.e.links[id]
	if l == nil || l.host != h {
		return
	}
	h.now()
	c := &l.dev.Conf6
	switch {
	case l.host != h, !l.dev.Up(), c.Disabled, !c.AcceptRA, asked > 1 && c.RouterHeard, c.Solicitations >= 0 && asked > c.Solicitations:
		return
	}
	m := append([]byte{routerSolicitation, 0, 0, 0, 0, 0, 0, 0}, addrOption(ndSourceLLAddr, l.dev.Address)...)
	h.sendND(l, from, allRouters, m)
	if pause == 0 {
		pause = c.SolicitInterval
	} else {
		pause = min(2*pause, c.SolicitMaximumInterval)
	}
	h.e.afterIdly(pause, func() { h.askRouters(id, from, asked+1, pause) })
}
