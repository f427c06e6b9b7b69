package ipcmd

import (
	"encoding/binary"
	"math"
	"strings"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/iproute2"
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

const opDumpStats = 1 // NHA_OP_FLAG_DUMP_STATS

// Bytes of struct nhmsg.
const (
	nhmFamily   = 0
	nhmProtocol = 2
	nhmFlags    = 4
	nhmLen      = 8
)

// nexthop is the object nexthop (do_ipnh).
func (c *call) nexthop() int {
	change := func(typ netlink.HeaderType, flags netlink.HeaderFlags) func(*call) int {
		return func(c *call) int { return c.nexthopModify(typ, flags) }
	}
	return c.choose("nexthop", (*call).nexthopList, []verb{
		{"add", false, change(rtnl.RTMNewNextHop, rtnl.FlagsAdd)},
		{"replace", false, change(rtnl.RTMNewNextHop, rtnl.FlagsReplace)},
		{"delete", false, change(rtnl.RTMDelNextHop, 0)},
		{"list", false, (*call).nexthopList},
		{"show", false, (*call).nexthopList},
		{"lst", false, (*call).nexthopList},
		{"get", false, (*call).nexthopGet},
		{"flush", false, (*call).nexthopFlush},
		{"bucket", false, (*call).bucket},
		{"help", false, func(c *call) int { c.usage(usageNexthop); return 0 }},
	})
}

func (c *call) nexthopModify(typ netlink.HeaderType, flags netlink.HeaderFlags) int {
	r := request{typ: typ, flags: flags, body: make([]byte, nhmLen)}
	r.body[nhmFamily] = c.family
	for ; c.more(); c.advance() {
		if w := c.word(); !c.hopWord(&r, w) && !c.groupWord(&r, w) {
			switch {
			case is(w, "protocol"):
				r.body[nhmProtocol] = c.protocol("\"protocol\" value is invalid\n")
			case w == "help":
				c.usage(usageNexthop)
			default:
				c.invarg("", w)
			}
		}
	}
	return c.exec(&r, c.showNexthop)
}

// hopWord reads a word of a single nexthop.
func (c *call) hopWord(r *request, w string) bool {
	bind := func(f uint8) {
		if r.body[nhmFamily] == afUnspec {
			r.body[nhmFamily] = f
		}
	}
	switch w {
	case "id":
		r.u32(nla.NHAID, c.u32("invalid id value"))
	case "dev":
		r.u32(nla.NHAOIF, uint32(c.masterArg(c.value())))
		bind(afInet)
	case "via":
		c.value()
		family := c.familyWord(r.body[nhmFamily])
		p := c.getAddr(c.word(), family)
		bind(p.family)
		if r.body[nhmFamily] != p.family {
			c.invarg("address family mismatch\n", c.word())
		}
		r.attr(nla.NHAGateway, p.data)
	case "encap":
		c.encap(r, nla.NHAEncap, nla.NHAEncapType)
	case "blackhole":
		r.attr(nla.NHABlackhole, nil)
		bind(afInet)
	case "fdb":
		r.attr(nla.NHAFDB, nil)
	case "onlink":
		binary.NativeEndian.PutUint32(r.body[nhmFlags:], rpdb.NHOnlink)
	default:
		return false
	}
	return true
}

// groupWord reads a word of a group.
func (c *call) groupWord(r *request, w string) bool {
	switch {
	case w == "group":
		c.group(r)
	case w == "type":
		c.groupType(r)
	case w == "hw_stats" && c.Version >= Version7:
		c.hwStats(r)
	default:
		return false
	}
	return true
}

func (c *call) hwStats(r *request) {
	switch w := c.value(); w {
	case "on":
		r.u32(nla.NHAHWStatsEnable, 1)
	case "off":
		r.u32(nla.NHAHWStatsEnable, 0)
	default:
		c.errorf("Error: argument of \"hw_stats\" must be one of \"off\", \"on\", not \"%s\"\n", w)
		panic(exit(255))
	}
}

// group reads ID[,WEIGHT]/ID[,WEIGHT]... (add_nh_group_attr).
func (c *call) group(r *request) {
	word := c.value()
	most := uint32(math.MaxUint16 + 1)
	if c.Version < Version7 {
		most = 256
	}
	var members []byte
	for _, m := range strings.Split(word, "/") {
		id, weight, weighted := strings.Cut(m, ",")
		v, ok := parseUnsigned(id, 0)
		if !ok {
			c.invarg("\"group\" value is invalid\n", firstOf(word))
		}
		w := uint32(1)
		if weighted {
			if w, ok = parseUnsigned(weight, 0); !ok || w == 0 || w > most {
				c.invarg("\"weight\" is invalid\n", weight)
			}
		}
		members = binary.NativeEndian.AppendUint32(members, v)
		members = append(members, byte(w-1), byte((w-1)>>8), 0, 0)
	}
	r.attr(nla.NHAGroup, members)
}

// firstOf returns the beginning of the word of a group, which is what iproute2 leaves
// of it for its message.
func firstOf(word string) string {
	if i := strings.IndexAny(word, "/,"); i >= 0 {
		return word[:i]
	}
	return word
}

// groupType reads mpath, or resilient and its arguments (parse_nh_group_type).
func (c *call) groupType(r *request) {
	const mpath, resilient = 0, 1
	switch w := c.value(); w {
	case "mpath":
		r.u16(nla.NHAGroupType, mpath)
	case "resilient":
		if _, more := c.peek(); more {
			r.nest(nla.NHAResGroup|nested, func() { c.resilient(r) })
		}
		r.u16(nla.NHAGroupType, resilient)
	default:
		c.invarg("\"type\" value is invalid\n", w)
	}
}

func (c *call) resilient(r *request) {
	timer := func(typ uint16, msg string) {
		v, ok := parseUnsigned(c.value(), 0)
		if !ok || v >= math.MaxUint32/100 {
			c.invarg(msg, c.word())
		}
		r.u32(typ, v*100)
	}
	for {
		switch w, _ := c.peek(); w {
		case "buckets":
			c.advance()
			v, ok := parseU16(c.value(), 0)
			if !ok {
				c.invarg("invalid buckets value", c.word())
			}
			r.u16(nla.NHAResGroupBuckets, v)
		case "idle_timer":
			c.advance()
			timer(nla.NHAResGroupIdleTimer, "invalid idle timer value")
		case "unbalanced_timer":
			c.advance()
			timer(nla.NHAResGroupUnbalancedTimer, "invalid unbalanced timer value")
		default:
			return
		}
	}
}

// showNexthop prints the object of a notification.
func (c *call) showNexthop(m netlink.Message) {
	h, err := rtnl.ParseNextHop(m)
	if err != nil {
		return
	}
	gone := m.Header.Type == rtnl.RTMDelNextHop
	if c.opt.json {
		c.echoObject(deletedObject(gone, iproute2.NextHopJSON(&h, c.printOptions())))
		return
	}
	if gone {
		c.print("Deleted ")
	}
	c.print(iproute2.FormatNextHop(&h, c.printOptions()) + "\n")
}

// getHop asks for the object of an id.
func (c *call) getHop(conn Conn, family uint8, id uint32) (*rpdb.NextHopObject, error) {
	r := request{typ: rtnl.RTMGetNextHop, body: make([]byte, nhmLen)}
	r.body[nhmFamily] = family
	r.u32(nla.NHAID, id)
	c.wantStats(&r)
	for m, err := range conn.Do(r.message()) {
		if err != nil {
			return nil, err
		}
		h, err := rtnl.ParseNextHop(m)
		return &h, err
	}
	return nil, nil
}

// wantStats asks for the counters of groups, which ip -s shows since 6.10.
func (c *call) wantStats(r *request) {
	if c.opt.stats > 0 && c.Version >= Version7 {
		r.u32(nla.NHAOpFlags, opDumpStats)
	}
}

// askHop returns the nexthop object of a route for -d, nil if there is none.
func (c *call) askHop(id uint32) *rpdb.NextHopObject {
	if c.side == nil {
		c.side = c.dial()
	}
	h, err := c.getHop(c.side, afUnspec, id)
	if err != nil {
		return nil
	}
	return h
}

// getID prints the object of an id (ipnh_get_id).
func (c *call) getID(id uint32) int {
	h, err := c.getHop(c.connect(), c.family, id)
	switch {
	case err != nil:
		return c.refused(err)
	case h == nil:
	case c.opt.json:
		c.list([]iproute2.Object{iproute2.NextHopJSON(h, c.printOptions())})
	default:
		c.print(iproute2.FormatNextHop(h, c.printOptions()) + "\n")
	}
	return 0
}

func (c *call) nexthopGet() int {
	var id uint32
	for ; c.more(); c.advance() {
		if c.word() != "id" {
			c.usage(usageNexthop)
		}
		id = c.u32("invalid id value")
	}
	if id == 0 {
		c.usage(usageNexthop)
	}
	return c.getID(id)
}
