package rpdb

import "net/netip"

const protoIGMP uint8 = 2

// isLimitedBroadcast reports whether an address is 255.255.255.255.
func isLimitedBroadcast(a netip.Addr) bool {
	return a == netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// isLocalMulticast reports whether an address is in 224.0.0.0/24.
func isLocalMulticast(a netip.Addr) bool {
	b := a.As4()
	return b[0] == 224 && b[1] == 0 && b[2] == 0
}

// joined reports whether a device listens to an IPv4 multicast group
// (ip_check_mc_rcu). A state does not tell which groups were joined; every device
// that is up has joined 224.0.0.1.
func (db *Database) joined(d *device, group netip.Addr, w *Walk) bool {
	if group == netip.AddrFrom4([4]byte{224, 0, 0, 1}) && d.Up() {
		return true
	}
	w.assume("groups that "+d.Name+" has joined", "224.0.0.1 only")
	return false
}
