package iproute2

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"

	"github.com/rulewalk/rulewalk/rpdb"
)

// maxJSONEntry bounds the bytes of one entry of a JSON document.
const maxJSONEntry = 16 << 20

// ErrEntrySize ends the reading of a JSON document.
var ErrEntrySize = fmt.Errorf("an entry is longer than %d bytes", maxJSONEntry)

// ReadJSON reads a document that ip -j printed, with or without -d and -p: rules,
// routes, devices with their addresses, nexthops, buckets, neighbours or VRFs, in
// one or several arrays. The Line of a problem is the number of the entry. An error
// means that the document is no JSON, or too big; what was before it is kept.
func (t *TextReader) ReadJSON(r io.Reader, c *ReadOptions) error {
	t.c, t.n, t.line = c, c.names(), 0
	t.startBlock(hint{})
	if c != nil && c.Command != "" {
		t.startBlock(t.parseHint(commandWords(c.Command)))
	}
	return t.readJSON(r)
}

// readJSON reads a document whose command, if known, is the block's.
func (t *TextReader) readJSON(r io.Reader) error {
	limited := &entryReader{r: r}
	dec := json.NewDecoder(limited)
	dec.UseNumber()
	err := t.documents(dec, limited, t.block.hint)
	t.endBlock()
	return err
}

// jsonLine reads a document inside a text.
func (t *TextReader) jsonLine(line string) {
	at := t.line
	h := t.block.hint
	err := t.readJSON(strings.NewReader(line))
	t.line, t.current = at, line
	if err != nil {
		t.problem("a JSON document that cannot be read: " + err.Error())
	}
	t.startBlock(h)
}

// entryReader fails when one entry takes too many bytes.
type entryReader struct {
	r    io.Reader
	read int // since the last entry
}

func (e *entryReader) Read(p []byte) (int, error) {
	if e.read > maxJSONEntry {
		return 0, ErrEntrySize
	}
	n, err := e.r.Read(p)
	e.read += n
	return n, err
}

// documents reads arrays of entries, or single ones, to the end.
func (t *TextReader) documents(dec *json.Decoder, e *entryReader, h hint) error {
	for {
		tok, err := dec.Token()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return t.jsonError(err)
		}
		t.startBlock(h)
		switch tok {
		case json.Delim('['):
			err = t.entryArray(dec, e)
		case json.Delim('{'):
			err = t.openEntry(dec)
		default:
			t.line++
			t.current = fmt.Sprint(tok)
			t.problem("not an object that ip prints")
		}
		if err != nil {
			return t.jsonError(err)
		}
	}
}

func (t *TextReader) jsonError(err error) error {
	return fmt.Errorf("after entry %d: %w", t.line, err)
}

func (t *TextReader) entryArray(dec *json.Decoder, e *entryReader) error {
	for dec.More() {
		e.read = 0
		v, err := decodeJSON(dec, 0)
		if err != nil {
			return err
		}
		t.line++
		o, ok := v.(map[string]any)
		if !ok {
			t.current = fmt.Sprint(v)
			t.problem("not an object that ip prints")
			continue
		}
		t.entry(o)
		if t.entries() > MaxEntries {
			return ErrTooMany
		}
	}
	_, err := dec.Token() // the closing bracket
	return err
}

// openEntry reads an object outside an array, whose brace is passed.
func (t *TextReader) openEntry(dec *json.Decoder) error {
	o, err := decodeObject(dec, 0)
	if err != nil {
		return err
	}
	t.line++
	t.entry(o)
	return nil
}

// entry reads one object by the keys that it has.
func (t *TextReader) entry(o jsonObject) {
	if len(o) == 0 {
		return // ip leaves {} for a device that a selector hides
	}
	t.current = o.text()
	switch {
	case o.has("deleted"):
		t.problem("a notification of ip monitor, not an entry")
	case o.has("priority"):
		t.ruleEntry(o)
	case o.has("ifindex") || o.has("ifname"):
		t.linkEntry(o)
	case o.has("bucket"):
		t.bucketEntry(o)
	case o.has("dst") && o.has("flags"):
		t.routeEntry(o)
	case o.has("dst"):
		t.neighEntry(o)
	case o.has("id"):
		t.nextHopEntry(o)
	case o.has("name") && o.has("table"):
		t.enter(kindVRF)
		t.vrfRow([]string{o.string("name"), o.string("table")})
	default:
		t.problem("not an object that ip prints")
		return
	}
	t.leftOver(o)
}

// leftOver reports keys that nobody took, each once.
func (t *TextReader) leftOver(o jsonObject) {
	keys := make([]string, 0, len(o))
	for k := range o {
		if !t.unknownKeys[k] {
			keys = append(keys, k)
		}
	}
	sort.Strings(keys)
	for _, k := range keys {
		if t.unknownKeys == nil {
			t.unknownKeys = map[string]bool{}
		}
		if len(t.unknownKeys) < MaxProblems {
			t.unknownKeys[k] = true
		}
		t.problem("a key that is not known (said once): " + k)
	}
}

// jsonObject is an object whose keys are removed as they are read.
type jsonObject map[string]any

func (o jsonObject) has(key string) bool {
	_, ok := o[key]
	return ok
}

// text returns the object for the text of a problem.
func (o jsonObject) text() string {
	b, err := json.Marshal(map[string]any(o))
	if err != nil {
		return "{...}"
	}
	return string(b)
}

// take removes a key and returns its value.
func (o jsonObject) take(key string) (any, bool) {
	v, ok := o[key]
	delete(o, key)
	return v, ok
}

// string removes a key and returns its value as a word.
func (o jsonObject) string(key string) string {
	v, ok := o.take(key)
	if !ok {
		return ""
	}
	return jsonWord(v)
}

// drop removes keys that tell nothing here.
func (o jsonObject) drop(keys ...string) {
	for _, k := range keys {
		delete(o, k)
	}
}

// object removes a key and returns its value as an object, nil if it is none.
func (o jsonObject) object(key string) jsonObject {
	v, _ := o.take(key)
	m, _ := v.(map[string]any)
	return m
}

// list removes a key and returns the elements of its array.
func (o jsonObject) list(key string) []any {
	v, _ := o.take(key)
	l, _ := v.([]any)
	return l
}

func jsonWord(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return fmt.Sprint(v)
	}
	return ""
}

// wordList builds the words that the text of an entry would have.
type wordList struct {
	o jsonObject
	w []string
}

// pair adds a keyword and the value of a key, if it is there.
func (l *wordList) pair(key, word string) {
	if v, ok := l.o.take(key); ok {
		l.w = append(l.w, word, jsonWord(v))
	}
}

// flag adds a word if the key is there.
func (l *wordList) flag(key, word string) {
	if _, ok := l.o.take(key); ok {
		l.w = append(l.w, word)
	}
}

// masked adds a keyword and VALUE, or VALUE joined to the value of another key.
func (l *wordList) masked(key, other, sep, word string) {
	v, ok := l.o.take(key)
	m, hasMask := l.o.take(other)
	if !ok {
		return
	}
	s := jsonWord(v)
	if hasMask {
		s += sep + jsonWord(m)
	}
	l.w = append(l.w, word, s)
}

// words adds each string of an array.
func (l *wordList) words(key string) {
	for _, v := range l.o.list(key) {
		l.w = append(l.w, jsonWord(v))
	}
}

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
		case id == rtaxCCAlgo:
			sub.pair("congestion", name)
		case id == rtaxFeatures:
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
