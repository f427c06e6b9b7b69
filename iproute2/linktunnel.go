package iproute2

import (
	"fmt"
	"net/netip"
)

// Attributes of ipip, sit and ip6tnl devices (IFLA_IPTUN_*).
const (
	iptunLink        = 1
	iptunLocal       = 2
	iptunRemote      = 3
	iptunTTL         = 4
	iptunTOS         = 5
	iptunEncapLimit  = 6
	iptunFlowInfo    = 7
	iptunFlags       = 8
	iptunProto       = 9
	iptunPMTUDisc    = 10
	iptun6RDPrefix   = 11
	iptun6RDRelay    = 12
	iptun6RDLen      = 13
	iptun6RDRelayLen = 14
	iptunEncapType   = 15
	iptunEncapFlags  = 16
	iptunEncapSPort  = 17
	iptunEncapDPort  = 18
	iptunCollect     = 19
	iptunFWMark      = 20
)

func printIPTunnel(r *Record, as Attrs) {
	if as.Has(iptunCollect) {
		r.Flag("external", "external ")
	}
	printTunnelProto(r, as, map[uint64]string{4: "ipip", 41: "ip6ip", 137: "mplsip", 0: "any"})
	printEndpoint(r, "remote", as.Addr(iptunRemote))
	printEndpoint(r, "local", as.Addr(iptunLocal))
	printTunnelLink(r, as, iptunLink)
	printTTL(r, "ttl", "ttl", as.Uint(iptunTTL))
	printTOS(r, as.Uint(iptunTOS))
	if as.Uint(iptunPMTUDisc) != 0 {
		r.Add("pmtudisc", "pmtudisc ", true)
	} else {
		r.Add("pmtudisc", "nopmtudisc ", false)
	}
	if as.Uint(iptunFlags)&1 != 0 { // SIT_ISATAP
		r.Flag("isatap", "isatap ")
	}
	print6RD(r, as)
	printMark(r, as.Uint(iptunFWMark))
	printEncap(r, as, iptunEncapType)
}

func printTunnelProto(r *Record, as Attrs, names map[uint64]string) {
	if name, ok := names[as.Uint(iptunProto)]; ok && as.Has(iptunProto) {
		r.Add("proto", "%s ", name)
	}
}

func printTunnelLink(r *Record, as Attrs, typ uint16) {
	if link := as.Int(typ); link != 0 {
		r.Add("link", "dev %s ", r.o.dev(link))
	}
}

func printTTL(r *Record, key, word string, ttl uint64) {
	if r.json || ttl != 0 {
		r.Add(key, word+" %d ", ttl)
	} else {
		r.Raw(word + " inherit ")
	}
}

func printMark(r *Record, mark uint64) {
	if mark != 0 {
		r.Hex("fwmark", "fwmark %s ", mark)
	}
}

// print6RD prints the prefixes of a 6rd tunnel.
func print6RD(r *Record, as Attrs) {
	n := as.Uint(iptun6RDLen)
	if n == 0 {
		return
	}
	prefix := formatAddr(as.Addr(iptun6RDPrefix))
	r.Add("prefix", "6rd-prefix %s/", prefix)
	r.Add("prefixlen", "%d ", n)
	if relay := as.Addr(iptun6RDRelay); relay.IsValid() && !relay.IsUnspecified() {
		r.Add("relay_prefix", "6rd-relay_prefix %s/", relay.String())
		r.Add("relay_prefixlen", "%d ", as.Uint(iptun6RDRelayLen))
	}
}

// printEncap prints the UDP encapsulation of a tunnel (tnl_print_encap), whose four
// attributes follow one another.
func printEncap(r *Record, as Attrs, typ uint16) {
	kind := as.Uint(typ)
	if kind == 0 {
		return
	}
	r.Begin("encap")
	defer r.End()
	word := map[uint64]string{1: "fou", 2: "gue"}[kind]
	if word == "" {
		word = "unknown"
	}
	r.Raw("encap ")
	r.Add("type", "%s ", word)
	r.Raw("encap-sport ")
	if sport := as.BE16(typ + 2); sport != 0 || r.json {
		r.Add("sport", "%d ", sport)
	} else {
		r.Raw("auto ")
	}
	r.Add("dport", "encap-dport %d ", as.BE16(typ+3))
	flags := as.Uint(typ + 1)
	for _, f := range []struct {
		bit       uint64
		key, word string
	}{{1, "csum", "encap-csum "}, {2, "csum6", "encap-csum6 "}, {4, "remcsum", "encap-remcsum "}} {
		on := flags&f.bit != 0
		if !on && !r.json {
			f.word = "no" + f.word
		}
		r.Add(f.key, f.word, on)
	}
}

// Flags of an ip6tnl device (IP6_TNL_F_*).
const (
	ip6IgnoreEncapLimit = 0x1
	ip6OrigTClass       = 0x2
	ip6OrigFlowLabel    = 0x4
	ip6MIP6             = 0x8
	ip6DSCPCopy         = 0x10
	ip6OrigFWMark       = 0x20
	ip6AllowLocalRemote = 0x40
)

