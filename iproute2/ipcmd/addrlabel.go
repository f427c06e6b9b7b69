package ipcmd

import (
	"encoding/binary"
	"math"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/iproute2"
	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// Attributes of an address label (IFAL_*), and bytes of struct ifaddrlblmsg.
const (
	ifalFamily    = 0
	ifalPrefixLen = 2
	ifalIndex     = 4
	ifalLen       = 12
)

// addrLabel is the object addrlabel (do_ipaddrlabel).
func (c *call) addrLabel() int {
	return c.choose("addrlabel", (*call).labelList, []verb{
		{"list", false, (*call).labelList},
		{"show", false, (*call).labelList},
		{"add", false, func(c *call) int { return c.labelModify(rtnl.RTMNewAddrLabel, rtnl.FlagsAdd) }},
		{"delete", false, func(c *call) int { return c.labelModify(rtnl.RTMDelAddrLabel, 0) }},
		{"flush", false, (*call).labelFlush},
		{"help", false, func(c *call) int { c.usage(usageAddrLabel); return 0 }},
	})
}

// labelModify adds or deletes a label; words that it does not know are passed over
// (ipaddrlabel_modify).
func (c *call) labelModify(typ netlink.HeaderType, flags netlink.HeaderFlags) int {
	r := request{typ: typ, flags: flags, body: make([]byte, ifalLen)}
	r.body[ifalFamily] = c.family
	label := uint32(math.MaxUint32)
	var p prefix
	prefixOK := false
	for ; c.more(); c.advance() {
		switch c.word() {
		case "prefix":
			p, prefixOK = c.getPrefix(c.value(), c.family), true
		case "dev":
			i := c.device(c.value())
			if i == 0 {
				c.invarg("dev is invalid\n", c.word())
			}
			binary.NativeEndian.PutUint32(r.body[ifalIndex:], uint32(i))
		case "label":
			if label = c.u32("label is invalid\n"); label == math.MaxUint32 {
				c.invarg("label is invalid\n", c.word())
			}
		}
	}
	if !prefixOK {
		c.errorf("Not enough information: \"prefix\" argument is required.\n")
		return 1
	}
	if label == math.MaxUint32 {
		c.errorf("Not enough information: \"label\" argument is required.\n")
		return 1
	}
	r.u32(nla.IFALLabel, label)
	r.attr(nla.IFALAddress, p.data)
	r.body[ifalPrefixLen] = byte(p.bits)
	if r.body[ifalFamily] == afUnspec {
		r.body[ifalFamily] = afInet6
	}
	return c.exec(&r, nil)
}

func (c *call) labelDump() *request {
	r := &request{typ: rtnl.RTMGetAddrLabel, flags: netlink.Dump, body: make([]byte, ifalLen)}
	if r.body[ifalFamily] = c.family; c.family == afUnspec {
		r.body[ifalFamily] = afInet6
	}
	return r
}

func (c *call) labelList() int {
	if c.more() {
		c.errorf("\"ip addrlabel show\" does not take any arguments.\n")
		return 1
	}
	o := c.printOptions()
	list := []iproute2.Object{}
	answers, err := c.ask(c.labelDump())
	for _, m := range answers {
		l, err := rtnl.ParseAddrLabel(m)
		switch {
		case err != nil:
		case c.opt.json:
			list = append(list, iproute2.AddrLabelJSON(&l, o))
		default:
			c.print(iproute2.FormatAddrLabel(&l, o) + "\n")
		}
	}
	if err != nil {
		c.refused(err)
		c.errorf("Dump terminated\n")
		c.cutShort(list)
		return 255
	}
	if c.opt.json {
		c.list(list)
	}
	return 0
}

// labelFlush deletes all labels (ipaddrlabel_flush).
func (c *call) labelFlush() int {
	if c.more() {
		c.errorf("\"ip addrlabel flush\" does not allow extra arguments\n")
		return 1
	}
	answers, err := c.ask(c.labelDump())
	if err != nil {
		c.refused(err)
		c.errorf("Flush terminated\n")
		return 1
	}
	for _, m := range answers {
		if l, err := rtnl.ParseAddrLabel(m); err != nil || !l.Prefix.IsValid() {
			continue
		}
		del := request{typ: rtnl.RTMDelAddrLabel, flags: netlink.Acknowledge, body: m.Data}
		if _, err := c.ask(&del); err != nil {
			c.refused(err)
			c.errorf("Flush terminated\n")
			return 1
		}
	}
	return 0
}
