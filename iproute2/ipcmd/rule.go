package ipcmd

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/iproute2"
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

const fraMapTo = 5 // not read by any kernel of today

// rule is the object rule (do_iprule).
func (c *call) rule() int {
	return c.choose("rule", (*call).ruleList, []verb{
		{"list", false, (*call).ruleList},
		{"lst", false, (*call).ruleList},
		{"show", false, (*call).ruleList},
		{"save", false, (*call).ruleSave},
		{"restore", false, (*call).ruleRestore},
		{"add", false, (*call).ruleAdd},
		{"delete", false, (*call).ruleDelete},
		{"flush", false, (*call).ruleFlush},
		{"help", false, func(c *call) int { c.usage(usageRule); return 0 }},
	})
}

// ruleRequest is a rule under construction (iprule_modify).
type ruleRequest struct {
	*call
	request
	table           uint32
	tableOK, l3mdev bool
}

// Bytes of struct fib_rule_hdr.
const (
	frhFamily = 0
	frhDstLen = 1
	frhSrcLen = 2
	frhTOS    = 3
	frhTable  = 4
	frhAction = 7
	frhFlags  = 8
)

func (c *call) ruleAdd() int {
	if !c.more() {
		c.errorf("\"ip rule add\" requires arguments.\n")
		return 1
	}
	r := ruleRequest{call: c, request: request{typ: rtnl.RTMNewRule, flags: rtnl.FlagsAdd, body: make([]byte, 12)}}
	r.body[frhAction] = byte(rpdb.ActTable)
	return r.send()
}

func (c *call) ruleDelete() int {
	if !c.more() {
		c.errorf("\"ip rule del\" requires arguments.\n")
		return 1
	}
	r := ruleRequest{call: c, request: request{typ: rtnl.RTMDelRule, body: make([]byte, 12)}}
	return r.send()
}

func (r *ruleRequest) send() int {
	r.body[frhFamily] = r.family
	for ; r.more(); r.advance() {
		if w := r.word(); !r.address(w) && !r.selector(w) && !r.packet(w) {
			r.action(w)
		}
	}
	if r.l3mdev && r.table != 0 {
		r.errorf("table can not be specified for l3mdev rules\n")
		return 22
	}
	if r.body[frhFamily] == afUnspec {
		r.body[frhFamily] = afInet
	}
	if !r.tableOK && r.typ == rtnl.RTMNewRule {
		r.body[frhTable] = byte(rpdb.TableMain)
	}
	return r.exec(&r.request, r.showRule)
}

// address reads from and to.
func (r *ruleRequest) address(w string) bool {
	typ, length := uint16(nla.FRASrc), frhSrcLen
	switch w {
	case "from":
	case "to":
		typ, length = nla.FRADst, frhDstLen
	default:
		return false
	}
	p := r.getPrefix(r.value(), r.body[frhFamily])
	r.body[length] = byte(p.bits)
	r.attr(typ, p.data)
	return true
}

func (r *ruleRequest) selector(w string) bool {
	switch {
	case w == "not":
		r.body[frhFlags] |= byte(rpdb.RuleInvert)
	case is(w, "preference", "order", "priority"):
		r.request.u32(nla.FRAPriority, r.call.u32("preference value is invalid\n"))
	case w == "tos" || is(w, "dsfield"):
		r.body[frhTOS] = r.tos("TOS value is invalid\n")
	case w == "fwmark":
		r.masked(nla.FRAFWMark, nla.FRAFWMask)
	case is(w, "realms"):
		r.request.u32(nla.FRAFlow, r.call.realms("invalid realms\n"))
	case is(w, "protocol"):
		r.request.u8(nla.FRAProtocol, r.call.protocol("\"protocol\" value is invalid\n"))
	case is(w, "tun_id"):
		v, ok := strtoul(r.value(), 0)
		if !ok {
			r.invarg("\"tun_id\" value is invalid\n", r.word())
		}
		r.be64(nla.FRATunID, v)
	case is(w, "table") || w == "lookup":
		r.tableArg()
	case is(w, "suppress_prefixlength") || w == "sup_pl":
		v, ok := parseInteger(r.value(), 0)
		if !ok || v < 0 {
			r.invarg("suppress_prefixlength value is invalid\n", r.word())
		}
		r.request.u32(nla.FRASuppressPrefixLen, uint32(v))
	case is(w, "suppress_ifgroup") || w == "sup_group":
		v, ok := r.Names.GroupID(r.value())
		if !ok {
			r.invarg("Invalid \"suppress_ifgroup\" value\n", r.word())
		}
		r.request.u32(nla.FRASuppressIfGroup, v)
	default:
		return false
	}
	return true
}

