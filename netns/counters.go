package netns

import (
	"encoding/binary"
	"sync/atomic"

	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// Counters are those of a device (struct rtnl_link_stats64). Whoever carries packets
// counts them; they are safe for concurrent use.
type Counters struct {
	RxPackets, TxPackets, RxBytes, TxBytes     atomic.Uint64
	RxErrors, TxErrors, RxDropped, TxDropped   atomic.Uint64
	Multicast, Collisions                      atomic.Uint64
	TxCarrierErrors, RxNoHandler, RxOverErrors atomic.Uint64
}

// Places of rtnl_link_stats64 beyond the first ten.
const (
	statsRxOver    = 11
	statsTxCarrier = 17
	statsNoHandler = 23
	stats64Len     = 25
	stats32Len     = 24
)

func (c *Counters) values() (v [stats64Len]uint64) {
	for i, x := range [...]*atomic.Uint64{
		&c.RxPackets, &c.TxPackets, &c.RxBytes, &c.TxBytes, &c.RxErrors, &c.TxErrors, &c.RxDropped, &c.TxDropped, &c.Multicast, &c.Collisions,
	} {
		v[i] = x.Load()
	}
	v[statsRxOver], v[statsTxCarrier], v[statsNoHandler] = c.RxOverErrors.Load(), c.TxCarrierErrors.Load(), c.RxNoHandler.Load()
	return v
}

// put writes IFLA_STATS64 and IFLA_STATS, which has the low halves.
func (c *Counters) put(m *message) {
	long, short := make([]byte, 0, 8*stats64Len), make([]byte, 0, 4*stats32Len)
	for i, v := range c.values() {
		long = binary.NativeEndian.AppendUint64(long, v)
		if i < stats32Len {
			short = binary.NativeEndian.AppendUint32(short, uint32(v))
		}
	}
	m.put(nla.IFLAStats64, long)
	m.put(nla.IFLAStats, short)
}