func printIP6Tunnel(r *Record, as Attrs) {
	if as.Has(iptunCollect) {
		r.Flag("external", "external ")
	}
	printTunnelProto(r, as, map[uint64]string{4: "ipip6", 41: "ip6ip6", 0: "any"})
	printEndpoint(r, "remote", as.Addr(iptunRemote))
	printEndpoint(r, "local", as.Addr(iptunLocal))
	printTunnelLink(r, as, iptunLink)
	printTTL(r, "ttl", "hoplimit", as.Uint(iptunTTL))
	flags := as.Uint(iptunFlags)
	if flags&ip6IgnoreEncapLimit != 0 {
		r.Flag("ip6_tnl_f_ign_encap_limit", "encaplimit none ")
	} else if as.Has(iptunEncapLimit) {
		r.Add("encap_limit", "encaplimit %d ", as.Uint(iptunEncapLimit))
	}
	info := as.BE32(iptunFlowInfo)
	if flags&ip6OrigTClass != 0 {
		r.Flag("ip6_tnl_f_use_orig_tclass", "tclass inherit ")
	} else if as.Has(iptunFlowInfo) {
		r.Add("tclass", "tclass %s ", fmt.Sprintf("0x%02x", info>>20&0xff))
	}
	if flags&ip6OrigFlowLabel != 0 {
		r.Flag("ip6_tnl_f_use_orig_flowlabel", "flowlabel inherit ")
	} else if as.Has(iptunFlowInfo) {
		r.Add("flowlabel", "flowlabel %s ", fmt.Sprintf("0x%05x", info&0xfffff))
	}
	printIP6Flags(r, flags, as.Uint(iptunFWMark))
	printEncap(r, as, iptunEncapType)
}

func printIP6Flags(r *Record, flags, mark uint64) {
	for _, f := range []struct {
		bit       uint64
		key, word string
	}{
		{ip6DSCPCopy, "ip6_tnl_f_rcv_dscp_copy", "dscp inherit "},
		{ip6MIP6, "ip6_tnl_f_mip6_dev", "mip6 "},
		{ip6AllowLocalRemote, "ip6_tnl_f_allow_local_remote", "allow-localremote "},
	} {
		if flags&f.bit != 0 {
			r.Flag(f.key, f.word)
		}
	}
	if flags&ip6OrigFWMark != 0 {
		r.Flag("ip6_tnl_f_use_orig_fwmark", "fwmark inherit ")
	} else {
		printMark(r, mark)
	}
}

// Attributes of a gre device (IFLA_GRE_*).
const (
	greLink      = 1
	greIFlags    = 2
	greOFlags    = 3
	greIKey      = 4
	greOKey      = 5
	greLocal     = 6
	greRemote    = 7
	greTTL       = 8
	greTOS       = 9
	grePMTUDisc  = 10
	greEncapType = 14
	greCollect   = 18
	greIgnoreDF  = 19
	greFWMark    = 20

	greHasCsum = 0x8000 // GRE_CSUM, in network order
	greHasKey  = 0x2000
	greHasSeq  = 0x1000
)

func printGRE(r *Record, as Attrs) {
	if as.Has(greCollect) {
		r.Flag("external", "external ")
	}
	printEndpoint(r, "remote", as.Addr(greRemote))
	printEndpoint(r, "local", as.Addr(greLocal))
	printTunnelLink(r, as, greLink)
	printTTL(r, "ttl", "ttl", as.Uint(greTTL))
	printTOS(r, as.Uint(greTOS))
	if as.Has(grePMTUDisc) {
		if as.Uint(grePMTUDisc) == 0 {
			r.Add("pmtudisc", "nopmtudisc ", false)
		} else {
			r.Add("pmtudisc", "", true)
		}
	}
	if as.Uint(greIgnoreDF) != 0 {
		r.Flag("ignore_df", "ignore-df ")
	}
	printGREKeys(r, as)
	printMark(r, as.Uint(greFWMark))
	printEncap(r, as, greEncapType)
}

// printGREKeys prints keys, sequence numbers and checksums (tnl_print_gre_flags).
func printGREKeys(r *Record, as Attrs) {
	in, out := as.BE16(greIFlags), as.BE16(greOFlags)
	for _, k := range []struct {
		flags uint16
		attr  uint16
		key   string
	}{{in, greIKey, "ikey"}, {out, greOKey, "okey"}} {
		if b := as[k.attr]; k.flags&greHasKey != 0 && len(b) == 4 {
			r.Add(k.key, k.key+" %s ", netip.AddrFrom4([4]byte(b)).String())
		}
	}
	for _, f := range []struct {
		on   bool
		word string
	}{
		{in&greHasSeq != 0, "iseq"},
		{out&greHasSeq != 0, "oseq"},
		{in&greHasCsum != 0, "icsum"},
		{out&greHasCsum != 0, "ocsum"},
	} {
		if f.on {
			r.Flag(f.word, f.word+" ")
		}
	}
}