// masked reads MARK[/MASK].
func (r *ruleRequest) masked(mark, mask uint16) {
	word, m, hasMask := strings.Cut(r.value(), "/")
	v, ok := parseUnsigned(word, 0)
	if !ok {
		r.invarg("fwmark value is invalid\n", word)
	}
	r.request.u32(mark, v)
	if !hasMask {
		return
	}
	if v, ok = parseUnsigned(m, 0); !ok {
		r.invarg("fwmask value is invalid\n", m)
	}
	r.request.u32(mask, v)
}

func (r *ruleRequest) tableArg() {
	r.table = r.call.table("invalid table ID\n")
	r.tableOK = true
	if r.table < 256 {
		r.body[frhTable] = byte(r.table)
		return
	}
	r.body[frhTable] = 0
	r.request.u32(nla.FRATable, r.table)
}

// packet reads selectors of the packet's devices, owner and ports.
func (r *ruleRequest) packet(w string) bool {
	switch {
	case w == "dev" || w == "iif":
		r.ifname(nla.FRAIIFName, "\"iif\"/\"dev\" not a valid ifname")
	case w == "oif":
		r.ifname(nla.FRAOIFName, "\"oif\" not a valid ifname")
	case w == "l3mdev":
		r.request.u8(nla.FRAL3MDev, 1)
		r.tableOK, r.l3mdev = true, true
	case w == "uidrange":
		u := r.uidRange()
		r.attr(nla.FRAUIDRange, binary.NativeEndian.AppendUint32(binary.NativeEndian.AppendUint32(nil, u.Start), u.End))
	case is(w, "nat") || is(w, "map-to"):
		v := r.value()
		r.errorf("Warning: route NAT is deprecated\n")
		r.attr(fraMapTo, r.getAddr32(v))
		r.body[frhAction] = byte(rpdb.NAT)
	case w == "ipproto":
		r.request.u8(nla.FRAIPProto, r.ipProto())
	case w == "sport":
		r.portArg(nla.FRASPortRange, nla.FRASPortMask, "sport")
	case w == "dport":
		r.portArg(nla.FRADPortRange, nla.FRADPortMask, "dport")
	case w == "dscp" && r.Version >= Version7:
		r.dscpArg()
	case w == "flowlabel" && r.Version >= Version7:
		r.flowLabelArg()
	default:
		return false
	}
	return true
}

func (r *ruleRequest) ifname(typ uint16, msg string) {
	if !validName(r.value(), false) {
		r.invarg(msg, r.word())
	}
	r.str(typ, r.word())
}

// uidRange reads A-B; what follows is ignored, as sscanf does.
func (c *call) uidRange() (u rpdb.UIDRange) {
	if n, _ := fmt.Sscanf(c.value(), "%d-%d", &u.Start, &u.End); n != 2 {
		c.invarg("invalid UID range\n", c.word())
	}
	return u
}

func (r *ruleRequest) portArg(typ, maskTyp uint16, key string) {
	p := r.ports(key)
	r.attr(typ, binary.NativeEndian.AppendUint16(binary.NativeEndian.AppendUint16(nil, p.Start), p.End))
	if p.Mask != 0 {
		r.request.u16(maskTyp, p.Mask)
	}
}

