package ipcmd

// Objects that are being built.

func (c *call) pending() int {
	c.errorf("not built yet\n")
	return 1
}

func (c *call) maddr() int { return c.pending() }
func (c *call) vrf() int   { return c.pending() }
