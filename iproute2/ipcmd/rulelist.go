package ipcmd

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"
	"strings"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/iproute2"
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// ruleFilter is what ip rule show and flush select.
type ruleFilter struct {
	family uint8 // that was asked for; afUnspec: any

	pref, tos, protocol rpdb.Opt[uint32]
	not, l3mdev         bool
	mark, mask, table   uint32
	iif, oif            rpdb.Opt[string]
	uid                 rpdb.Opt[rpdb.UIDRange]
	ipProto             uint8
	sport, dport        rpdb.PortRange
	tunID               uint64
	dscp                rpdb.Opt[rpdb.DSCP]
	label               rpdb.Opt[[2]uint32]
	src, dst            prefix
}

// ruleSelectors reads the selectors of show and flush (iprule_list_flush_or_save).
func (c *call) ruleSelectors() *ruleFilter {
	f := &ruleFilter{family: c.family}
	af := c.family
	if af == afUnspec {
		af = afInet
	}
	for ; c.more(); c.advance() {
		if w := c.word(); !c.ruleSelector(f, w) && !c.ruleSelectorRest(f, w, af) {
			if is(w, "dst", "to") {
				c.value()
			}
			f.dst = c.getPrefix(c.word(), af)
		}
	}
	return f
}

func (c *call) ruleSelector(f *ruleFilter, w string) bool {
	switch {
	case is(w, "preference", "order", "priority"):
		f.pref = rpdb.Some(c.u32("preference value is invalid\n"))
	case w == "not":
		f.not = true
	case w == "tos" || w == "dsfield" && c.Version < Version7:
		f.tos = rpdb.Some(uint32(c.tos("TOS value is invalid\n")))
	case w == "dsfield":
		f.tos = rpdb.Some(uint32(c.tos("invalid dsfield\n")))
	case w == "fwmark":
		word, m, masked := strings.Cut(c.value(), "/")
		var ok bool
		if f.mark, ok = parseUnsigned(word, 0); !ok {
			c.invarg("fwmark value is invalid\n", word)
		}
		if masked {
			if f.mask, ok = parseUnsigned(m, 0); !ok {
				c.invarg("fwmask value is invalid\n", m)
			}
		}
	case w == "dev" || w == "iif":
		f.iif = rpdb.Some(c.filterName("\"iif\"/\"dev\" not a valid ifname"))
	case w == "oif":
		f.oif = rpdb.Some(c.filterName("\"oif\" not a valid ifname"))
	case w == "l3mdev":
		f.l3mdev = true
	case w == "uidrange":
		f.uid = rpdb.Some(c.uidRange())
	default:
		return false
	}
	return true
}

func (c *call) filterName(msg string) string {
	if !validName(c.value(), false) {
		c.invarg(msg, c.word())
	}
	return c.word()
}

func (c *call) ruleSelectorRest(f *ruleFilter, w string, af uint8) bool {
	switch {
	case is(w, "tun_id"):
		v, ok := strtoul(c.value(), 0)
		if !ok {
			c.invarg("\"tun_id\" value is invalid\n", c.word())
		}
		f.tunID = v
	case is(w, "lookup", "table"):
		f.table = c.table("table id value is invalid\n")
	case is(w, "from", "src"):
		f.src = c.getPrefix(c.value(), af)
	case is(w, "protocol"):
		v, ok := c.Names.ProtoID(c.value())
		if !ok && c.word() != "all" {
			c.invarg("invalid \"protocol\"\n", c.word())
		}
		f.protocol = rpdb.Opt[uint32]{V: uint32(v), Set: ok}
	case w == "ipproto":
		f.ipProto = c.ipProto()
	case w == "sport":
		f.sport = c.ports("sport")
	case w == "dport":
		f.dport = c.ports("dport")
	case w == "dscp" && c.Version >= Version7:
		f.dscp = rpdb.Some(c.dscpFilter())
	case w == "flowlabel" && c.Version >= Version7:
		f.label = rpdb.Some(c.labelFilter())
	default:
		return false
	}
	return true
}

func (c *call) dscpFilter() rpdb.DSCP {
	word, m, masked := strings.Cut(c.value(), "/")
	v, ok := c.Names.DSCPID(word)
	if !ok {
		c.invarg("invalid dscp\n", word)
	}
	d := rpdb.DSCP{Value: v, Mask: 0x3f}
	if masked {
		if d.Mask, ok = parseU8(m, 0); !ok {
			c.invarg("invalid dscp mask\n", m)
		}
	}
	return d
}

func (c *call) labelFilter() (l [2]uint32) {
	word, m, masked := strings.Cut(c.value(), "/")
	var ok bool
	if l[0], ok = parseUnsigned(word, 0); !ok {
		c.invarg("invalid flowlabel\n", word)
	}
	l[1] = 0xfffff
	if masked {
		if l[1], ok = parseUnsigned(m, 0); !ok {
			c.invarg("invalid flowlabel mask\n", m)
		}
	}
	return l
}

