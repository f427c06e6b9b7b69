package dissect

import "fmt"

var sapNames = names{
	0x00: "Null", 0xff: "Global", 0x02: "802.1B I", 0x03: "802.1B G", 0x06: "IP", 0x04: "SNA", 0x0e: "ProWay NM",
	0x42: "STP", 0x4e: "RS511", 0x7e: "ISO8208", 0x8e: "ProWay", 0xaa: "SNAP", 0xe0: "IPX", 0xf0: "NetBeui", 0xfe: "OSI",
}

const (
	sapSTP  = 0x42
	sapIP   = 0x06
	sapSNAP = 0xaa
	ui      = 0x03 // unnumbered information
)

var (
	unnumberedNames  = names{0x03: "ui", 0xe3: "test", 0xaf: "xid", 0x63: "ua", 0x43: "disc", 0x0f: "dm", 0x6f: "sabme", 0x87: "frmr"}
	supervisoryNames = names{0: "Receiver Ready", 1: "Receiver not Ready", 2: "Reject"}
	llcFlagNames     = names{0: "Command", 1: "Response", 0x10: "Poll", 0x11: "Final", 0x100: "Poll", 0x101: "Final"}
)

// llc writes an 802.2 payload and returns the length of its header; negative if the
// payload after it is not understood. frame holds the Ethernet addresses, nil if
// there are none.
func (d *dissector) llc(b []byte, length int, frame []byte) int {
	d.proto = "llc"
	if min(len(b), length) < 3 {
		return d.shortLLC(b, length)
	}
	dsapField, ssapField, control, header := u8(b, 0), u8(b, 1), uint16(u8(b, 2)), 3
	unnumbered := control&3 == 3
	if !unnumbered {
		if min(len(b), length) < 4 {
			return d.shortLLC(b, length)
		}
		control, header = uint16(b[2])|uint16(b[3])<<8, 4
	}
	dsap, ssap := dsapField&^1, ssapField&^1
	if d.options.LinkHeader {
		unknown := func() string { return "Unknown" }
		d.f("LLC, dsap %s (0x%02x) %s, ssap %s (0x%02x) %s", sapNames.of(uint32(dsap), unknown), dsap,
			names{0: "Individual", 1: "Group"}[uint32(dsapField&1)], sapNames.of(uint32(ssap), unknown), ssap,
			llcFlagNames[uint32(ssapField&1)])
		d.f(", ctrl 0x%0*x: ", 2*(header-2), control)
	}
	b, length = b[header:], length-header
	if dsap == ssap && control == ui {
		switch dsap {
		case sapSNAP:
			if d.snap(b, length, frame) {
				return header + 5
			}
			return -(header + 5)
		case sapSTP:
			d.stp(b, length)
			return header
		case sapIP:
			d.ip4(b, length)
			return header
		}
	}
	if !d.options.LinkHeader {
		d.saps(dsap, ssap, frame)
	}
	if unnumbered {
		return d.unnumbered(b, length, header, control, ssapField)
	}
	flags := llcFlagNames.of(uint32(ssapField&1)|uint32(control&0x100), func() string { return "?" })
	if control&1 == 1 {
		d.f("Supervisory, %s, rcv seq %d, Flags [%s], length %d",
			supervisoryNames.of(uint32(control>>2&3), func() string { return "?" }), control>>9&0x7f, flags, length+header)
		return header
	}
	d.f("Information, send seq %d, rcv seq %d, Flags [%s], length %d", control>>1&0x7f, control>>9&0x7f, flags, length+header)
	return -header
}

func (d *dissector) shortLLC(b []byte, length int) int {
	n := min(len(b), length)
	d.trunc()
	d.opaque(b)
	return n
}

