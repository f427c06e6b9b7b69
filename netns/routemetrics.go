package netns

import (
	"encoding/binary"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// Metrics of a route with a meaning of their own (RTAX_*).
const (
	rtaxMax = 17

	rtaxFeatureMask = 0x1f // RTAX_FEATURE_MASK
)

// metrics are the metrics of a route by number; 0 is none (struct dst_metrics). They
// are shared and never changed.
type metrics struct {
	vals [rtaxMax + 1]uint32
	cc   string
}

// congestionControls are the algorithms that the kernel knows (tcp_ca_find), and
// whether they ask for ECN.
var congestionControls = map[string]bool{"reno": false, "cubic": false, "bbr": false, "dctcp": true}

// parseMetrics reads RTA_METRICS (ip_metrics_convert).
func parseMetrics(b []byte) (*metrics, error) {
	if len(b) == 0 {
		return nil, nil
	}
	var m metrics
	for {
		a, rest, ok := nextAttr(b)
		if !ok {
			break
		}
		b = rest
		if a.typ == 0 {
			continue
		}
		if err := m.set(a); err != nil {
			return nil, err
		}
	}
	return &m, nil
}

func (m *metrics) set(a attr) error {
	if a.typ > rtaxMax {
		return fail(rpdb.EINVAL, "Invalid metric type")
	}
	if a.typ == nla.RTAXCCAlgo {
		m.cc = attrs{a.data}.str(0)
		if _, known := congestionControls[m.cc]; !known {
			return fail(rpdb.EINVAL, "Unknown tcp congestion algorithm")
		}
		m.vals[nla.RTAXCCAlgo] = 1
		return nil
	}
	if len(a.data) != 4 {
		return failAttr(rpdb.EINVAL, "Invalid attribute in metrics", a.data)
	}
	v := binary.NativeEndian.Uint32(a.data)
	switch a.typ {
	case nla.RTAXAdvMSS:
		v = min(v, 65535-40)
	case nla.RTAXMTU:
		v = min(v, 65535-15)
	case nla.RTAXHopLimit:
		v = min(v, 255)
	case nla.RTAXFeatures:
		if v&^rtaxFeatureMask != 0 {
			return fail(rpdb.EINVAL, "Unknown flag set in feature mask in metrics attribute")
		}
	}
	m.vals[a.typ] = v
	return nil
}

// get returns a metric, 0 if there is none.
func (m *metrics) get(id int) uint32 {
	if m == nil {
		return 0
	}
	return m.vals[id]
}

// with returns the metrics with one changed.
func (m *metrics) with(id int, v uint32) *metrics {
	var out metrics
	if m != nil {
		out = *m
	}
	out.vals[id] = v
	return &out
}

// put writes RTA_METRICS (rtnetlink_put_metrics).
func (m *metrics) put(w *message) {
	if m == nil {
		return
	}
	begin := len(w.b)
	w.nest(nla.RTAMetrics, func() {
		for id := 1; id <= rtaxMax; id++ {
			switch v := m.vals[id]; {
			case v == 0:
			case id == nla.RTAXCCAlgo:
				w.str(nla.RTAXCCAlgo, m.cc)
			default:
				w.u32(uint16(id), v)
			}
		}
	})
	if len(w.b) == begin+attrHeader {
		w.b = w.b[:begin]
	}
}

// append writes RTA_METRICS to a message that is a slice.
func (m *metrics) append(b []byte) []byte {
	w := message{b}
	m.put(&w)
	return w.b
}

// orNone returns nil for metrics that are all zero.
func (m *metrics) orNone() *metrics {
	if m != nil && *m == (metrics{}) {
		return nil
	}
	return m
}

// match reports whether metrics are those that a request names
// (fib_metrics_match).
func (m *metrics) match(list []byte) bool {
	for {
		a, rest, ok := nextAttr(list)
		if !ok {
			return true
		}
		list = rest
		switch {
		case a.typ == 0:
		case a.typ > rtaxMax:
			return false
		case a.typ == nla.RTAXCCAlgo:
			name := attrs{a.data}.str(0)
			if _, known := congestionControls[name]; !known {
				name = ""
			}
			if m == nil && name != "" || m != nil && m.cc != name {
				return false
			}
		case len(a.data) != 4 || binary.NativeEndian.Uint32(a.data) != m.get(int(a.typ)):
			return false
		}
	}
}

// list returns the metrics as the model has them.
func (m *metrics) list() []rpdb.Metric {
	if m == nil {
		return nil
	}
	var out []rpdb.Metric
	lock := m.vals[nla.RTAXLock]
	for id := range 32 {
		one := rpdb.Metric{ID: uint16(id), Lock: lock>>id&1 != 0}
		switch {
		case id == nla.RTAXCCAlgo:
			one.Str = m.cc
		case id >= nla.RTAXMTU && id <= rtaxMax:
			one.Val = m.vals[id]
		}
		if one.Val != 0 || one.Str != "" || one.Lock {
			out = append(out, one)
		}
	}
	return out
}
