package ipcmd

import (
	"github.com/rulewalk/rulewalk/iproute2"
	"github.com/rulewalk/rulewalk/rpdb"
)

// The functions below read a value after a keyword. Where it is wrong they end the
// tool with the message that the caller gives.

func (c *call) u32(msg string) uint32 {
	v, ok := parseUnsigned(c.value(), 0)
	if !ok {
		c.invarg(msg, c.word())
	}
	return v
}

func (c *call) tos(msg string) uint8 {
	v, ok := c.Names.DSFieldID(c.value())
	if !ok {
		c.invarg(msg, c.word())
	}
	return v
}

func (c *call) realms(msg string) uint32 {
	v, ok := c.Names.RealmsID(c.value())
	if !ok {
		c.invarg(msg, c.word())
	}
	return v
}

func (c *call) table(msg string) uint32 {
	v, ok := c.Names.TableID(c.value())
	if !ok {
		c.invarg(msg, c.word())
	}
	return v
}

func (c *call) protocol(msg string) uint8 {
	v, ok := c.Names.ProtoID(c.value())
	if !ok {
		c.invarg(msg, c.word())
	}
	return v
}

func (c *call) ipProto() uint8 {
	v, ok := c.Names.IPProtoID(c.value())
	if !ok {
		c.invarg("Invalid \"ipproto\" value\n", c.word())
	}
	return v
}

// vrfTableArg reads the name of a VRF and returns its table.
func (c *call) vrfTableArg() uint32 {
	t := c.vrfTable(c.value())
	if t == 0 {
		c.invarg("Invalid VRF\n", c.word())
	}
	return t
}

// familyWord passes a family that stands before an address, and returns it; without
// one the family given (read_family).
func (c *call) familyWord(otherwise uint8) uint8 {
	if f, ok := families[c.word()]; ok {
		c.value()
		return f
	}
	return otherwise
}

// routeType reads a route type (rtnl_rtntype_a2n).
func routeType(s string) (rpdb.RouteType, bool) { return iproute2.ParseRouteType(s) }
