package rpdb

// Device flags (IFF_*).
const (
	IFFUp        uint32 = 0x1
	IFFBroadcast uint32 = 0x2
	IFFLoopback  uint32 = 0x8
	IFFPointopt  uint32 = 0x10
	IFFRunning   uint32 = 0x40
	IFFNoARP     uint32 = 0x80
	IFFMaster    uint32 = 0x400
	IFFSlave     uint32 = 0x800
	IFFMulticast uint32 = 0x1000
	IFFLowerUp   uint32 = 0x10000
)

// Loopback is the ifindex of lo in every namespace (LOOPBACK_IFINDEX).
const Loopback = 1

// Link is a network device.
type Link struct {
	Index    int
	Name     string
	AltNames []string
	Type     uint16 // ARPHRD_*
	Kind     string // IFLA_INFO_KIND: vrf, bridge, veth, ...
	Flags    uint32 // IFF*
	Group    uint32
	Master   int // ifindex of the device it is enslaved to, 0 none
	VRFTable uint32
	MTU      uint32
	Address  []byte // hardware address
	Peer     int    // IFLA_LINK

	// NoInet and NoInet6 tell that the device has no IPv4 or IPv6 state
	// (in_device, inet6_dev), for example because its MTU is too small.
	NoInet, NoInet6 bool

	// Assumed marks a device that the source only named (dev X in a route): its
	// index is invented and it is taken to be up.
	Assumed bool

	Operstate uint8
	Qdisc     string
	TxQLen    uint32
	Extra     []Attr
}

// Up reports whether the device is administratively up.
func (l *Link) Up() bool { return l.Flags&IFFUp != 0 }

// IsLoopback reports whether the device is a loopback.
func (l *Link) IsLoopback() bool { return l.Flags&IFFLoopback != 0 }

// IsVRF reports whether the device is a VRF (an L3 master).
func (l *Link) IsVRF() bool { return l.Kind == "vrf" }
