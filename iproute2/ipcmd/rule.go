package ipcmd

func (c *call) rule() int    { return c.pending() }
func (c *call) route() int   { return c.pending() }
func (c *call) nexthop() int { return c.pending() }
