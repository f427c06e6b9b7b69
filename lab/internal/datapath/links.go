package datapath

// stubs while kinds are built
func (l *link) sendVLAN(p *packet)                                { l.e.free(p) }
func (l *link) sendMacvlan(p *packet)                             { l.e.free(p) }
func (l *link) sendBridge(p *packet)                              { l.e.free(p) }
func (l *link) sendVRF(p *packet)                                 { l.e.free(p) }
func (l *link) sendTunnel(p *packet)                              { l.e.free(p) }
func (l *link) receiveVLAN(p *packet) bool                        { return false }
func (l *link) receivePort(p *packet)                             { l.e.free(p) }
func (l *link) receiveMacvlan(p *packet) bool                     { return false }
func (h *Host) receiveTunnel(p *packet, proto uint8) bool         { return false }
func (h *Host) tunnelError4(p *packet, quoted []byte, e any) bool { return false }

type impairment struct{}

func (i *impairment) pass(l *link, p *packet) {}

func (h *Host) tunnelError6(p *packet, quoted []byte, e any) bool { return false }
