package datapath

import "github.com/rulewalk/rulewalk/rpdb"

// sendVRF sends a packet that a route gives to a VRF device: it is looked up again in the
// VRF's table (vrf_xmit, vrf_process_v4_outbound, vrf_process_v6_outbound).
func (l *link) sendVRF(p *packet) {
	h := l.host
	l.sent(p)
	if p.proto != protoIPv4 && p.proto != protoIPv6 || len(p.data()) < etherLen+20 {
		l.e.free(p)
		return
	}
	frame := p.off
	p.pull(etherLen)
	p.net = p.off
	var f rpdb.Flow
	if p.proto == protoIPv4 {
		f = flowOf4(p.data())
	} else {
		f = flowOf6(p.data())
	}
	f.OIF, f.Mark, f.AnySource = l.dev.Index, p.mark, true
	p.d = h.lookup(f)
	p.routed = true
	switch {
	case p.d.Err != rpdb.OK:
		l.dev.Counters.TxErrors.Add(1)
		l.e.free(p)
	case p.d.OIF == l.dev.Index: // vrf_local_xmit
		p.off = frame
		p.depth = 0
		l.dev.Counters.RxPackets.Add(1)
		l.dev.Counters.RxBytes.Add(uint64(len(p.data())))
		l.e.queue(l, p)
	case p.proto == protoIPv4:
		h.dispatch4(p)
	default:
		h.dispatch6(p)
	}
}
