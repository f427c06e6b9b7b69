package ipcmd

import (
	"encoding/binary"
	"strings"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/iproute2"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// Messages about properties and counters of devices.
const (
	rtmNewLinkProp netlink.HeaderType = 108
	rtmDelLinkProp netlink.HeaderType = 109
	rtmGetStats    netlink.HeaderType = 94

	statsAFSpec = 5 // IFLA_STATS_AF_SPEC
)

// linkProperty is ip link property: alternative names (iplink_prop).
func (c *call) linkProperty() int {
	switch w := c.word(); {
	case !c.more(), matches(w, "help"):
		c.usage(usageLink)
	case matches(w, "add"):
		c.advance()
		return c.changeProperty(rtmNewLinkProp, netlink.Excl|netlink.Create|netlink.Append)
	case matches(w, "del"):
		c.advance()
		return c.changeProperty(rtmDelLinkProp, 0)
	default:
		c.errorf("Operator required\n")
		panic(exit(255))
	}
	return 0
}

// changeProperty adds or deletes alternative names (iplink_prop_mod).
func (c *call) changeProperty(typ netlink.HeaderType, flags netlink.HeaderFlags) int {
	r := &request{typ: typ, flags: flags, body: make([]byte, linkHeaderLen)}
	r.body[0] = c.family
	dev := ""
	r.nest(nla.IFLAPropList|nested, func() {
		for ; c.more(); c.advance() {
			switch w := c.word(); {
			case matches(w, "help"):
				c.usage(usageLink)
			case w == "altname":
				name := c.value()
				if !validName(name, true) {
					c.invarg("not a valid altname", name)
				}
				r.str(nla.IFLAAltIfname, name)
			case w == "dev":
				if w = c.value(); dev != "" {
					c.duparg2("dev", w)
				}
				dev = w
			default:
				if dev != "" {
					c.duparg2("dev", w)
				}
				dev = w
			}
		}
	})
	if dev == "" {
		c.errorf("Not enough of information: \"dev\" argument is required.\n")
		panic(exit(255))
	}
	index := c.device(dev)
	if index == 0 {
		return c.nodev(dev)
	}
	binary.NativeEndian.PutUint32(r.body[4:], uint32(index))
	status := c.exec(r, nil)
	c.links.forget()
	return status
}

// linkAFStats is ip link afstats, which only MPLS has something for
// (iplink_afstats).
func (c *call) linkAFStats() int {
	dev := ""
	for ; c.more(); c.advance() {
		switch w := c.word(); {
		case w == "dev":
			if w = c.value(); dev != "" {
				c.duparg2("dev", w)
			}
			dev = w
		case matches(w, "help"):
			c.usage(usageLink)
		default:
			c.unknownCommand(w, "link")
		}
	}
	index := 0
	if dev != "" {
		if index = c.device(dev); index == 0 {
			c.errorf("Device \"%s\" does not exist.\n", dev)
			return 0
		}
	}
	r := &request{typ: rtmGetStats, body: make([]byte, 12)} // struct if_stats_msg
	binary.NativeEndian.PutUint32(r.body[8:], 1<<(statsAFSpec-1))
	c.dump(r, nil, func(m netlink.Message) {
		if len(m.Data) < 12 || index != 0 && messageIndex(m) != index {
			return
		}
		c.printAFStats(m)
	})
	return 0
}

func (c *call) printAFStats(m netlink.Message) {
	printed := false
	for typ := range iproute2.ParseAttrs(m.Data[12:]).Nest(statsAFSpec) {
		if c.family != afUnspec && typ != uint16(c.family) {
			continue
		}
		if !printed {
			name, _ := c.links.LinkName(messageIndex(m))
			c.printf("%d: %s\n", messageIndex(m), name)
			printed = true
		}
		c.printf("    unknown af(%d)\n", typ)
	}
}

// linkXStats is ip link xstats: counters of a kind, which is not modelled beyond its
// words.
func (c *call) linkXStats() int {
	if !c.more() {
		c.errorf("xstats: missing argument\n")
		return 1
	}
	w := c.word()
	switch {
	case matches(w, "type"):
		c.value()
	case matches(w, "help"):
		c.usage(usageLink)
	default:
		c.invarg("unknown argument", w)
	}
	kind := c.word()
	c.errorf("xstats: link type %s doesn't support xstats\n", strings.TrimSpace(kind))
	return 1
}