// saps writes who talks to whom where no link header shows it.
func (d *dissector) saps(dsap, ssap uint8, frame []byte) {
	dst := sapNames.of(uint32(dsap), func() string { return fmt.Sprintf("Unknown DSAP 0x%02x", dsap) })
	src := sapNames.of(uint32(ssap), func() string { return fmt.Sprintf("Unknown SSAP 0x%02x", ssap) })
	switch {
	case ssap == dsap && frame == nil:
		d.s(dst + " ")
	case ssap == dsap:
		d.f("%s > %s %s ", d.mac(frame, 6), d.mac(frame, 0), dst)
	case frame == nil:
		d.f("%s > %s ", src, dst)
	default:
		d.f("%s %s > %s %s ", d.mac(frame, 6), src, d.mac(frame, 0), dst)
	}
}

// unnumbered writes an unnumbered frame.
func (d *dissector) unnumbered(b []byte, length, header int, control uint16, ssapField uint8) int {
	const poll, xid, xidFormat = 0x10, 0xaf, 0x81
	cmd := uint32(control) &^ poll
	d.f("Unnumbered, %s, Flags [%s], length %d", unnumberedNames.of(cmd, func() string { return fmt.Sprintf("%02x", cmd) }),
		llcFlagNames.of(uint32(ssapField&1)|uint32(control&poll), func() string { return "?" }), length+header)
	if cmd != xid {
		return -header
	}
	switch {
	case length == 0:
	case len(b) < 1:
		d.trunc()
	case u8(b, 0) != xidFormat:
		return -header
	case len(b) < 3 || length < 3:
		d.trunc()
		d.opaque(b)
	default:
		d.f(": %02x %02x", u8(b, 1), u8(b, 2))
	}
	return header
}

var ciscoNames = names{0x2000: "CDP", 0x2003: "VTP", 0x2004: "DTP", 0x0111: "UDLD", 0x010b: "PVST", 0x010c: "VLAN Bridge"}

var bridgedNames = names{
	1: "Ethernet + FCS", 7: "Ethernet w/o FCS", 2: "802.4 + FCS", 8: "802.4 w/o FCS", 3: "Token Ring + FCS",
	9: "Token Ring w/o FCS", 4: "FDDI + FCS", 10: "FDDI w/o FCS", 5: "802.6 + FCS", 11: "802.6 w/o FCS", 14: "BPDU",
}

// snap writes a SNAP header and its payload, and says whether it understood it.
func (d *dissector) snap(b []byte, length int, frame []byte) bool {
	d.proto = "snap"
	if len(b) < 5 || length < 5 {
		d.trunc()
		return true
	}
	const ethernet, cisco, bridgedCisco, bridged, apple = 0x000000, 0x00000c, 0x0000f8, 0x0080c2, 0x080007
	oui, t := u24(b, 0), u16(b, 3)
	kind, types := "pid", names(nil)
	switch oui {
	case ethernet:
		kind, types = "ethertype", etherNames
	case bridgedCisco, apple:
		types = etherNames
	case cisco:
		types = ciscoNames
	case bridged:
		types = bridgedNames
	}
	unknown := func() string { return "Unknown" }
	name := types.of(uint32(t), unknown)
	if d.options.LinkHeader {
		d.f("oui %s (0x%06x), %s %s (0x%04x), length %d: ", ouiNames.of(oui, unknown), oui, kind, name, t, length-5)
	}
	b, length = b[5:], length-5
	switch {
	case oui == ethernet || oui == bridgedCisco:
		if d.network(t, b, length) {
			return true
		}
	case oui == cisco && (t == 0x010b || t == 0x010c), oui == bridged && t == 14:
		d.stp(b, length)
		return true
	case oui == bridged && (t == 1 || t == 7):
		if len(b) < 2 {
			d.trunc()
			return true
		}
		d.proto = "ether"
		d.ether(b[2:], length-2)
		return true
	}
	if d.options.LinkHeader {
		return false
	}
	if frame != nil {
		d.f("%s > %s ", d.mac(frame, 6), d.mac(frame, 0))
	}
	if oui == ethernet {
		d.f("SNAP, ethertype %s (0x%04x), length %d: ", name, t, length)
	} else {
		d.f("SNAP, oui %s (0x%06x), pid %s (0x%04x), length %d: ", ouiNames.of(oui, unknown), oui, name, t, length)
	}
	return false
}
