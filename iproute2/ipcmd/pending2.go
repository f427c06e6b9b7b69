package ipcmd

import "github.com/rulewalk/rulewalk/rpdb"

func (c *call) nexthop() int                         { return c.pending() }
func (c *call) askHop(id uint32) *rpdb.NextHopObject { return nil }
