package rpdb

import "net/netip"

// Neighbour states (NUD_*).
const (
	NUDNone       uint16 = 0
	NUDIncomplete uint16 = 0x01
	NUDReachable  uint16 = 0x02
	NUDStale      uint16 = 0x04
	NUDDelay      uint16 = 0x08
	NUDProbe      uint16 = 0x10
	NUDFailed     uint16 = 0x20
	NUDNoARP      uint16 = 0x40
	NUDPermanent  uint16 = 0x80

	// NUDValid is the set of states in which a neighbour's address is usable.
	NUDValid = NUDPermanent | NUDNoARP | NUDReachable | NUDProbe | NUDStale | NUDDelay
)

// Neigh is a neighbour entry; only its state takes part in the decision.
type Neigh struct {
	Family Family
	Index  int // ifindex
	IP     netip.Addr
	State  uint16 // NUD*
	Flags  uint8  // NTF_*
	LLAddr []byte
	Extra  []Attr
}
