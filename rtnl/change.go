package rtnl

import (
	"encoding/binary"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
)

// ParseChange reads a notification of a changed rule, route or neighbour. What comes
// of those of links, addresses, nexthop objects and settings is not in them: they are
// an OtherChange.
func ParseChange(m netlink.Message) (c rpdb.Change, err error) {
	switch m.Header.Type {
	case RTMNewRoute, RTMDelRoute:
		if !routed(m.Data) || len(m.Data) >= routeHeaderLen && binary.NativeEndian.Uint32(m.Data[8:])&rpdb.FlagCloned != 0 {
			return rpdb.Change{Kind: rpdb.NoChange}, nil
		}
		r, err := ParseRoute(m)
		c = rpdb.Change{Kind: rpdb.RemoveRoute, Route: &r}
		if m.Header.Type == RTMNewRoute {
			c.Kind, c.Where = rpdb.AddRoute, insertion(m.Header.Flags)
		}
		return c, err
	case RTMNewRule, RTMDelRule:
		if !routed(m.Data) {
			return rpdb.Change{Kind: rpdb.NoChange}, nil
		}
		r, err := ParseRule(m)
		c = rpdb.Change{Kind: rpdb.RemoveRule, Rule: &r}
		if m.Header.Type == RTMNewRule {
			c.Kind = rpdb.AddRule
		}
		return c, err
	case RTMNewNeigh, RTMDelNeigh:
		if !routed(m.Data) {
			return rpdb.Change{Kind: rpdb.NoChange}, nil
		}
		n, err := ParseNeigh(m)
		c = rpdb.Change{Kind: rpdb.RemoveNeigh, Neigh: &n}
		if m.Header.Type == RTMNewNeigh {
			c.Kind = rpdb.SetNeigh
		}
		return c, err
	}
	return c, nil
}

// routed reports whether a message is of a family that this model knows; others, as
// multicast routing or bridging, share the groups.
func routed(body []byte) bool {
	return len(body) == 0 || body[0] == byte(rpdb.IPv4) || body[0] == byte(rpdb.IPv6)
}

// insertion is where a route was put, as the flags of its notification tell.
func insertion(flags netlink.HeaderFlags) rpdb.Insertion {
	switch {
	case flags&netlink.Replace != 0:
		return rpdb.Replace
	case flags&netlink.Append != 0:
		return rpdb.Append
	}
	return rpdb.Prepend
}
