package iproute2

import (
	"strconv"
	"strings"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// Features of a route (RTAX_FEATURE_*).
const (
	featureECN       = 1
	featureTCPUsecTS = 16
)

var metricNames = [...]string{
	2: "mtu", 3: "window", 4: "rtt", 5: "rttvar", 6: "ssthresh", 7: "cwnd",
	8: "advmss", 9: "reordering", 10: "hoplimit", 11: "initcwnd", 12: "features",
	13: "rto_min", 14: "initrwnd", 15: "quickack", 16: "congctl",
	17: "fastopen_no_cookie",
}

var metricIDs = func() map[string]uint16 {
	m := map[string]uint16{}
	for id, name := range metricNames {
		if name != "" {
			m[name] = uint16(id)
		}
	}
	return m
}()

// metricUnit returns how many raw units make a millisecond; 0 for a metric that is
// no time.
func metricUnit(id uint16) uint32 {
	switch id {
	case nla.RTAXRTT:
		return 8
	case nla.RTAXRTTVar:
		return 4
	case nla.RTAXRTOMin:
		return 1
	}
	return 0
}

// appendMetrics prints metrics as print_rta_metrics does, in the order given.
func appendMetrics(b []byte, ms []rpdb.Metric) []byte {
	for _, m := range ms {
		if m.ID == nla.RTAXHopLimit && m.Val == 1<<32-1 {
			continue
		}
		if int(m.ID) < len(metricNames) && metricNames[m.ID] != "" {
			b = append(b, metricNames[m.ID]...)
		} else {
			b = strconv.AppendUint(append(b, "metric "...), uint64(m.ID), 10)
		}
		b = append(b, ' ')
		if m.Lock {
			b = append(b, "lock "...)
		}
		b = appendMetricValue(b, m)
	}
	return b
}

func appendMetricValue(b []byte, m rpdb.Metric) []byte {
	switch {
	case m.ID == nla.RTAXCCAlgo:
		return append(append(b, m.Str...), ' ')
	case m.ID == nla.RTAXFeatures:
		for _, f := range featureWords(m.Val) {
			b = append(append(b, f...), ' ')
		}
		return b
	}
	unit := metricUnit(m.ID)
	if unit == 0 {
		return append(strconv.AppendUint(b, uint64(m.Val), 10), ' ')
	}
	ms := m.Val / unit
	if ms >= 1000 {
		return append(append(b, formatG(float64(ms)/1000)...), "s "...)
	}
	return append(strconv.AppendUint(b, uint64(ms), 10), "ms "...)
}

func featureWords(f uint32) (words []string) {
	if f&featureECN != 0 {
		words = append(words, "ecn")
	}
	if f&featureTCPUsecTS != 0 {
		words = append(words, "tcp_usec_ts")
	}
	if rest := f &^ (featureECN | featureTCPUsecTS); rest != 0 {
		words = append(words, hexC(uint64(rest)))
	}
	return words
}

// formatG prints as C's %g does: six significant digits.
func formatG(v float64) string {
	s := strconv.FormatFloat(v, 'g', 6, 64)
	mant, exp, hasExp := strings.Cut(s, "e")
	if strings.IndexByte(mant, '.') >= 0 {
		mant = strings.TrimRight(strings.TrimRight(mant, "0"), ".")
	}
	if hasExp {
		return mant + "e" + exp
	}
	return mant
}

// metric reads a metric whose name was just read; false if the name is none.
func (p *lineParser) metric(r *rpdb.Route, key string) bool {
	id, ok := metricIDs[key]
	if !ok {
		return false
	}
	m := rpdb.Metric{ID: id, Lock: p.accept("lock")}
	switch id {
	case nla.RTAXCCAlgo:
		m.Str = p.value(key)
	case nla.RTAXFeatures:
		m.Val = p.features()
	default:
		s := p.value(key)
		m.Val, ok = parseMetric(id, s)
		p.need(ok, key, s)
	}
	r.Metrics = append(r.Metrics, m)
	return true
}

func (p *lineParser) features() (f uint32) {
	for {
		switch s := p.peek(); {
		case s == "ecn":
			f |= featureECN
		case s == "tcp_usec_ts":
			f |= featureTCPUsecTS
		case strings.HasPrefix(s, "0x"):
			v, ok := parseUint(s, 16, 1<<32-1)
			p.need(ok, "features", s)
			f |= v
		default:
			return f
		}
		p.i++
	}
}

// parseMetric reads the printed value of a metric into the kernel's unit.
func parseMetric(id uint16, s string) (uint32, bool) {
	unit := metricUnit(id)
	if unit == 0 {
		return parseUint(s, 0, 1<<32-1)
	}
	scale := float64(unit)
	switch {
	case strings.HasSuffix(s, "ms"):
		s = s[:len(s)-2]
	case strings.HasSuffix(s, "s"):
		s = s[:len(s)-1]
		scale *= 1000
	default:
		return parseUint(s, 0, 1<<32-1)
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || !(v >= 0 && v*scale < 1<<32) {
		return 0, false
	}
	return uint32(v*scale + 0.5), true
}
