package datapath

// heardRouter learns from a router advertisement (ndisc_router_discovery).
func (h *Host) heardRouter(l *link, p *packet, m []byte) {}
