package ipcmd

import (
	"net/netip"
	"slices"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/iproute2"
	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

const usageMaddr = `Usage: ip maddr [ add | del ] MULTIADDR dev STRING
       ip maddr show [ dev STRING ]
`

const rtmGetMulticast netlink.HeaderType = 58

const ifaddrLen = 8 // struct ifaddrmsg

// maddr is the object maddress (do_multiaddr). The tool reads files below /proc/net;
// here the same is asked for with requests.
func (c *call) maddr() int {
	change := func(c *call) int {
		c.errorf("ip maddr: link layer groups can be listed here, not changed\n")
		return 255
	}
	return c.choose("maddr", (*call).maddrList, []verb{
		{"add", false, change},
		{"delete", false, change},
		{"show", false, (*call).maddrList},
		{"list", false, (*call).maddrList},
		{"lst", false, (*call).maddrList},
		{"help", false, func(c *call) int { c.usage(usageMaddr); return 0 }},
	})
}

// maddrGroup is a multicast address of a device, of the link layer if addr is not valid.
type maddrGroup struct {
	dev  int
	mac  []byte
	addr netip.Addr
}

// maddrList lists the groups, device by device (multiaddr_list).
func (c *call) maddrList() int {
	dev := 0
	for seen := false; c.more(); c.advance() {
		if c.word() == "dev" {
			c.value()
		} else if is(c.word(), "help") {
			c.usage(usageMaddr)
		}
		if seen {
			c.duparg2("dev", c.word())
		}
		seen = true
		if dev = c.device(c.word()); dev == 0 {
			dev = -1 // none
		}
	}
	groups := slices.DeleteFunc(c.maddrGroups(), func(g maddrGroup) bool { return dev != 0 && g.dev != dev })
	slices.SortStableFunc(groups, func(a, b maddrGroup) int { return a.dev - b.dev })
	list := []iproute2.Object{}
	for len(groups) > 0 {
		n := 1
		for n < len(groups) && groups[n].dev == groups[0].dev {
			n++
		}
		c.showMaddrs(groups[:n], &list)
		groups = groups[n:]
	}
	if c.opt.json {
		c.list(list)
	}
	return 0
}

// maddrGroups asks for the groups of all devices: link layer, IPv4, IPv6.
func (c *call) maddrGroups() (groups []maddrGroup) {
	none := func(*rtnl.Error) bool { return true }
	if c.family == afUnspec || c.family == afPacket {
		r := request{typ: rtnl.RTMGetNeigh, body: make([]byte, ndmLen)}
		r.body[ndmFamily] = afBridge
		c.dump(&r, none, func(m netlink.Message) {
			k := iproute2.ParseAttrs(m.Data[ndmLen:])[nla.NDALLAddr]
			const ntfSelf = 2
			if m.Data[ndmFlags]&ntfSelf != 0 && len(k) == 6 && k[0]&1 != 0 {
				groups = append(groups, maddrGroup{dev: messageIndex(m), mac: slices.Clone(k)})
			}
		})
	}
	for _, f := range []uint8{afInet, afInet6} {
		if c.family != afUnspec && c.family != f {
			continue
		}
		r := request{typ: rtmGetMulticast, body: make([]byte, ifaddrLen)}
		r.body[0] = f
		c.dump(&r, none, func(m netlink.Message) {
			if a, ok := netip.AddrFromSlice(iproute2.ParseAttrs(m.Data[ifaddrLen:])[nla.IFAMulticast]); ok {
				groups = append(groups, maddrGroup{dev: messageIndex(m), addr: a})
			}
		})
	}
	return groups
}

// showMaddrs prints the groups of one device (print_mlist).
func (c *call) showMaddrs(groups []maddrGroup, list *[]iproute2.Object) {
	name, _ := c.links.LinkName(groups[0].dev)
	r := c.record()
	head := func() {
		r.Add("ifindex", "%d:", groups[0].dev)
		r.Add("ifname", "\t%s", name)
		r.Newline()
	}
	if !c.opt.oneline || c.opt.json {
		head()
	}
	for _, g := range groups {
		if c.opt.oneline && !c.opt.json {
			head()
		}
		r.Element()
		g.print(r)
		r.End()
	}
	r.Elements("maddr")
	c.emit(r, list)
}

func (g *maddrGroup) print(r *iproute2.Record) {
	switch {
	case !g.addr.IsValid():
		r.Add("link", "\tlink  %s\n", iproute2.FormatLLAddr(g.mac))
	case g.addr.Is4():
		r.Add("family", "\t%-5s ", "inet")
		r.Add("address", "%s\n", g.addr.String())
	default:
		r.Add("family", "\t%-5s ", "inet6")
		r.Add("address", "%s\n", g.addr.String())
	}
}
