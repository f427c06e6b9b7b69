package iproute2

import (
	"strings"

	"github.com/rulewalk/rulewalk/rtnl/nla"
)

func (t *TextReader) ruleEntry(o jsonObject) {
	l := wordList{o: o}
	l.w = append(l.w, o.string("priority")+":")
	l.flag("not", "not")
	l.masked("src", "srclen", "/", "from")
	l.masked("dst", "dstlen", "/", "to")
	l.pair("tos", "tos")
	l.masked("fwmark", "fwmask", "/", "fwmark")
	l.pair("iif", "iif")
	l.flag("iif_detached", "[detached]")
	l.pair("oif", "oif")
	l.flag("oif_detached", "[detached]")
	if _, ok := o.take("l3mdev"); ok {
		l.w = append(l.w, "lookup", "[l3mdev-table]")
	}
	l.masked("uid_start", "uid_end", "-", "uidrange")
	l.pair("ipproto", "ipproto")
	for _, port := range []string{"sport", "dport"} {
		l.masked(port, port+"_mask", "/", port)
		l.masked(port+"_start", port+"_end", "-", port)
	}
	l.pair("tun_id", "tun_id")
	l.pair("table", "lookup")
	l.pair("suppress_prefixlen", "suppress_prefixlength")
	l.pair("suppress_ifgroup", "suppress_ifgroup")
	if from, ok := o.take("flow_from"); ok {
		l.w = append(l.w, "realms", jsonWord(from)+"/"+o.string("flow_to"))
	}
	l.pair("flow_to", "realms")
	l.pair("goto", "goto")
	l.flag("unresolved", "[unresolved]")
	l.flag("nop", "nop")
	if v, ok := o.take("action"); ok {
		l.w = append(l.w, jsonWord(v))
	}
	l.pair("protocol", "proto")
	l.masked("dscp", "dscp_mask", "/", "dscp")
	l.masked("flowlabel", "flowlabel_mask", "/", "flowlabel")
	t.ruleLine(l.w)
}

func (t *TextReader) routeEntry(o jsonObject) {
	l := wordList{o: o}
	if v, ok := o.take("type"); ok {
		l.w = append(l.w, jsonWord(v))
	}
	l.w = append(l.w, o.string("dst"))
	l.pair("from", "from")
	l.pair("nhid", "nhid")
	l.pair("to", "as")
	l.pair("tos", "tos")
	l.hop()
	l.pair("table", "table")
	l.pair("protocol", "proto")
	l.pair("scope", "scope")
	l.pair("prefsrc", "src")
	l.pair("metric", "metric")
	for _, key := range []string{"cache", "mark", "uid", "iif"} {
		l.flag(key, "cache") // only answers and cached routes have these
	}
	l.pair("expires", "expires")
	for _, v := range o.list("metrics") {
		if m, ok := v.(map[string]any); ok {
			l.metrics(m)
			t.leftOver(m)
		}
	}
	l.pair("pref", "pref")
	o.drop("error", "users", "used", "age", "ipid", "ts", "tsage", "ttl-propogate", "ttl-propagate", "nh_info")
	for _, v := range o.list("nexthops") {
		if leg, ok := v.(map[string]any); ok {
			sub := wordList{o: leg, w: append(l.w, "nexthop")}
			sub.hop()
			sub.pair("weight", "weight")
			sub.pair("to", "as")
			l.w = sub.w
			t.leftOver(leg)
		}
	}
	t.startRoute(l.w)
	t.flushRoute()
}

// hop adds the words of a nexthop.
func (l *wordList) hop() {
	if v, ok := l.o.take("encap"); ok {
		kind := jsonWord(v)
		if m, isObject := v.(map[string]any); isObject {
			kind = jsonObject(m).string("encap_type")
		}
		l.w = append(l.w, "encap", kind)
	}
	l.pair("gateway", "via")
	if via := l.o.object("via"); via != nil {
		l.w = append(l.w, "via", via.string("family"), via.string("host"))
	}
	l.pair("dev", "dev")
	if flow := l.o.object("flow"); flow != nil {
		r := flow.string("to")
		if flow.has("from") {
			r = flow.string("from") + "/" + r
		}
		l.w = append(l.w, "realms", r)
	}
	l.words("flags")
}

// metrics adds the words of a route's metrics, in the order of their numbers.
func (l *wordList) metrics(m jsonObject) {
	sub := wordList{o: m, w: l.w}
	for id, name := range metricNames {
		switch {
		case name == "":
		case id == nla.RTAXCCAlgo:
			sub.pair("congestion", name)
		case id == nla.RTAXFeatures:
			if m.has("ecn") || m.has("tcp_usec_ts") || m.has("features") {
				sub.w = append(sub.w, name)
				sub.flag("ecn", "ecn")
				sub.flag("tcp_usec_ts", "tcp_usec_ts")
				if f := m.string("features"); f != "" {
					sub.w = append(sub.w, f)
				}
			}
		case metricUnit(uint16(id)) != 0:
			if v, ok := m.take(name); ok {
				sub.w = append(sub.w, name, jsonWord(v)+"ms")
			}
		default:
			sub.pair(name, name)
		}
	}
	l.w = sub.w
}

func (t *TextReader) nextHopEntry(o jsonObject) {
	l := wordList{o: o}
	l.pair("id", "id")
	var group []string
	for _, v := range o.list("group") {
		m, _ := v.(map[string]any)
		s := jsonObject(m).string("id")
		if w := jsonObject(m).string("weight"); w != "" {
			s += "," + w
		}
		group = append(group, s)
	}
	if len(group) > 0 {
		l.w = append(l.w, "group", strings.Join(group, "/"))
	}
	l.pair("type", "type")
	if args := o.object("resilient_args"); args != nil {
		sub := wordList{o: args, w: l.w}
		for _, key := range []string{"buckets", "idle_timer", "unbalanced_timer", "unbalanced_time"} {
			sub.pair(key, key)
		}
		l.w = sub.w
		t.leftOver(args)
	}
	l.hop()
	l.pair("scope", "scope")
	l.flag("blackhole", "blackhole")
	l.pair("protocol", "proto")
	l.flag("fdb", "fdb")
	o.drop("hw_stats", "group_stats")
	t.nextHopLine(l.w)
}

func (t *TextReader) bucketEntry(o jsonObject) {
	b := o.object("bucket")
	l := wordList{o: o, w: []string{"id", o.string("id"), "index", b.string("index"), "nhid", b.string("nhid")}}
	l.words("flags")
	t.bucketLine(l.w)
}

func (t *TextReader) neighEntry(o jsonObject) {
	l := wordList{o: o, w: []string{o.string("dst")}}
	l.pair("dev", "dev")
	l.pair("lladdr", "lladdr")
	for _, f := range []string{"router", "proxy", "managed", "extern_learn", "offload", "extern_valid"} {
		l.flag(f, f)
	}
	l.words("state")
	l.pair("protocol", "proto")
	o.drop("refcnt", "used", "confirmed", "updated", "probes")
	t.neighLine(l.w)
}
