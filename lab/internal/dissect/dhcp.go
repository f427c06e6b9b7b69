package dissect

import "fmt"

// bootp writes the line of a BOOTP or DHCP message (RFC 951).
func (d *dissector) bootp(b []byte, n int) {
	d.proto = "bootp"
	op := u8(b, 0)
	d.s("BOOTP/DHCP, " + names{1: "Request", 2: "Reply"}.of(uint32(op), func() string { return fmt.Sprintf("unknown (0x%02x)", op) }))
	if ethernet := u8(b, 1) == 1 && u8(b, 2) == 6; ethernet && op == 1 {
		d.s(" from " + d.mac(b, 28))
	}
	d.f(", length %d", n)
}
