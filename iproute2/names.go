package iproute2

import (
	"strconv"
	"strings"

	"github.com/rulewalk/rulewalk/rpdb"
)

// Table of one name file: number to name and back.
type nameTable struct {
	byID   map[uint32]string
	byName map[string]uint32
}

func newNameTable(pairs map[uint32]string) nameTable {
	t := nameTable{byID: make(map[uint32]string, len(pairs)), byName: make(map[string]uint32, len(pairs))}
	for id, name := range pairs {
		t.set(id, name)
	}
	return t
}

func (t *nameTable) set(id uint32, name string) {
	t.byID[id] = name
	t.byName[name] = id
}

func (t *nameTable) clone() nameTable {
	return newNameTable(t.byID)
}

// format returns the name of id, or id as a decimal number.
func (t *nameTable) format(id uint32, numeric bool) string {
	if !numeric {
		if name, ok := t.byID[id]; ok {
			return name
		}
	}
	return strconv.FormatUint(uint64(id), 10)
}

// parse returns the id of an exact name, or of a number up to limit in the given
// base (0: as in C).
func (t *nameTable) parse(s string, base int, limit uint32) (uint32, bool) {
	if id, ok := t.byName[s]; ok {
		return id, true
	}
	return parseUint(s, base, limit)
}

// Names are the names of tables, protocols, scopes, realms, dsfields and device
// groups: those built into iproute2, and those of its name files. A Names may be
// read by several goroutines at once.
type Names struct {
	tables, protos, addrProtos, scopes, realms, dsfields, groups nameTable

	// Numeric makes every method that formats answer with a number (ip -N).
	Numeric bool
}

var builtinProtos = map[uint32]string{
	0: "unspec", 1: "redirect", 2: "kernel", 3: "boot", 4: "static", 8: "gated",
	9: "ra", 10: "mrt", 11: "zebra", 12: "bird", 13: "dnrouted", 14: "xorp",
	15: "ntk", 16: "dhcp", 18: "keepalived", 42: "babel", 186: "bgp", 187: "isis",
	188: "ospf", 189: "rip", 192: "eigrp",
}

var builtinNames = &Names{
	tables:     newNameTable(map[uint32]string{255: "local", 254: "main", 253: "default"}),
	protos:     newNameTable(builtinProtos),
	addrProtos: newNameTable(map[uint32]string{0: "unspec", 1: "kernel_lo", 2: "kernel_ra", 3: "kernel_ll"}),
	scopes:     newNameTable(map[uint32]string{0: "global", 255: "nowhere", 254: "host", 253: "link", 200: "site"}),
	realms:     newNameTable(map[uint32]string{0: "unknown"}),
	dsfields:   newNameTable(map[uint32]string{0: "0"}),
	groups:     newNameTable(map[uint32]string{0: "default"}),
}

// DefaultNames returns the names that iproute2 knows without any file.
func DefaultNames() *Names { return builtinNames.Clone() }

// Clone returns a copy that can be changed on its own.
func (n *Names) Clone() *Names {
	return &Names{
		tables: n.tables.clone(), protos: n.protos.clone(), addrProtos: n.addrProtos.clone(),
		scopes: n.scopes.clone(), realms: n.realms.clone(), dsfields: n.dsfields.clone(),
		groups: n.groups.clone(), Numeric: n.Numeric,
	}
}

// SetTable adds a name for a table, as a line of rt_tables does.
func (n *Names) SetTable(id uint32, name string) { n.tables.set(id, name) }

// Table returns a table's name, or its number.
func (n *Names) Table(id uint32) string { return n.tables.format(id, n.Numeric) }

// TableID returns the number of a table given by name or number. The name unspec
// is known without the file that has it.
func (n *Names) TableID(s string) (uint32, bool) {
	id, ok := n.tables.parse(s, 0, 1<<32-1)
	return id, ok || s == "unspec"
}

// Proto returns the name of a route protocol (RTPROT_*), or its number.
func (n *Names) Proto(id uint8) string { return n.protos.format(uint32(id), n.Numeric) }

// ProtoID returns the number of a route protocol. Names that some versions of
// iproute2 ship are known even where Names has no such file.
func (n *Names) ProtoID(s string) (uint8, bool) {
	id, ok := n.protos.parse(s, 0, 255)
	if !ok {
		id, ok = shippedProtos[s]
	}
	return uint8(id), ok
}

// shippedProtos are names of rt_protos that not every version has.
var shippedProtos = map[string]uint32{"none": 0, "ovn": 84, "openr": 99}

// AddrProto returns the name of an address protocol (IFAPROT_*), or its number in
// hex as iproute2 prints it.
func (n *Names) AddrProto(id uint8) string {
	if name, ok := n.addrProtos.byID[uint32(id)]; ok && !n.Numeric {
		return name
	}
	return hexC(uint64(id))
}

// AddrProtoID returns the number of an address protocol.
func (n *Names) AddrProtoID(s string) (uint8, bool) {
	id, ok := n.addrProtos.parse(s, 0, 255)
	return uint8(id), ok
}

// Scope returns the name of a scope, or its number.
func (n *Names) Scope(s rpdb.Scope) string { return n.scopes.format(uint32(s), n.Numeric) }

