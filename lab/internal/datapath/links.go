package datapath

// stubs while kinds are built
func (l *link) sendBridge(p *packet)  { l.e.free(p) }
func (l *link) receivePort(p *packet) { l.e.free(p) }
