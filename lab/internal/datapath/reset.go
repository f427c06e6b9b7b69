package datapath

// reset answers a TCP segment that nobody wants on a host without sockets: the sockets of
// a host do it themselves (tcp_v4_send_reset). upper is where the segment begins.
func (h *Host) reset(p *packet, upper int) {
	if p.kind != toHost {
		return
	}
	if r := h.e.config.Reset; r != nil {
		if b := r(p.data(), upper); b != nil {
			h.e.post(job{host: h, p: &packet{buf: b, local: true}})
		}
	}
}
