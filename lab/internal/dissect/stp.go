package dissect

import "fmt"

const (
	stpConfig         = 0x00
	stpRapid          = 0x02
	stpTopologyChange = 0x80
)

var (
	stpVersions  = names{0: "802.1d", 2: "802.1w", 3: "802.1s", 4: "802.1aq"}
	stpTypes     = names{stpConfig: "Config", stpRapid: "Rapid STP", stpTopologyChange: "Topology Change"}
	stpFlags     = []bit{{0x01, "Topology change"}, {0x02, "Proposal"}, {0x10, "Learn"}, {0x20, "Forward"}, {0x40, "Agreement"}, {0x80, "Topology change ACK"}}
	stpPortRoles = names{0: "Unknown", 1: "Alternate", 2: "Root", 3: "Designated"}
)

// stp writes a bridge's spanning tree message (IEEE 802.1D, 802.1w).
func (d *dissector) stp(b []byte, length int) {
	d.proto = "stp"
	if length < 4 {
		d.bad()
		return
	}
	if u16(b, 0) != 0 {
		d.f("unknown STP version, length %d", length)
		return
	}
	version := u8(b, 2)
	d.s("STP " + stpVersions.of(uint32(version), func() string { return fmt.Sprintf("Unknown STP protocol (0x%02x)", version) }))
	if _, ok := stpVersions[uint32(version)]; !ok {
		return
	}
	kind := u8(b, 3)
	d.s(", " + stpTypes.of(uint32(kind), func() string { return fmt.Sprintf("Unknown BPDU Type (0x%02x)", kind) }))
	const config = 36 // the rapid message; a plain one lacks its last byte
	switch {
	case kind == stpConfig && length < config-1, kind == stpRapid && version == stpRapid && length < config:
		d.bad()
	case kind == stpConfig, kind == stpRapid && version == stpRapid:
		d.stpConfig(b, length)
	}
}

func (d *dissector) stpConfig(b []byte, length int) {
	flags := u8(b, 4)
	d.f(", Flags [%s]", bits(stpFlags, uint32(flags), ", ", "none"))
	d.f(", bridge-id %s.%04x, length %d", bridgeID(b, 17), u16(b, 25), length)
	if d.options.Verbose == 0 {
		return
	}
	seconds := func(at int) float64 { return float64(u16(b, at)) / 256 }
	d.f("\n\tmessage-age %.2fs, max-age %.2fs, hello-time %.2fs, forwarding-delay %.2fs", seconds(27), seconds(29), seconds(31), seconds(33))
	d.f("\n\troot-id %s, root-pathcost %d", bridgeID(b, 5), u32(b, 13))
	if u8(b, 2) == stpRapid {
		d.s(", port-role " + stpPortRoles[uint32(flags>>2&3)])
	}
}

func bridgeID(b []byte, at int) string {
	id := bytesAt(b, at, 8)
	return fmt.Sprintf("%02x%02x.%s", id[0], id[1], hexBytes(id[2:], ":"))
}
