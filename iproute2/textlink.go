package iproute2

import (
	"encoding/hex"
	"strings"

	"github.com/rulewalk/rulewalk/rpdb"
)

var linkFlags = []struct {
	bit  uint32
	name string
}{
	{rpdb.IFFLoopback, "LOOPBACK"},
	{rpdb.IFFBroadcast, "BROADCAST"},
	{rpdb.IFFPointopt, "POINTOPOINT"},
	{rpdb.IFFMulticast, "MULTICAST"},
	{rpdb.IFFNoARP, "NOARP"},
	{0x200, "ALLMULTI"},
	{0x100, "PROMISC"},
	{rpdb.IFFMaster, "MASTER"},
	{rpdb.IFFSlave, "SLAVE"},
	{0x4, "DEBUG"},
	{0x8000, "DYNAMIC"},
	{0x4000, "AUTOMEDIA"},
	{0x2000, "PORTSEL"},
	{0x20, "NOTRAILERS"},
	{rpdb.IFFUp, "UP"},
	{rpdb.IFFLowerUp, "LOWER_UP"},
	{0x20000, "DORMANT"},
	{0x40000, "ECHO"},
}

var operStates = [...]string{
	"UNKNOWN", "NOTPRESENT", "DOWN", "LOWERLAYERDOWN", "TESTING", "DORMANT", "UP",
}

// operState returns the number of an operational state, -1 for another word.
func operState(s string) int {
	for i, name := range operStates {
		if s == name {
			return i
		}
	}
	return -1
}

// linkTypes are the hardware types that ip names and that occur with routes.
var linkTypes = map[string]uint16{
	"ether": 1, "infiniband": 32, "loopback": 772, "ppp": 512, "none": 65534,
	"ipip": 768, "tunnel6": 769, "sit": 776, "gre": 778, "gre6": 823, "void": 65535,
	"rawip": 519, "netlink": 824, "can": 280, "ieee802.11": 801, "slip": 256, "phonet": 820,
}

// splitPeer splits NAME@PEER.
func splitPeer(s string) (name, peer string) {
	if i := strings.LastIndexByte(s, '@'); i > 0 {
		return s[:i], s[i+1:]
	}
	return s, ""
}

// linkLine reads the first line of a device, or with ip -o one of its addresses.
func (t *TextReader) linkLine(w []string) bool {
	index, ok := parseUint(strings.TrimSuffix(w[0], ":"), 10, 1<<31-1)
	if !ok || index == 0 {
		return false
	}
	name, isLink := strings.CutSuffix(w[1], ":")
	name, peer := splitPeer(name)
	if name == "" || len(w) < 3 {
		return false
	}
	switch {
	case isLink && w[2][0] == '<':
		t.enter(kindLink)
		t.link = t.devs.numbered(int(index), name)
		t.describe(peer, w[2:])
	case !isLink && (w[2] == "inet" || w[2] == "inet6" || w[2] == "link/ether"):
		t.enter(kindAddr)
		t.link = t.devs.numbered(int(index), name)
		if w[2] != "link/ether" {
			t.addrLine(w[2:])
		}
	default:
		return false
	}
	return true
}

// describe reads a device's flags and what follows them on its line.
func (t *TextReader) describe(peer string, w []string) {
	l := t.link
	l.Assumed = false
	l.Flags = t.parseLinkFlags(w[0])
	if peer != "" && peer != "NONE" {
		l.Peer, _ = t.devs.peer(peer)
	}
	for i := 1; i < len(w); i++ {
		v := ""
		if i+1 < len(w) {
			v = w[i+1]
		}
		i++
		ok := true
		switch w[i-1] {
		case "mtu":
			l.MTU, ok = parseUint(v, 10, 1<<32-1)
		case "qdisc":
			l.Qdisc = v
		case "state":
			s := operState(v)
			ok = s >= 0
			l.Operstate = uint8(max(s, 0))
		case "group":
			l.Group, ok = t.n.GroupID(v)
		case "qlen":
			l.TxQLen, ok = parseUint(v, 10, 1<<32-1)
		case "master":
			l.Master, _ = t.devs.index(v)
		case "mode", "link-netns", "link-netnsid", "new-netns", "new-netnsid", "new-ifindex", "protodown":
		case "event", "txqlen", "link-index":
		default:
			t.problem("a device with a word that is not known: " + w[i-1])
			return
		}
		if !ok {
			t.problem("a device whose " + w[i-1] + " cannot be read")
		}
	}
}

func (t *TextReader) parseLinkFlags(s string) (flags uint32) {
	carrier := true
	for _, f := range strings.Split(strings.Trim(s, "<>"), ",") {
		switch {
		case f == "" || f == "M-DOWN":
			continue
		case f == "NO-CARRIER":
			carrier = false
			continue
		}
		known := false
		for _, lf := range linkFlags {
			if lf.name == f {
				flags |= lf.bit
				known = true
			}
		}
		if v, ok := parseUint(f, 16, 1<<32-1); ok && !known {
			flags |= v
		} else if !known {
			t.problem("a device flag that is not known: " + f)
		}
	}
	if flags&rpdb.IFFUp != 0 && carrier {
		flags |= rpdb.IFFRunning
	}
	return flags
}

