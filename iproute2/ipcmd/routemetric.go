package ipcmd

import (
	"math"
	"strconv"
	"strings"

	"github.com/rulewalk/rulewalk/rtnl/nla"
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
		m.u32(nla.RTAXLock, m.lock)
	}
	r.attr(nla.RTAMetrics, m.body)
}

// plainMetrics are those whose value is a number, in the order in which a word is
// compared with them and the others. Their messages name them as told.
var plainMetrics = []struct {
	word  string
	exact bool
	id    uint16
	said  string
}{
	{"mtu", true, nla.RTAXMTU, "mtu"},
	{"hoplimit", true, nla.RTAXHopLimit, "hoplimit"},
	{"advmss", true, nla.RTAXAdvMSS, "mss"},
	{"reordering", false, nla.RTAXReordering, "reordering"},
	{"rtt", true, nla.RTAXRTT, "rtt"},
	{"rto_min", true, nla.RTAXRTOMin, "rto_min"},
	{"window", false, nla.RTAXWindow, "window"},
	{"cwnd", false, nla.RTAXCWnd, "cwnd"},
	{"initcwnd", false, nla.RTAXInitCWnd, "initcwnd"},
	{"initrwnd", false, nla.RTAXInitRWnd, "initrwnd"},
	{"features", false, nla.RTAXFeatures, "features"},
	{"quickack", false, nla.RTAXQuickAck, "quickack"},
	{"congctl", false, nla.RTAXCCAlgo, "congctl"},
	{"rttvar", false, nla.RTAXRTTVar, "rttvar"},
	{"ssthresh", false, nla.RTAXSSThresh, "ssthresh"},
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
	case nla.RTAXFeatures:
		r.metrics.add(id, r.features())
		return
	case nla.RTAXQuickAck:
		r.metrics.add(id, r.zeroOrOne(said))
		return
	case nla.RTAXRTOMin:
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
	case nla.RTAXCCAlgo:
		r.metrics.attr(id, []byte(r.word()))
	case nla.RTAXRTT:
		r.metrics.add(id, r.rtt(8, bad))
	case nla.RTAXRTTVar:
		r.metrics.add(id, r.rtt(4, bad))
	case nla.RTAXRTOMin:
		r.metrics.add(id, r.rtt(1, bad))
	default:
		v, ok := parseUnsigned(r.word(), 0)
		if !ok || id == nla.RTAXHopLimit && v > 255 {
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