// ScopeID returns the scope of a name or number.
func (n *Names) ScopeID(s string) (rpdb.Scope, bool) {
	id, ok := n.scopes.parse(s, 0, 255)
	return rpdb.Scope(id), ok
}

// Realm returns the name of a realm, or its number.
func (n *Names) Realm(id uint16) string { return n.realms.format(uint32(id), n.Numeric) }

// Realms returns A/B for the halves of a realms word, or B alone when the high
// half is zero.
func (n *Names) Realms(r uint32) string {
	if from := uint16(r >> 16); from != 0 {
		return n.Realm(from) + "/" + n.Realm(uint16(r))
	}
	return n.Realm(uint16(r))
}

// RealmsID reads B or A/B into a realms word (get_rt_realms_or_raw).
func (n *Names) RealmsID(s string) (uint32, bool) {
	from, to, both := strings.Cut(s, "/")
	if !both {
		return n.realms.parse(s, 0, 1<<32-1)
	}
	a, ok := n.realms.parse(from, 0, 0xffff)
	if to == "" {
		return a << 16, ok
	}
	b, ok2 := n.realms.parse(to, 0, 0xffff)
	return a<<16 | b, ok && ok2
}

// DSField returns the name of a tos byte, or the byte in hex.
func (n *Names) DSField(tos uint8) string {
	if name, ok := n.dsfields.byID[uint32(tos)]; ok && !n.Numeric {
		return name
	}
	return "0x" + pad2(tos)
}

// DSFieldID returns the tos byte of a name or of a number, which is always hex.
// The names that iproute2 ships in rt_dsfield are known even where Names has no
// such file, for texts that come from elsewhere.
func (n *Names) DSFieldID(s string) (uint8, bool) {
	id, ok := n.dsfields.parse(s, 16, 255)
	if !ok {
		id, ok = shippedDSFields[s]
	}
	return uint8(id), ok
}

// shippedDSFields is the rt_dsfield file that comes with iproute2.
var shippedDSFields = map[string]uint32{
	"AF11": 0x28, "AF12": 0x30, "AF13": 0x38,
	"AF21": 0x48, "AF22": 0x50, "AF23": 0x58,
	"AF31": 0x68, "AF32": 0x70, "AF33": 0x78,
	"AF41": 0x88, "AF42": 0x90, "AF43": 0x98,
	"CS1": 0x20, "CS2": 0x40, "CS3": 0x60, "CS4": 0x80, "CS5": 0xa0, "CS6": 0xc0, "CS7": 0xe0,
	"EF": 0xb8, "default": 0,
}

// DSCP returns the name of a DSCP (of the tos byte that it fills), or its number.
func (n *Names) DSCP(d uint8) string {
	if name, ok := n.dsfields.byID[uint32(d)<<2]; ok && !n.Numeric {
		return name
	}
	return strconv.Itoa(int(d))
}

// DSCPID returns the DSCP of a number below 64, or of a dsfield name.
func (n *Names) DSCPID(s string) (uint8, bool) {
	if id, ok := parseUint(s, 0, 63); ok {
		return uint8(id), true
	}
	id, ok := n.dsfields.byName[s]
	if !ok {
		id, ok = shippedDSFields[s]
	}
	return uint8(id >> 2), ok
}

// Group returns the name of a device group, or its number.
func (n *Names) Group(id uint32) string { return n.groups.format(id, n.Numeric) }

// GroupID returns the number of a device group.
func (n *Names) GroupID(s string) (uint32, bool) { return n.groups.parse(s, 0, 1<<31-1) }

// Type returns the word for a route type, or its number.
func (n *Names) Type(t rpdb.RouteType) string {
	if s := t.String(); !n.Numeric && s != "unknown" {
		return s
	}
	return strconv.Itoa(int(t))
}

func pad2(b uint8) string {
	const digits = "0123456789abcdef"
	return string([]byte{digits[b>>4], digits[b&15]})
}

// hexC formats as C's %#x does: zero has no prefix.
func hexC(v uint64) string {
	if v == 0 {
		return "0"
	}
	return "0x" + strconv.FormatUint(v, 16)
}

// parseUint reads an unsigned number as iproute2 does (strtoul of the whole
// string): base 0 knows 0x and leading-zero octal.
func parseUint(s string, base int, limit uint32) (uint32, bool) {
	v, ok := parseUint64(s, base)
	return uint32(v), ok && v <= uint64(limit)
}

func parseUint64(s string, base int) (v uint64, ok bool) {
	digits := s
	switch {
	case (base == 0 || base == 16) && len(s) > 2 && (s[:2] == "0x" || s[:2] == "0X"):
		base, digits = 16, s[2:]
	case base == 0 && len(s) > 1 && s[0] == '0':
		base, digits = 8, s[1:]
	case base == 0:
		base = 10
	}
	// A word that is no number is common here, and strconv's errors cost.
	for i := range len(digits) {
		if digit(digits[i]) >= base {
			return 0, false
		}
	}
	v, err := strconv.ParseUint(digits, base, 64)
	return v, err == nil
}

// digit returns the value of a digit, or a number beyond every base.
func digit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return 99
}
