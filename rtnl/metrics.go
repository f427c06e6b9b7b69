package rtnl

import (
	"fmt"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// parseMetrics reads RTA_METRICS. The lock bits go to the metrics they name; a
// locked metric without a value has value 0.
func parseMetrics(r *reader) []rpdb.Metric {
	var ms []rpdb.Metric
	var lock uint32
	in := r.nested()
	for in.next() {
		switch in.typ {
		case nla.RTAXLock:
			lock = in.u32()
		case nla.RTAXCCAlgo:
			ms = append(ms, rpdb.Metric{ID: in.typ, Str: in.str()})
		default:
			ms = append(ms, rpdb.Metric{ID: in.typ, Val: in.u32()})
		}
	}
	if in.err != nil {
		r.fail(fmt.Errorf("metrics: %w", in.err))
		return nil
	}
	for i := range ms {
		if ms[i].ID < 32 && lock&(1<<ms[i].ID) != 0 {
			ms[i].Lock = true
		}
	}
	for id := uint16(0); id < 32; id++ {
		if lock&(1<<id) != 0 && !hasMetric(ms, id) {
			ms = append(ms, rpdb.Metric{ID: id, Lock: true})
		}
	}
	return ms
}

func hasMetric(ms []rpdb.Metric, id uint16) bool {
	for i := range ms {
		if ms[i].ID == id {
			return true
		}
	}
	return false
}

// encodeMetrics is the inverse of parseMetrics.
func encodeMetrics(e encoder, ms []rpdb.Metric) {
	if len(ms) == 0 {
		return
	}
	var lock uint32
	for i := range ms {
		if ms[i].Lock {
			lock |= 1 << ms[i].ID
		}
	}
	e.nest(nla.RTAMetrics, func(in encoder) {
		if lock != 0 {
			in.Uint32(nla.RTAXLock, lock)
		}
		for i := range ms {
			switch m := &ms[i]; {
			case m.ID == nla.RTAXCCAlgo && (m.Str != "" || !m.Lock):
				in.String(nla.RTAXCCAlgo, m.Str)
			case m.ID != nla.RTAXCCAlgo && (m.Val != 0 || !m.Lock):
				in.Uint32(m.ID, m.Val)
			}
		}
	})
}
