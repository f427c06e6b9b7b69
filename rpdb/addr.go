package rpdb

import "net/netip"

// Address flags (IFA_F_*). Secondary (IPv4) and Temporary (IPv6) share a bit.
const (
	IFASecondary      uint32 = 0x01
	IFATemporary      uint32 = 0x01
	IFANoDAD          uint32 = 0x02
	IFAOptimistic     uint32 = 0x04
	IFADADFailed      uint32 = 0x08
	IFAHomeAddress    uint32 = 0x10
	IFADeprecated     uint32 = 0x20
	IFATentative      uint32 = 0x40
	IFAPermanent      uint32 = 0x80
	IFAManageTempAddr uint32 = 0x100
	IFANoPrefixRoute  uint32 = 0x200
	IFAMCAutoJoin     uint32 = 0x400
	IFAStablePrivacy  uint32 = 0x800
)

// Forever is the lifetime of an address that does not expire.
const Forever uint32 = 0xffffffff

// Addr is an address of a device. The order of State.Addrs is the order in which
// the kernel dumps them, which source selection depends on.
type Addr struct {
	Family    Family
	Index     int        // ifindex
	Local     netip.Addr // IFA_LOCAL
	Peer      netip.Addr // IFA_ADDRESS where it differs from Local; else invalid
	PrefixLen uint8      // of Peer if there is one, else of Local
	Scope     Scope
	Flags     uint32 // IFA*
	Broadcast netip.Addr
	Anycast   netip.Addr
	Label     string
	Metric    uint32 // IFA_RT_PRIORITY
	Protocol  uint8  // IFA_PROTO
	Valid     uint32 // seconds, Forever
	Preferred uint32 // seconds, Forever
	Created   uint32 // hundredths of a second since boot, 0 not known
	Updated   uint32
	Extra     []Attr
}

// Subnet returns the address (or peer) that the prefix length applies to,
// masked: the kernel's ifa_address & ifa_mask.
func (a *Addr) Subnet() netip.Prefix {
	return netip.PrefixFrom(a.Address(), int(a.PrefixLen)).Masked()
}

// Address returns the kernel's ifa_address: the peer if there is one, else the
// local address.
func (a *Addr) Address() netip.Addr {
	if a.Peer.IsValid() {
		return a.Peer
	}
	return a.Local
}
