package iproute2

import (
	"fmt"
	"net/netip"
	"strconv"

	"github.com/rulewalk/rulewalk/rpdb"
)

// Get is what the arguments of ip route get ask for.
type Get struct {
	Flow  rpdb.Flow
	Given rpdb.Fields // the fields of Flow that the arguments set

	FibMatch  bool // answer with the table entry
	Connected bool // ask again with the source that was chosen
	Notify    bool

	// VRF is the name after vrf; Flow.OIF is its device.
	VRF string

	// Warnings are remarks of ip that do not stop it.
	Warnings []string
}

// ParseGet reads the arguments of ip route get, in any order:
//
//	[to] DST [from A] [iif D] [oif D] [mark M] [tos T | dscp D] [uid U]
//	[ipproto P] [sport N] [dport N] [flowlabel F] [vrf V] [fibmatch] [connected]
//
// dscp is an addition of ours. Keywords may be shortened where iproute2 lets them
// be. The family f binds the addresses; Unspec takes that of the first one. A field
// that is not given is left zero; what ip and the kernel would put there (uid of
// the asker, UDP for IPv4) is the caller's to fill. links finds the devices.
//
// An *ArgError names the word that is wrong.
func ParseGet(words []string, f rpdb.Family, n *Names, links LinkNames) (*Get, error) {
	if n == nil {
		n = builtinNames
	}
	p := getParser{args: args{w: words, names: n, links: links}, f: f, g: &Get{}}
	for p.more() {
		p.word(p.next())
	}
	if p.err == nil && !p.g.Flow.Dst.IsValid() {
		p.fail("", "", "a destination address is needed")
	}
	return p.g, p.err
}

type getParser struct {
	args
	f rpdb.Family
	g *Get
}

func (p *getParser) word(w string) {
	fl := &p.g.Flow
	switch {
	case w == "tos" || w != "dscp" && matches(w, "dsfield"):
		fl.TOS = name(&p.args, "tos", "a tos byte in hex or a name of rt_dsfield", p.names.DSFieldID)
		p.given(rpdb.FieldTOS)
	case w == "dscp":
		fl.TOS = name(&p.args, "dscp", "a DSCP 0..63 or a name of rt_dsfield", p.names.DSCPID) << 2
		p.given(rpdb.FieldTOS)
	case matches(w, "from"):
		fl.Src = p.host("from")
	case matches(w, "iif"):
		fl.IIF = p.device("iif")
	case matches(w, "mark"):
		fl.Mark = p.number("mark", "a mark, decimal or 0x hex", 1<<32-1)
		p.given(rpdb.FieldMark)
	case matches(w, "oif") || w == "dev":
		fl.OIF = p.device("oif")
	case matches(w, "notify"):
		p.g.Notify = true
	case matches(w, "connected"):
		p.g.Connected = true
	case matches(w, "vrf"):
		p.vrf()
	case matches(w, "uid"):
		fl.UID = p.number("uid", "a user id", 1<<32-1)
		p.given(rpdb.FieldUID)
	case matches(w, "fibmatch"):
		p.g.FibMatch = true
	default:
		p.transportWord(w)
	}
}

func (p *getParser) transportWord(w string) {
	fl := &p.g.Flow
	const port = "a port 0..65535"
	switch {
	case matches(w, "sport"):
		fl.SPort = uint16(p.number("sport", port, 0xffff))
		p.given(rpdb.FieldSPort)
	case matches(w, "dport"):
		fl.DPort = uint16(p.number("dport", port, 0xffff))
		p.given(rpdb.FieldDPort)
	case matches(w, "ipproto"):
		fl.IPProto = name(&p.args, "ipproto", "an IP protocol, name or number", p.names.IPProtoID)
		p.given(rpdb.FieldIPProto)
	case w == "flowlabel":
		fl.FlowLabel = p.number("flowlabel", "a flow label 0..0xfffff", fullFlowLabel)
		p.given(rpdb.FieldFlowLabel)
	case w == "to":
		p.destination(p.value("to", "an address"))
	default:
		p.destination(w)
	}
}

func (p *getParser) given(f rpdb.Fields) { p.g.Given |= f }

func (p *getParser) vrf() {
	p.g.VRF = p.peek()
	p.g.Flow.OIF = p.device("vrf")
}

// host reads the address of a keyword; a prefix length is accepted and ignored.
func (p *getParser) host(key string) netip.Addr {
	pre, word := p.prefix(key, p.f)
	if word {
		return netip.Addr{}
	}
	if p.f == rpdb.Unspec {
		p.f = rpdb.FamilyOf(pre.Addr())
	}
	return pre.Addr()
}

func (p *getParser) destination(w string) {
	if p.err != nil {
		return
	}
	if p.g.Flow.Dst.IsValid() {
		p.fail("", w, "not a selector of route get, and the destination is given already")
		return
	}
	pre, word, ok := parsePrefix(w, p.f)
	switch {
	case !ok || word:
		p.fail("", w, "neither a selector of route get nor an "+familyWord(p.f)+"address")
		return
	case !pre.IsSingleIP():
		p.g.Warnings = append(p.g.Warnings, fmt.Sprintf(
			"/%d as prefix is invalid, only /%d (or none) is supported.", pre.Bits(), pre.Addr().BitLen()))
	}
	if p.f == rpdb.Unspec {
		p.f = rpdb.FamilyOf(pre.Addr())
	}
	p.g.Flow.Dst = pre.Addr()
}

// FormatGet prints a flow as the arguments of ip route get that ask for it. Zero
// fields are left out, except those in given.
func FormatGet(f *rpdb.Flow, given rpdb.Fields, o *Options) string {
	s := formatAddr(f.Dst)
	add := func(key, value string, show bool) {
		if show {
			s += " " + key + " " + value
		}
	}
	has := func(b rpdb.Fields) bool { return given&b != 0 }
	if f.Src.IsValid() && !f.Src.IsUnspecified() {
		add("from", formatAddr(f.Src), true)
	}
	add("iif", o.dev(f.IIF), f.IIF != 0)
	add("oif", o.dev(f.OIF), f.OIF != 0)
	add("mark", hexC(uint64(f.Mark)), f.Mark != 0 || has(rpdb.FieldMark))
	add("tos", "0x"+pad2(f.TOS), f.TOS != 0 || has(rpdb.FieldTOS))
	add("uid", utoa(f.UID), f.UID != 0 || has(rpdb.FieldUID))
	add("ipproto", formatGetProto(f.IPProto), f.IPProto != 0 || has(rpdb.FieldIPProto))
	add("sport", strconv.Itoa(int(f.SPort)), f.SPort != 0 || has(rpdb.FieldSPort))
	add("dport", strconv.Itoa(int(f.DPort)), f.DPort != 0 || has(rpdb.FieldDPort))
	add("flowlabel", hexC(uint64(f.FlowLabel)), f.FlowLabel != 0 || has(rpdb.FieldFlowLabel))
	return s
}

func formatGetProto(p uint8) string {
	if s, ok := ipProtos[p]; ok {
		return s
	}
	return strconv.Itoa(int(p))
}
