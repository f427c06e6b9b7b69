package netns

import (
	"math"

	"github.com/rulewalk/rulewalk/rpdb"
)

// neighParms are the neighbour settings of a device and family, times in jiffies
// (neigh_parms.data, NEIGH_VAR_*).
type neighParms [14]int32

const (
	neighMcastProbes = iota
	neighUcastProbes
	neighAppProbes
	neighMcastReprobes
	neighRetrans
	neighReachable
	neighDelayProbe
	neighInterval
	neighGCStale
	neighQueueBytes
	neighProxyQueue
	neighAnycastDelay
	neighProxyDelay
	neighLockTime
)

// Neighbour settings of a new device (arp_tbl, nd_tbl).
var (
	freshNeigh4 = neighParms{3, 3, 0, 0, hz, 30 * hz, 5 * hz, 5 * hz, 60 * hz, 212992, 64, hz, hz * 8 / 10, hz}
	freshNeigh6 = neighParms{3, 3, 0, 0, hz, 30 * hz, 5 * hz, 5 * hz, 60 * hz, 212992, 64, hz, hz * 8 / 10, 0}
)

// neighFrame is what a frame takes of the queue of an unresolved neighbour:
// SKB_TRUESIZE(ETH_FRAME_LEN).
const neighFrame = 2090

var (
	anyUserHZ = number{kind: numUserHZ, min: math.MinInt32, max: math.MaxInt32}
	natural   = ints(0, math.MaxInt32)
)

// neighEntry is a setting below net/ipv4/neigh/DEV: its place in [neighParms] and its
// format.
type neighEntry struct {
	at     int
	format number
}

// neighFiles are the settings below neigh/DEV of both families (neigh_sysctl_template).
// Only the first namespace of a machine has neigh/default, from which the fresh
// settings of all others come; the emulated ones are like any other.
var neighFiles = map[string]neighEntry{
	"mcast_solicit": {neighMcastProbes, natural}, "ucast_solicit": {neighUcastProbes, natural},
	"app_solicit": {neighAppProbes, natural}, "mcast_resolicit": {neighMcastReprobes, natural},
	"retrans_time": {neighRetrans, anyUserHZ}, "retrans_time_ms": {neighRetrans, anyMS},
	"base_reachable_time": {neighReachable, anySeconds}, "base_reachable_time_ms": {neighReachable, anyMS},
	"delay_first_probe_time": {neighDelayProbe, anySeconds},
	"interval_probe_time_ms": {neighInterval, number{kind: numMS, min: 1, max: math.MaxInt32}},
	"gc_stale_time":          {neighGCStale, anySeconds},
	"unres_qlen_bytes":       {neighQueueBytes, natural}, "unres_qlen": {neighQueueBytes, ints(0, math.MaxInt32/neighFrame)},
	"proxy_qlen": {neighProxyQueue, natural}, "anycast_delay": {neighAnycastDelay, anyUserHZ},
	"proxy_delay": {neighProxyDelay, anyUserHZ}, "locktime": {neighLockTime, anyUserHZ},
}

func (n *Namespace) neighFile(f rpdb.Family, dev, name string) *sysctlFile {
	e, known := neighFiles[name]
	d := n.byName(dev)
	if !known || d == nil || d.Name != dev || f == rpdb.IPv4 && d.NoInet || f == rpdb.IPv6 && d.NoInet6 {
		return nil
	}
	p, scale := &d.neigh4, int64(1)
	if f == rpdb.IPv6 {
		p = &d.neigh6
		if name == "retrans_time" {
			e.format = anyInt // ndisc_ifinfo_sysctl_change: in jiffies
		}
	}
	if name == "unres_qlen" { // proc_unres_qlen
		scale = neighFrame
	}
	return &sysctlFile{
		mode: modeUsual,
		read: func() (string, error) { return e.format.text(int64(p[e.at]) / scale), nil },
		write: func(text string) error {
			to := []int64{0}
			if stored, err := e.format.parse(text, to); stored == 0 {
				return err
			}
			p[e.at] = int32(to[0] * scale)
			if f == rpdb.IPv6 && (e.at == neighRetrans || e.at == neighReachable) {
				n.neighTimes6Changed(d)
			}
			return nil
		},
	}
}

// neighTimes6Changed tells of new times of IPv6 (ndisc_ifinfo_sysctl_change).
func (n *Namespace) neighTimes6Changed(d *device) {
	d.in6.retrans = uint32(d.neigh6[neighRetrans]) * (1000 / hz)
	d.in6.reachable = uint32(d.neigh6[neighReachable]) * (1000 / hz)
	d.in6.stamp = n.world.uptime()
	n.notifyIfInfo6(d)
}
