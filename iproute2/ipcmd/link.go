package ipcmd

import (
	"encoding/binary"
	"encoding/hex"
	"strings"
	"unicode"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/iproute2"
	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// Attributes of a device that only requests have (IFLA_*).
const (
	inet6AddrGenMode = 8 // IFLA_INET6_ADDR_GEN_MODE

	ifAliasSize = 256
	ifNameSize  = 16

	einval = 22 // what some errors of words return, as the exit status
)

// link is ip link (do_iplink).
func (c *call) link() int {
	modify := func(typ netlink.HeaderType, flags netlink.HeaderFlags) func(*call) int {
		return func(c *call) int { return c.modifyLink(typ, flags) }
	}
	show := func(c *call) int { c.family = afPacket; return c.showLinks(true) }
	return c.choose("link", show, []verb{
		{"add", false, modify(rtnl.RTMNewLink, netlink.Create|netlink.Excl)},
		{"set", false, modify(rtnl.RTMNewLink, 0)},
		{"change", false, modify(rtnl.RTMNewLink, 0)},
		{"replace", false, modify(rtnl.RTMNewLink, netlink.Create|netlink.Replace)},
		{"delete", false, modify(rtnl.RTMDelLink, 0)},
		{"show", false, show},
		{"lst", false, show},
		{"list", false, show},
		{"xstats", false, (*call).linkXStats},
		{"afstats", false, (*call).linkAFStats},
		{"property", false, (*call).linkProperty},
		{"help", false, func(c *call) int { c.usage(usageLink); return 0 }},
	})
}

// linkChange is a device to add, change or delete, or the other end of a pair (struct
// iplink_req and iplink_parse).
type linkChange struct {
	*call
	r     *request
	start int // of the header in the body: not 0 for the other end of a pair

	name, dev, link, kind string
	index                 int
	indexSet              bool
	addrLen               int
	group                 int
	moves                 bool // to another namespace
	given                 map[string]bool
}

func newLinkChange(c *call, r *request) *linkChange {
	return &linkChange{call: c, r: r, start: len(r.body), group: -1, given: map[string]bool{}}
}

// modifyLink adds, changes or deletes a device (iplink_modify).
func (c *call) modifyLink(typ netlink.HeaderType, flags netlink.HeaderFlags) int {
	l := newLinkChange(c, &request{typ: typ, flags: flags})
	l.r.body = make([]byte, linkHeaderLen)
	l.r.body[0] = c.family
	if status := l.words(); status != 0 {
		return status
	}
	switch create := flags&netlink.Create != 0; {
	case l.kind != "":
		if status := l.linkInfo(); status != 0 {
			return status
		}
	case create:
		l.errorf("Not enough information: \"type\" argument is required\n")
		return 1
	}
	status := l.exec(l.r, func(m netlink.Message) {
		r := iproute2.NewRecord(c.printOptions(), false)
		iproute2.PrintLink(r, m, iproute2.LinkView{Link: true})
		c.print(r.Text())
	})
	c.links.forget()
	return status
}

// linkInfo adds the kind and its options.
func (l *linkChange) linkInfo() (status int) {
	kind := l.kind
	l.r.nest(nla.IFLALinkInfo, func() {
		l.r.attr(infoKind, []byte(kind))
		k, known := linkKinds[kind]
		switch {
		case !l.more():
		case known:
			typ := uint16(infoData)
			if _, ok := strings.CutSuffix(kind, "_slave"); ok {
				typ = infoSlaveData
			}
			l.r.nest(typ, func() {
				if k != nil {
					status = k(l.call, l.r, kind)
				}
			})
		case matches(l.call.word(), "help"):
			l.usage(usageLink)
		default:
			l.errorf("Garbage instead of arguments \"%s ...\". Try \"ip link help\".\n", l.call.word())
			status = 1
		}
	})
	return status
}

// words reads the words up to the kind's own and completes the header.
func (l *linkChange) words() int {
	for l.more() {
		status, end := l.one()
		if status != 0 {
			return status
		}
		l.advance()
		if end {
			break
		}
	}
	return l.complete()
}

// one reads one word and its value; end tells that the rest belongs to the kind.
func (l *linkChange) one() (status int, end bool) {
	w := l.call.word()
	switch {
	case w == "up":
		l.flag(iffUp, true)
	case w == "down":
		l.flag(iffUp, false)
	case w == "name":
		l.nameArg(l.value())
	case w == "index":
		l.indexArg(l.value())
	case matches(w, "link"):
		l.link = l.value()
	case matches(w, "address"):
		return l.hardwareArg(nla.IFLAAddress), false
	case matches(w, "broadcast"), w == "brd":
		return l.hardwareArg(nla.IFLABroadcast), false
	case matches(w, "txqueuelen"), w == "qlen", matches(w, "txqlen"):
		l.integer("txqueuelen", nla.IFLATxQLen)
	case w == "mtu":
		l.integer("mtu", nla.IFLAMTU)
	case w == "netns":
		l.netnsArg(l.value())
	case l.deviceFlag(w, &status):
	case matches(w, "master"):
		l.r.u32(nla.IFLAMaster, uint32(l.masterArg(l.value())))
	case w == "vrf":
		l.r.u32(nla.IFLAMaster, uint32(l.vrfArg(l.value())))
	case matches(w, "nomaster"):
		l.r.u32(nla.IFLAMaster, 0)
	case matches(w, "dynamic"):
		status = l.onOffFlag("dynamic", 0x8000, false)
	case matches(w, "type"):
		l.kind = l.value()
		return 0, true
	default:
		status = l.later(w)
	}
	return status, false
}

// later goes on in the order of the tests.
func (l *linkChange) later(w string) int {
	switch {
	case matches(w, "alias"):
		if w = l.value(); len(w) >= ifAliasSize {
			l.invarg("alias too long\n", w)
		}
		l.r.attr(nla.IFLAIfAlias, []byte(w))
	case w == "group":
		l.once("group")
		l.group = int(l.groupArg(l.call.word()))
		l.r.u32(nla.IFLAGroup, uint32(l.group))
	case w == "mode":
		l.choice(nla.IFLALinkMode, []string{"default", "dormant"}, "Invalid link mode\n")
	case w == "state":
		l.choice(nla.IFLAOperstate, operStateWords, "Invalid operstate\n")
	case matches(w, "numtxqueues"):
		l.integer("numtxqueues", nla.IFLANumTxQueues)
	case matches(w, "numrxqueues"):
		l.integer("numrxqueues", nla.IFLANumRxQueues)
	case matches(w, "addrgenmode"):
		l.addrGenMode(l.value())
	case w == "link-netns":
		l.linkNetNS()
	case matches(w, "link-netnsid"):
		l.integer("link-netnsid", nla.IFLALinkNetNSID)
	case w == "protodown":
		on, ok := l.parseOnOff("protodown")
		if !ok {
			return einval
		}
		l.r.u8(nla.IFLAProtoDown, on)
	case w == "gso_max_size":
		l.unsigned(w, nla.IFLAGSOMaxSize)
	case w == "gso_max_segs":
		l.unsigned(w, nla.IFLAGSOMaxSegs)
	case w == "gro_max_size":
		l.unsigned(w, nla.IFLAGROMaxSize)
	default:
		l.devArg(w)
	}
	return 0
}

var operStateWords = []string{"unknown", "notpresent", "down", "lowerlayerdown", "testing", "dormant", "up"}

// flag sets or clears a flag of the device.
func (l *linkChange) flag(bit uint32, on bool) {
	h := l.r.body[l.start:]
	flags := binary.NativeEndian.Uint32(h[8:]) &^ bit
	if on {
		flags |= bit
	}
	binary.NativeEndian.PutUint32(h[8:], flags)
	binary.NativeEndian.PutUint32(h[12:], binary.NativeEndian.Uint32(h[12:])|bit)
}

// deviceFlag reads the switches that are flags of the device, and the carrier.
func (l *linkChange) deviceFlag(w string, status *int) bool {
	switch w {
	case "multicast":
		*status = l.onOffFlag(w, 0x1000, false)
	case "allmulticast":
		*status = l.onOffFlag(w, 0x200, false)
	case "promisc":
		*status = l.onOffFlag(w, 0x100, false)
	case "trailers":
		*status = l.onOffFlag(w, 0x20, true)
	case "arp":
		*status = l.onOffFlag(w, 0x80, true)
	case "carrier":
		on, ok := l.parseOnOff(w)
		if !ok {
			*status = einval
			return true
		}
		l.r.u8(nla.IFLACarrier, on)
	default:
		return false
	}
	return true
}

// onOffFlag reads on or off for a flag; inverted flags say that something is off.
func (l *linkChange) onOffFlag(key string, bit uint32, inverted bool) int {
	switch w := l.value(); w {
	case "on":
		l.flag(bit, !inverted)
	case "off":
		l.flag(bit, inverted)
	default:
		l.errorf("Error: argument of \"%s\" must be \"on\" or \"off\", not \"%s\"\n", key, w)
		return 1
	}
	return 0
}

// parseOnOff is the newer form of that (parse_on_off).
func (c *call) parseOnOff(key string) (uint8, bool) {
	switch w := c.value(); w {
	case "on":
		return 1, true
	case "off":
		return 0, true
	default:
		c.errorf("Error: argument of \"%s\" must be one of \"off\", \"on\", not \"%s\"\n", key, w)
	}
	return 0, false
}

// once moves to the value of a word that may stand only once.
func (l *linkChange) once(key string) string {
	w := l.value()
	if l.given[key] {
		l.duparg(key, w)
	}
	l.given[key] = true
	return w
}

func (l *linkChange) integer(key string, typ uint16) {
	w := l.once(key)
	v, ok := parseInteger(w, 0)
	if !ok {
		l.invarg("Invalid \""+key+"\" value\n", w)
	}
	// Of these, -1 counts as not given.
	l.given[key] = v != -1
	l.r.u32(typ, uint32(v))
}

func (l *linkChange) unsigned(key string, typ uint16) {
	v, ok := parseUnsigned(l.value(), 0)
	if !ok {
		l.invarg("Invalid \""+key+"\" value\n", l.call.word())
	}
	l.r.u32(typ, v)
}

// choice reads one of the words in any case; its place is the number to send.
func (l *linkChange) choice(typ uint16, words []string, msg string) {
	w := l.value()
	for i, name := range words {
		if strings.EqualFold(w, name) {
			l.r.u8(typ, uint8(i))
			return
		}
	}
	l.invarg(msg, w)
}

func (l *linkChange) addrGenMode(w string) {
	for i, name := range []string{"eui64", "none", "stable_secret", "random"} {
		if strings.EqualFold(w, name) {
			l.r.nest(nla.IFLAAFSpec, func() { l.r.nest(afInet6, func() { l.r.u8(inet6AddrGenMode, uint8(i)) }) })
			return
		}
	}
	l.invarg("Invalid address generation mode\n", w)
}

// validName tells whether a name can be that of a device (check_ifname); an
// alternative name may be longer.
func validName(s string, alternative bool) bool {
	return s != "" && (alternative || len(s) < ifNameSize) &&
		!strings.ContainsFunc(s, func(r rune) bool { return r == '/' || unicode.IsSpace(r) })
}

func (l *linkChange) nameArg(w string) {
	if l.name != "" {
		l.duparg("name", w)
	}
	if !validName(w, false) {
		l.invarg("\"name\" not a valid ifname", w)
	}
	l.name = w
	if l.dev == "" {
		l.dev = w
	}
}

func (l *linkChange) indexArg(w string) {
	if l.indexSet {
		l.duparg("index", w)
	}
	if l.index = atoi(w); l.index <= 0 {
		l.invarg("Invalid \"index\" value", w)
	}
	l.indexSet = true
}

func (l *linkChange) devArg(w string) {
	if matches(w, "help") {
		l.usage(usageLink)
	}
	if w == "dev" {
		w = l.value()
	}
	if l.dev != l.name {
		l.duparg2("dev", w)
	}
	if !validName(w, true) {
		l.invarg("\"dev\" not a valid ifname", w)
	}
	l.dev = w
}

// hardwareArg reads a hardware address.
func (l *linkChange) hardwareArg(typ uint16) int {
	b, ok := l.hardware(l.value())
	if !ok {
		return 1
	}
	if typ == nla.IFLAAddress {
		l.addrLen = len(b)
	}
	l.r.attr(typ, b)
	return 0
}

// hardware reads a hardware address, which may be an IPv4 address (ll_addr_a2n).
func (s *session) hardware(w string) ([]byte, bool) {
	if strings.Contains(w, ".") {
		if p, ok := parseAddr(w, afInet); ok && len(p.data) == 4 {
			return p.data, true
		}
		s.errorf("\"%s\" is invalid lladdr.\n", w)
		return nil, false
	}
	var b []byte
	for _, part := range strings.Split(w, ":") {
		if len(part) == 1 {
			part = "0" + part
		}
		x, err := hex.DecodeString(part)
		if err != nil || len(x) != 1 {
			s.errorf("\"%s\" is invalid lladdr.\n", w)
			return nil, false
		}
		b = append(b, x[0])
	}
	return b, true
}

func (l *linkChange) netnsArg(w string) {
	if l.given["netns"] {
		l.duparg("netns", w)
	}
	l.given["netns"], l.moves = true, true
	if fd, ok := l.openNetNS(w); ok {
		l.r.u32(nla.IFLANetNSFD, uint32(fd))
		return
	}
	pid, ok := parseInteger(w, 0)
	if !ok {
		l.invarg("Invalid \"netns\" value\n", w)
	}
	l.r.u32(nla.IFLANetNSPID, uint32(pid))
}

func (l *linkChange) linkNetNS() {
	w := l.once("link-netns")
	id := l.nsidOf(w)
	if id < 0 {
		l.invarg("Invalid \"link-netns\" value\n", w)
	}
	l.r.u32(nla.IFLALinkNetNSID, uint32(int32(id)))
}

// complete sees which device is meant and completes the header and the name.
func (l *linkChange) complete() int {
	create := l.r.flags&netlink.Create != 0
	switch {
	case l.name == "":
		l.name = l.dev
	case l.dev == "":
		l.dev = l.name
	}
	if status := l.checkLength(); status != 0 {
		return status
	}
	if l.indexSet && !create && !l.moves {
		l.errorf("index can be used only when creating devices or when moving device to another netns.\n")
		panic(exit(255))
	}
	if l.group != -1 && l.dev == "" {
		return l.wholeGroup(create)
	}
	if !create {
		return l.existing()
	}
	if l.name != l.dev {
		l.errorf("both \"name\" and \"dev\" cannot be used when creating devices.\n")
		panic(exit(255))
	}
	if l.link != "" {
		index := l.device(l.link)
		if index == 0 {
			return l.nodev(l.link)
		}
		l.r.u32(nla.IFLALink, uint32(index))
	}
	binary.NativeEndian.PutUint32(l.r.body[l.start+4:], uint32(l.index))
	if l.name != "" {
		l.r.str(nla.IFLAIfname, l.name)
	}
	return 0
}

// checkLength compares the length of a hardware address with that of the device.
func (l *linkChange) checkLength() int {
	if l.dev == "" || l.addrLen == 0 {
		return 0
	}
	k := l.links.named(l.dev)
	if k == nil || len(k.Address) == 0 || len(k.Address) == l.addrLen {
		return 0
	}
	l.errorf("Invalid address length %d - must be %d bytes\n", l.addrLen, len(k.Address))
	return 1
}

func (l *linkChange) wholeGroup(create bool) int {
	switch {
	case l.more():
		l.errorf("Garbage instead of arguments \"%s ...\". Try \"ip link help\".\n", l.call.word())
		return 1
	case create:
		l.errorf("group cannot be used when creating devices.\n")
		return 1
	}
	l.kind = ""
	return 0
}

// existing completes a request that changes or deletes a device.
func (l *linkChange) existing() int {
	if l.dev == "" {
		l.errorf("Not enough information: \"dev\" argument is required.\n")
		panic(exit(255))
	}
	index := l.device(l.dev)
	if index == 0 {
		return l.nodev(l.dev)
	}
	binary.NativeEndian.PutUint32(l.r.body[l.start+4:], uint32(index))
	if l.indexSet {
		l.r.u32(nla.IFLANewIfindex, uint32(l.index))
	}
	if l.name != l.dev {
		l.r.str(nla.IFLAIfname, l.name)
	}
	return 0
}