// ports reads N, N-M or, since 6.15, N/MASK.
func (c *call) ports(key string) (p rpdb.PortRange) {
	w := c.value()
	if c.Version < Version7 {
		n := scanPorts(w, &p)
		if n == 0 {
			c.invarg("invalid port range\n", w)
		}
		return p
	}
	port := func(s, msg string) uint16 {
		v, ok := parseU16(s, 0)
		if !ok {
			c.invarg(msg, s)
		}
		return v
	}
	if from, to, ok := strings.Cut(w, "-"); ok {
		p.Start, p.End = port(from, "invalid port range start"), port(to, "invalid port range end")
		return p
	}
	from, mask, masked := strings.Cut(w, "/")
	p.Start = port(from, "invalid port")
	p.End = p.Start
	if masked {
		if v, ok := parseU16(mask, 16); ok {
			p.Mask = v
		} else {
			c.invarg("invalid mask", mask)
		}
	}
	return p
}

// scanPorts reads as sscanf does with %hu-%hu: numbers wrap at 16 bits, and what
// follows is ignored.
func scanPorts(s string, p *rpdb.PortRange) int {
	var a, b uint64
	n, _ := fmt.Sscanf(s, "%d-%d", &a, &b)
	p.Start, p.End = uint16(a), uint16(b)
	if n == 1 {
		p.End = p.Start
	}
	return n
}

func (r *ruleRequest) dscpArg() {
	word, m, masked := strings.Cut(r.value(), "/")
	v, ok := r.Names.DSCPID(word)
	if !ok {
		r.invarg("invalid dscp\n", word)
	}
	r.request.u8(nla.FRADSCP, v)
	if !masked {
		return
	}
	if v, ok = parseU8(m, 0); !ok {
		r.invarg("invalid dscp mask\n", m)
	}
	r.request.u8(nla.FRADSCPMask, v)
}

func (r *ruleRequest) flowLabelArg() {
	word, m, masked := strings.Cut(r.value(), "/")
	v, ok := parseUnsigned(word, 0)
	if !ok {
		r.invarg("invalid flowlabel\n", word)
	}
	mask := uint32(0xfffff)
	r.be32(nla.FRAFlowLabel, v)
	if masked {
		if mask, ok = parseUnsigned(m, 0); !ok {
			r.invarg("invalid flowlabel mask\n", m)
		}
	}
	r.be32(nla.FRAFlowLabelMask, mask)
}

// action reads [type] goto N, nop, or a route type.
func (r *ruleRequest) action(w string) {
	if w == "type" {
		w = r.value()
	}
	var act uint8
	switch {
	case matches(w, "help"):
		r.usage(usageRule)
	case matches(w, "goto"):
		act = byte(rpdb.ActGoto)
		r.request.u32(nla.FRAGoto, r.call.u32("invalid target\n"))
	case matches(w, "nop"):
		act = byte(rpdb.ActNop)
	default:
		t, ok := routeType(w)
		if !ok {
			r.invarg("Failed to parse rule type", w)
		}
		act = byte(t)
	}
	r.body[frhAction] = act
	r.tableOK = true
}

// showRule prints the rule of a notification.
func (c *call) showRule(m netlink.Message) {
	rule, err := rtnl.ParseRule(m)
	if err != nil {
		return
	}
	gone := m.Header.Type == rtnl.RTMDelRule
	if c.opt.json {
		c.echoObject(deletedObject(gone, iproute2.RuleJSON(&rule, c.printOptions())))
		return
	}
	if gone {
		c.print("Deleted ")
	}
	c.print(iproute2.FormatRule(&rule, c.printOptions()) + "\n")
}

// echoObject writes the object of an echo, which iproute2 puts into one more object.
func (s *session) echoObject(o iproute2.Object) {
	var b strings.Builder
	_ = iproute2.WriteJSON(&b, []iproute2.Object{o}, s.opt.pretty)
	inner := strings.TrimSuffix(strings.TrimPrefix(b.String(), "["), "]\n")
	s.printf("[{%s}]\n", inner)
}

// deletedObject marks an object of a notification that says that it is gone.
func deletedObject(gone bool, o iproute2.Object) iproute2.Object {
	if gone {
		return append(iproute2.Object{{Key: "deleted", Value: true}}, o...)
	}
	return o
}