// linkAddress reads the link/TYPE line.
func (t *TextReader) linkAddress(w []string) {
	if typ, ok := linkTypes[strings.TrimPrefix(w[0], "link/")]; ok {
		t.link.Type = typ
	} else if v, ok := parseUint(strings.Trim(w[0][len("link/"):], "[]"), 10, 0xffff); ok {
		t.link.Type = uint16(v)
	}
	if len(w) > 1 {
		if mac, ok := parseLLAddr(w[1]); ok {
			t.link.Address = mac
		}
	}
	for i := 1; i+1 < len(w); i++ {
		if id, ok := parseUint(w[i+1], 10, 1<<31-1); ok && w[i] == "link-netnsid" {
			t.link.Extra = []rpdb.Attr{netNSID(id)}
		}
	}
}

// linkDetail reads the lines of ip -d and -s inside the block of a device. Only
// the kind, the table of a VRF and alternative names take part in decisions; the
// rest of such a line is passed over.
func (t *TextReader) linkDetail(line string, w []string) bool {
	if t.link == nil || !strings.HasPrefix(line, "    ") {
		return false
	}
	switch {
	case w[0] == "altname" && len(w) > 1:
		t.link.AltNames = appendNew(t.link.AltNames, w[1])
	case strings.HasSuffix(w[0], "_slave"), w[0] == "alias", w[0] == "vf", w[0] == "RX", w[0] == "TX":
	case len(w) > 2 && w[0] == "vrf" && w[1] == "table":
		v, ok := t.tableID(w[2])
		if !ok {
			t.problem("a VRF whose table cannot be read")
		}
		t.link.Kind, t.link.VRFTable = "vrf", v
	case isKind(w[0]) && t.link.Kind == "":
		t.link.Kind = w[0]
	}
	return true
}

// isKind tells whether a word can be the kind of a device, which begins a line of
// ip -d link.
func isKind(s string) bool {
	for _, c := range s {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return s[0] >= 'a' && s != "prog" && s != "promiscuity"
}

func appendNew(list []string, s string) []string {
	for _, x := range list {
		if x == s {
			return list
		}
	}
	return append(list, s)
}

// briefLine reads a line of ip -br link or ip -br addr.
func (t *TextReader) briefLine(w []string) {
	t.enter(kindBrief)
	name, peer := splitPeer(w[0])
	t.link = t.devs.named(name)
	if peer != "" && peer != "NONE" {
		t.link.Peer, _ = t.devs.peer(peer)
	}
	t.link.Operstate = uint8(operState(w[1]))
	for rest := w[2:]; len(rest) > 0; {
		switch {
		case rest[0][0] == '<':
			t.link.Flags = t.parseLinkFlags(rest[0])
			rest = rest[1:]
		case strings.IndexByte(rest[0], '/') < 0 && (len(rest) < 2 || rest[1] != "peer"):
			if mac, ok := parseLLAddr(rest[0]); ok {
				t.link.Address = mac
			} else {
				t.problem("a word that is not known: " + rest[0])
			}
			rest = rest[1:]
		default:
			rest = t.briefAddr(rest)
		}
	}
}

// briefAddr reads one address of ip -br addr and returns the words after it.
func (t *TextReader) briefAddr(w []string) []string {
	n := 1
	if len(w) > 2 && w[1] == "peer" {
		n = 3
	}
	if len(w) > n+1 && w[n] == "metric" {
		n += 2
	}
	family := "inet"
	if strings.IndexByte(w[0], ':') >= 0 {
		family = "inet6"
	}
	t.addrLine(append([]string{family}, w[:n]...))
	return w[n:]
}

// vrfRow reads a line of ip vrf show.
func (t *TextReader) vrfRow(w []string) bool {
	if len(w) == 1 && strings.Trim(w[0], "-") == "" {
		return true
	}
	if len(w) != 2 {
		return false
	}
	table, ok := parseUint(w[1], 10, 1<<32-1)
	if !ok {
		return false
	}
	l := t.devs.named(w[0])
	l.Kind, l.VRFTable = "vrf", table
	return true
}

// parseLLAddr reads a hardware address: bytes in hex with colons.
func parseLLAddr(s string) ([]byte, bool) {
	if len(s) > 3*32 {
		return nil, false
	}
	for _, part := range strings.Split(s, ":") {
		if len(part) != 2 {
			return nil, false
		}
	}
	b, err := hex.DecodeString(strings.ReplaceAll(s, ":", ""))
	return b, err == nil
}
