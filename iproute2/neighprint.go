package iproute2

import (
	"encoding/binary"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// Attributes of a neighbour (NDA_*, linux/neighbour.h).
const (
	neighHeaderLen = 12 // struct ndmsg

	userHZ = 100
)

// neighFlagWords are the flags of a neighbour in the order of printing: those of
// ndm_flags, and above them those of NDA_FLAGS_EXT.
var neighFlagWords = []struct {
	bit  uint64
	name string
}{
	{0x80, "router"},
	{0x08, "proxy"},
	{1 << 8, "managed"},
	{0x10, "extern_learn"},
	{0x20, "offload"},
	{4 << 8, "extern_valid"},
}

// PrintNeigh prints an RTM_NEWNEIGH or RTM_DELNEIGH message as ip neigh does
// (print_neigh), with the newline. hideDev leaves out the device, as a list of one
// device does.
func PrintNeigh(r *Record, m netlink.Message, hideDev bool) {
	if len(m.Data) < neighHeaderLen {
		return
	}
	h, as := m.Data[:neighHeaderLen], ParseAttrs(m.Data[neighHeaderLen:])
	index := int(int32(binary.NativeEndian.Uint32(h[4:])))
	if hideDev {
		index = 0
	}
	if m.Header.Type == rtnl.RTMDelNeigh {
		r.Flag("deleted", "Deleted ")
	} else if m.Header.Type == rtnl.RTMGetNeigh {
		r.Null("miss", "miss ")
	}
	family := rpdb.Family(h[0])
	if r.o != nil && r.o.Brief {
		printNeighBrief(r, as, family, index)
		return
	}
	if as.Has(nla.NDADst) {
		r.Paint(FamilyColor(family), "dst", "%s ", r.o.host(as[nla.NDADst]))
	}
	if index != 0 {
		r.Raw("dev ")
		r.Paint(ColorIfname, "dev", "%s ", r.o.dev(index))
	}
	if as.Has(nla.NDALLAddr) {
		r.Raw("lladdr ")
		r.Paint(ColorMAC, "lladdr", "%s ", neighHardware(r, as, h))
	}
	flags := uint64(h[10]) | as.Uint(nla.NDAFlagsExt)<<8
	for _, f := range neighFlagWords {
		if flags&f.bit != 0 && (f.name != "extern_valid" || r.o.version().AtLeast(6, 17)) {
			r.Null(f.name, f.name+" ")
		}
	}
	if r.o.stats() > 0 {
		printNeighTimes(r, as)
	}
	printNeighState(r, binary.NativeEndian.Uint16(h[8:]))
	if p := uint8(as.Uint(nla.NDAProtocol)); p != 0 {
		r.Add("protocol", "proto %s ", r.o.names().Proto(p))
	}
	r.Raw("\n")
}

func neighHardware(r *Record, as Attrs, h []byte) string {
	var typ uint16
	if r.o != nil {
		if t, ok := r.o.Links.(LinkDetails); ok {
			if l := t.Link(int(int32(binary.NativeEndian.Uint32(h[4:])))); l != nil {
				typ = l.Type
			}
		}
	}
	return formatHardware(as[nla.NDALLAddr], typ)
}

func printNeighBrief(r *Record, as Attrs, family rpdb.Family, index int) {
	if as.Has(nla.NDADst) {
		r.Paint(FamilyColor(family), "dst", "%-39s ", r.o.host(as[nla.NDADst]))
	}
	if index != 0 {
		r.Paint(ColorIfname, "dev", "%-16s ", r.o.dev(index))
	}
	if as.Has(nla.NDALLAddr) {
		r.Paint(ColorMAC, "lladdr", "%s", FormatLLAddr(as[nla.NDALLAddr]))
	}
	r.Raw("\n")
}

// printNeighTimes prints what ip -s adds (print_cacheinfo).
func printNeighTimes(r *Record, as Attrs) {
	if b := as[nla.NDACacheInfo]; len(b) >= 16 {
		confirmed, used := binary.NativeEndian.Uint32(b), binary.NativeEndian.Uint32(b[4:])
		updated, refs := binary.NativeEndian.Uint32(b[8:]), binary.NativeEndian.Uint32(b[12:])
		if refs != 0 {
			r.Add("refcnt", " ref %d", refs)
		}
		r.Add("used", " used %d", used/userHZ)
		r.Add("confirmed", "/%d", confirmed/userHZ)
		r.Add("updated", "/%d", updated/userHZ)
	}
	if as.Has(nla.NDAProbes) {
		r.Add("probes", "probes %d ", as.Uint(nla.NDAProbes))
	}
}

func printNeighState(r *Record, state uint16) {
	if state == 0 {
		return
	}
	words := []string{}
	for _, s := range neighStates {
		if state&s.bit != 0 {
			words = append(words, s.name)
			r.Raw(s.name + " ")
		}
	}
	if r.json {
		r.top().obj.add("state", words)
	}
}
