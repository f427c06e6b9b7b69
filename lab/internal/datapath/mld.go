package datapath

const mldQuery = 130

// heardQuery answers a router that asks for groups (igmp6_event_query).
func (h *Host) heardQuery(p *packet, m []byte) {}
