package datapath

// SendFrame has a device send a whole frame that begins with its link header, as a
// packet socket does (packet_snd); what the device does not have is dropped. The frame
// is queued and becomes the datapath's. It may be called from any goroutine.
func (h *Host) SendFrame(index int, frame []byte) {
	h.e.post(job{f: func() {
		l := h.linkOf(index)
		if l == nil || len(frame) < etherLen {
			return
		}
		p := h.e.fresh(len(frame))
		copy(p.data(), frame)
		p.net = p.off + etherLen
		p.local = true
		l.send(p)
	}})
}
