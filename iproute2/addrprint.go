package iproute2

import (
	"encoding/binary"
	"fmt"
	"strconv"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

const addrHeaderLen = 8 // struct ifaddrmsg

// PrintAddr prints an RTM_NEWADDR or RTM_DELADDR message as ip address does
// (print_addrinfo), with the last newline. withDevice begins the line with the device,
// as -o and the monitor do.
func PrintAddr(r *Record, m netlink.Message, withDevice bool) {
	if len(m.Data) < addrHeaderLen {
		return
	}
	h, as := m.Data[:addrHeaderLen], ParseAttrs(m.Data[addrHeaderLen:])
	p := addrPrinter{Record: r, as: as, family: rpdb.Family(h[0]), flags: uint32(h[2])}
	if as.Has(nla.IFAFlags) {
		p.flags = uint32(as.Uint(nla.IFAFlags))
	}
	if m.Header.Type == rtnl.RTMDelAddr {
		r.Flag("deleted", "Deleted ")
	}
	brief := r.o != nil && r.o.Brief
	if !brief {
		p.head(int(int32(binary.NativeEndian.Uint32(h[4:]))), withDevice)
	}
	p.address(h[1])
	if as.Has(nla.IFAPriority) {
		r.Add("metric", "metric %d ", as.Uint(nla.IFAPriority))
	}
	if brief {
		return
	}
	p.other("brd", "broadcast", nla.IFABroadcast)
	p.other("any", "anycast", nla.IFAAnycast)
	p.other("mcast", "multicast", nla.IFAMulticast)
	r.Add("scope", "scope %s ", r.o.names().Scope(rpdb.Scope(h[3])))
	p.flagWords()
	if as.Has(nla.IFAProto) && r.o.version().AtLeast(6, 4) {
		if proto := uint8(as.Uint(nla.IFAProto)); proto != 0 {
			r.Add("protocol", "proto %s ", r.o.names().AddrProto(proto))
		}
	}
	if as.Has(nla.IFALabel) {
		r.Add("label", "%s", as.Str(nla.IFALabel))
	}
	p.lifetimes()
	r.Raw("\n")
}

type addrPrinter struct {
	*Record
	as     Attrs
	family rpdb.Family
	flags  uint32
}

func (p *addrPrinter) head(index int, withDevice bool) {
	if withDevice {
		dev := p.o.dev(index)
		if p.json {
			p.Add("index", "", index)
			p.Add("dev", "", dev)
		}
		p.Raw(strconv.Itoa(index) + ": " + dev)
	}
	switch p.family {
	case rpdb.IPv4, rpdb.IPv6:
		p.Add("family", "    %s ", p.family.String())
	default:
		p.Add("family_index", "    family %d ", uint8(p.family))
	}
}

func (p *addrPrinter) address(length uint8) {
	local, peer := p.as[nla.IFALocal], p.as[nla.IFAAddress]
	if !p.as.Has(nla.IFALocal) {
		local = peer
	}
	if peer == nil {
		peer = local
	}
	if local == nil {
		return
	}
	color := FamilyColor(p.family)
	p.Paint(color, "local", "%s", p.host(local))
	if string(local) != string(peer) {
		p.Raw(" peer ")
		p.Paint(color, "address", "%s", p.host(peer))
	}
	p.Add("prefixlen", "/%d ", length)
}

// host prints an address, or with ip -r its name (format_host).
func (p *addrPrinter) host(b []byte) string { return p.o.host(b) }

func (o *Options) host(b []byte) string {
	a := Attrs{0: b}.Addr(0)
	if !a.IsValid() {
		return "???"
	}
	if o != nil && o.HostName != nil {
		if name := o.HostName(a); name != "" {
			return name
		}
	}
	return formatAddr(a)
}

func (p *addrPrinter) other(word, key string, typ uint16) {
	if p.as.Has(typ) {
		p.Raw(word + " ")
		p.Paint(FamilyColor(p.family), key, "%s ", p.host(p.as[typ]))
	}
}

// flagWords prints the flags (print_ifa_flags); dynamic stands for the absence of the
// permanent flag.
func (p *addrPrinter) flagWords() {
	flags := p.flags ^ rpdb.IFAPermanent
	for _, f := range addrFlags {
		if flags&f.bit == 0 {
			continue
		}
		flags &^= f.bit
		name := f.name
		if f.bit == rpdb.IFASecondary && p.family == rpdb.IPv6 {
			name = "temporary"
		}
		p.Flag(name, name+" ")
	}
	if flags != 0 {
		s := fmt.Sprintf("%02x", flags)
		p.Add("ifa_flags", "flags %s ", s)
	}
}

func (p *addrPrinter) lifetimes() {
	b := p.as[nla.IFACacheInfo]
	if len(b) < 8 {
		return
	}
	p.Newline()
	p.Raw("       valid_lft ")
	p.lifetime("valid_life_time", binary.NativeEndian.Uint32(b[4:]), false)
	p.Raw(" preferred_lft ")
	p.lifetime("preferred_life_time", binary.NativeEndian.Uint32(b), p.flags&rpdb.IFADeprecated != 0)
}

func (p *addrPrinter) lifetime(key string, v uint32, signed bool) {
	switch {
	case v == rpdb.Forever && !p.json:
		p.Raw("forever")
	case signed && v != rpdb.Forever:
		p.Add(key, "%dsec", int32(v))
	default:
		p.Add(key, "%dsec", v)
	}
}
