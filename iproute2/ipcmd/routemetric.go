package ipcmd

import (
	"math"
	"strconv"
	"strings"
)

// Metrics of a route (RTAX_*).
const (
	rtaxLock       = 1
	rtaxMTU        = 2
	rtaxWindow     = 3
	rtaxRTT        = 4
	rtaxRTTVar     = 5
	rtaxSSThresh   = 6
	rtaxCWnd       = 7
	rtaxAdvMSS     = 8
	rtaxReordering = 9
	rtaxHopLimit   = 10
	rtaxInitCWnd   = 11
	rtaxFeatures   = 12
	rtaxRTOMin     = 13
	rtaxInitRWnd   = 14
	rtaxQuickAck   = 15
	rtaxCCAlgo     = 16
	rtaxFastOpen   = 17
)

// metricList is the RTA_METRICS of a route under construction.
type metricList struct {
	request
	lock uint32
}

func (m *metricList) add(id uint16, v uint32) { m.u32(id, v) }

func (m *metricList) addTo(r *request) {
	if len(m.body) == 0 {
		return
	}
	if m.lock != 0 {
		m.u32(rtaxLock, m.lock)
	}
	r.attr(rtaMetrics, m.body)
}

// plainMetrics are those whose value is a number, in the order in which a word is
// compared with them and the others. Their messages name them as told.
var plainMetrics = []struct {
	word  string
	exact bool
	id    uint16
	said  string
}{
	{"mtu", true, rtaxMTU, "mtu"},
	{"hoplimit", true, rtaxHopLimit, "hoplimit"},
	{"advmss", true, rtaxAdvMSS, "mss"},
	{"reordering", false, rtaxReordering, "reordering"},
	{"rtt", true, rtaxRTT, "rtt"},
	{"rto_min", true, rtaxRTOMin, "rto_min"},
	{"window", false, rtaxWindow, "window"},
	{"cwnd", false, rtaxCWnd, "cwnd"},
	{"initcwnd", false, rtaxInitCWnd, "initcwnd"},
	{"initrwnd", false, rtaxInitRWnd, "initrwnd"},
	{"features", false, rtaxFeatures, "features"},
	{"quickack", false, rtaxQuickAck, "quickack"},
	{"congctl", false, rtaxCCAlgo, "congctl"},
	{"rttvar", false, rtaxRTTVar, "rttvar"},
	{"ssthresh", false, rtaxSSThresh, "ssthresh"},
}

func (r *routeRequest) metricWord(w string) bool {
	for _, m := range plainMetrics {
		if m.exact && w == m.word || !m.exact && matches(w, m.word) {
			r.metric(m.id, m.said)
			return true
		}
	}
	return false
}

func (r *routeRequest) metric(id uint16, said string) {
	switch id {
	case rtaxFeatures:
		r.metrics.add(id, r.features())
		return
	case rtaxQuickAck:
		r.metrics.add(id, r.zeroOrOne(said))
		return
	case rtaxRTOMin:
		r.metrics.lock |= 1 << id
		r.value()
	default:
		if r.value() == "lock" {
			r.metrics.lock |= 1 << id
			r.value()
		}
	}
	bad := "\"" + said + "\" value is invalid\n"
	switch id {
	case rtaxCCAlgo:
		r.metrics.attr(id, []byte(r.word()))
	case rtaxRTT:
		r.metrics.add(id, r.rtt(8, bad))
	case rtaxRTTVar:
		r.metrics.add(id, r.rtt(4, bad))
	case rtaxRTOMin:
		r.metrics.add(id, r.rtt(1, bad))
	default:
		v, ok := parseUnsigned(r.word(), 0)
		if !ok || id == rtaxHopLimit && v > 255 {
			r.invarg(bad, r.word())
		}
		r.metrics.add(id, v)
	}
}

func (r *routeRequest) features() uint32 {
	switch w := r.value(); {
	case w == "ecn":
		return 1
	case w == "tcp_usec_ts" && r.Version >= Version7:
		return 16
	}
	r.invarg("\"features\" value not valid\n", r.word())
	return 0
}

func (r *routeRequest) zeroOrOne(said string) uint32 {
	v, ok := parseUnsigned(r.value(), 0)
	if !ok {
		r.invarg("\""+said+"\" value is invalid\n", r.word())
	}
	if v > 1 {
		r.invarg("\""+said+"\" value should be 0 or 1\n", r.word())
	}
	return v
}

// rtt reads the time under the cursor: a number in the kernel's unit, of which scale
// make a millisecond, or one with a unit (get_time_rtt).
func (r *routeRequest) rtt(scale uint32, bad string) uint32 {
	w := r.word()
	end := strings.IndexFunc(w, func(c rune) bool { return c != '.' && (c < '0' || c > '9') })
	if end < 0 {
		end = len(w)
	}
	if v, ok := strtoul(w, 0); ok && !strings.Contains(w, ".") {
		return uint32(v)
	}
	t, err := strconv.ParseFloat(w[:end], 64)
	if err != nil {
		r.invarg(bad, w)
	}
	switch strings.ToLower(w[end:]) {
	case "":
		return uint32(math.Ceil(t))
	case "s", "sec", "secs":
		t *= 1000
	case "ms", "msec", "msecs":
	default:
		r.invarg(bad, w)
	}
	return uint32(math.Ceil(t)) * scale
}