// matches tells whether a rule is one of those selected (filter_nlmsg). The
// protocol counts for flush only.
func (f *ruleFilter) matches(r *rpdb.Rule) bool {
	switch {
	case f.family != afUnspec && modelFamily(f.family) != r.Family,
		f.pref.Set && f.pref.V != r.Pref,
		f.not && !r.Invert(),
		!f.src.holds(r.Family, r.From),
		!f.dst.holds(r.Family, r.To),
		f.tos.Set && f.tos.V != uint32(r.TOS),
		f.mark != 0 && f.mark != r.Mark,
		f.mask != 0 && f.mask != r.MarkMask,
		f.iif.Set && f.iif.V != r.IIF,
		f.oif.Set && f.oif.V != r.OIF,
		f.l3mdev && !r.L3MDev,
		f.uid.Set && f.uid != r.UID:
		return false
	}
	return f.matchesRest(r)
}

func (f *ruleFilter) matchesRest(r *rpdb.Rule) bool {
	samePorts := func(f, p rpdb.PortRange) bool {
		return f.Start == 0 || f.Start == p.Start && f.End == p.End && (f.Mask == 0 || f.Mask == p.Mask)
	}
	switch {
	case f.ipProto != 0 && f.ipProto != r.IPProto,
		!samePorts(f.sport, r.SPort), !samePorts(f.dport, r.DPort),
		f.tunID != 0 && f.tunID != r.TunID,
		f.table != 0 && f.table != r.Table,
		f.dscp.Set && f.dscp != r.DSCP,
		f.label.Set && f.label.V != [2]uint32{r.FlowLabel, r.FlowLabelMask}:
		return false
	}
	return true
}

// holds tells whether a prefix, which is invalid for none, lies in that of a filter.
func (p *prefix) holds(f rpdb.Family, in netip.Prefix) bool {
	if p.family == afUnspec {
		return true
	}
	bits := 0
	var data []byte
	if in.IsValid() {
		bits, data = in.Bits(), in.Addr().AsSlice()
	}
	return modelFamily(p.family) == f && p.bits <= bits && p.contains(data, p.bits)
}

func (c *call) ruleDump(each func(netlink.Message, *rpdb.Rule)) int {
	af := c.family
	if af == afUnspec {
		af = afInet
	}
	r := request{typ: rtnl.RTMGetRule, body: make([]byte, 12)}
	r.body[frhFamily] = af
	if c.dump(&r, nil, func(m netlink.Message) {
		if rule, err := rtnl.ParseRule(m); err == nil {
			each(m, &rule)
		}
	}) != 0 {
		return 255
	}
	return 0
}

func (c *call) ruleList() int {
	f := c.ruleSelectors()
	o := c.printOptions()
	list := []iproute2.Object{}
	status := c.ruleDump(func(_ netlink.Message, r *rpdb.Rule) {
		switch {
		case !f.matches(r):
		case c.opt.json:
			list = append(list, iproute2.RuleJSON(r, o))
		default:
			c.print(iproute2.FormatRule(r, o) + "\n")
		}
	})
	switch {
	case status != 0:
		c.cutShort(list)
	case c.opt.json:
		c.list(list)
	}
	return status
}

// ruleFlush deletes every rule selected but those of preference 0.
func (c *call) ruleFlush() int {
	f := c.ruleSelectors()
	var doomed []request
	status := c.ruleDump(func(m netlink.Message, r *rpdb.Rule) {
		other := f.protocol.Set && f.protocol.V != uint32(r.Protocol)
		if f.matches(r) && !other && r.Pref != 0 {
			doomed = append(doomed, request{typ: rtnl.RTMDelRule, body: slices.Clone(m.Data)})
		}
	})
	for i := range doomed {
		doomed[i].flags = netlink.Acknowledge
		if _, err := c.ask(&doomed[i]); err != nil {
			return c.refused(err)
		}
	}
	return status
}

// Magic numbers of saved dumps.
const (
	magicRoute = 0x45311224
	magicRule  = 0x71706986
)

// saveHeader begins a binary dump, which a terminal does not get (save_*_prep).
func (c *call) saveHeader(magic uint32) bool {
	if c.Terminal {
		c.errorf("Not sending a binary stream to stdout\n")
		return false
	}
	_, _ = c.out.Write(binary.NativeEndian.AppendUint32(nil, magic))
	return true
}

func (c *call) ruleSave() int {
	if c.more() {
		c.errorf("\"ip rule save\" does not take any arguments.\n")
		return 1
	}
	if !c.saveHeader(magicRule) {
		return 1
	}
	f := &ruleFilter{}
	return c.ruleDump(func(m netlink.Message, r *rpdb.Rule) {
		if f.matches(r) {
			_, _ = c.out.Write(rtnl.AppendMessage(nil, m))
		}
	})
}

// ruleRestore adds the rules of a dump on the standard input (iprule_restore).
func (c *call) ruleRestore() int {
	dump, ok := c.readDump(magicRule)
	if !ok {
		return 255
	}
	for m, err := range rtnl.Messages(dump) {
		if err != nil {
			c.errorf("malformed message in the dump\n")
			return 255
		}
		if status := c.restore(m); status != 0 {
			return 255
		}
	}
	return 0
}

// restore adds what a saved message holds. That it exists already is no error.
func (c *call) restore(m netlink.Message) int {
	r := request{typ: m.Header.Type, flags: netlink.Create | netlink.Acknowledge, body: m.Data}
	_, err := c.ask(&r)
	var e *rtnl.Error
	switch {
	case err == nil:
		return 0
	case errors.As(err, &e) && e.Errno == rpdb.EEXIST:
		c.refused(err)
		return 0
	}
	return c.refused(err)
}
