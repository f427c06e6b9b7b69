package iproute2

import (
	"strings"

	"github.com/rulewalk/rulewalk/rpdb"
)

// linkEntry reads a device, and its addresses if it has them.
func (t *TextReader) linkEntry(o jsonObject) {
	index, ok := parseUint(o.string("ifindex"), 10, 1<<31-1)
	ifname := o.string("ifname")
	if !ok || index == 0 || ifname == "" {
		t.problem("a device without index or name, left out")
		return
	}
	t.enter(kindLink)
	t.link = t.devs.numbered(int(index), ifname)
	if o.has("flags") {
		t.describeEntry(o)
	}
	for _, v := range o.list("addr_info") {
		if a, ok := v.(map[string]any); ok && len(a) > 0 {
			t.addrEntry(a)
			t.leftOver(a)
		}
	}
	dropLinkKeys(o)
}

func (t *TextReader) describeEntry(o jsonObject) {
	peer := o.string("link")
	if i := o.string("link_index"); i != "" && i != "0" {
		peer = "if" + i
	}
	if id, ok := parseUint(o.string("link_netnsid"), 10, 1<<31-1); ok {
		t.link.Extra = []rpdb.Attr{netNSID(id)}
	}
	flags := make([]string, 0, 8)
	for _, f := range o.list("flags") {
		flags = append(flags, jsonWord(f))
	}
	l := wordList{o: o, w: []string{strings.Join(flags, ",")}}
	for key, word := range map[string]string{
		"mtu": "mtu", "qdisc": "qdisc", "master": "master", "operstate": "state", "group": "group", "txqlen": "qlen",
	} {
		l.pair(key, word)
	}
	t.describe(peer, l.w)
	t.linkAddress([]string{"link/" + o.string("link_type"), o.string("address")})
	if info := o.object("linkinfo"); info != nil {
		t.link.Kind = info.string("info_kind")
		if s := info.object("info_data").string("table"); t.link.IsVRF() {
			t.link.VRFTable, _ = t.tableID(s)
		}
	}
	for _, a := range o.list("altnames") {
		t.link.AltNames = appendNew(t.link.AltNames, jsonWord(a))
	}
}

// dropLinkKeys removes what tells nothing of routing about a device.
func dropLinkKeys(o jsonObject) {
	o.drop("link", "link_index", "broadcast", "link_pointtopoint", "permaddr", "link_netnsid", "linkmode",
		"promiscuity", "allmulti", "min_mtu", "max_mtu", "inet6_addr_gen_mode", "ifalias", "stats", "stats64",
		"vfinfo_list", "parentbus", "parentdev", "xdp", "proto_down", "protodown", "netns-immutable",
		"mtu", "qdisc", "operstate", "group", "txqlen", "link_type", "address", "index", "dev", "vf", "alias")
	for k := range o {
		for _, prefix := range []string{"num_", "gso_", "gro_", "tso_", "phys_", "prog_", "max_", "min_", "carrier_"} {
			if strings.HasPrefix(k, prefix) {
				delete(o, k)
			}
		}
	}
}

func (t *TextReader) addrEntry(o jsonObject) {
	local, bits := o.string("local"), o.string("prefixlen")
	l := wordList{o: o, w: []string{o.string("family")}}
	if l.w[0] != "inet" && l.w[0] != "inet6" {
		clear(o)
		return // a hardware address
	}
	if v, ok := o.take("address"); ok {
		l.w = append(l.w, local, "peer", jsonWord(v)+"/"+bits)
	} else {
		l.w = append(l.w, local+"/"+bits)
	}
	l.pair("metric", "metric")
	l.pair("broadcast", "brd")
	l.pair("anycast", "any")
	l.pair("scope", "scope")
	for _, f := range append([]string{"temporary"}, addrFlagNames()...) {
		l.flag(f, f)
	}
	l.pair("ifa_flags", "flags")
	l.pair("protocol", "proto")
	o.drop("mcast", "multicast", "index", "dev", "deleted")
	label := o.string("label")
	valid, preferred := o.string("valid_life_time"), o.string("preferred_life_time")
	t.addrLine(l.w)
	if t.addr == nil {
		return
	}
	t.addr.Label = label
	if valid != "" && preferred != "" {
		t.lifetimes([]string{"valid_lft", valid, "preferred_lft", preferred})
	}
}

func addrFlagNames() []string {
	names := make([]string, len(addrFlags))
	for i, f := range addrFlags {
		names[i] = f.name
	}
	return names
}
