package iproute2

import (
	"encoding/binary"
	"fmt"
	"strconv"

	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// Words of struct rtnl_link_stats and rtnl_link_stats64, which have the same order.
const (
	rxPackets = iota
	txPackets
	rxBytes
	txBytes
	rxErrors
	txErrors
	rxDropped
	txDropped
	statMulticast
	statCollisions
	rxLengthErrors
	rxOverErrors
	rxCRCErrors
	rxFrameErrors
	rxFIFOErrors
	rxMissedErrors
	txAbortedErrors
	txCarrierErrors
	txFIFOErrors
	txHeartbeatErrors
	txWindowErrors
	rxCompressed
	txCompressed
	rxNoHandler
	numLinkStats
)

// linkStats returns the counters of a message, from the words of 64 bits or else of 32.
func linkStats(as Attrs) (s [numLinkStats]uint64, key string, ok bool) {
	b, key := as[nla.IFLAStats64], "stats64"
	word := 8
	if b == nil {
		b, key, word = as[nla.IFLAStats], "stats", 4
	}
	for i := range s {
		if len(b) < (i+1)*word {
			break
		}
		if word == 8 {
			s[i] = binary.NativeEndian.Uint64(b[i*8:])
		} else {
			s[i] = uint64(binary.NativeEndian.Uint32(b[i*4:]))
		}
	}
	return s, key, b != nil
}

// stats prints the counters (__print_link_stats).
func (p *linkPrinter) stats() {
	s, key, ok := linkStats(p.as)
	switch {
	case !ok:
	case p.json:
		p.statsJSON(key, &s)
	default:
		p.statsText(&s)
	}
}

func (p *linkPrinter) statsJSON(key string, s *[numLinkStats]uint64) {
	more := p.o.stats() > 1
	p.Begin(key)
	p.Begin("rx")
	p.counters(s, []statKey{
		{"bytes", rxBytes},
		{"packets", rxPackets},
		{"errors", rxErrors},
		{"dropped", rxDropped},
		{"over_errors", rxOverErrors},
		{"multicast", statMulticast},
	})
	p.counterIf(s[rxCompressed] != 0, "compressed", s[rxCompressed])
	if more {
		p.counters(s, []statKey{
			{"length_errors", rxLengthErrors},
			{"crc_errors", rxCRCErrors},
			{"frame_errors", rxFrameErrors},
			{"fifo_errors", rxFIFOErrors},
			{"missed_errors", rxMissedErrors},
		})
		p.counterIf(s[rxNoHandler] != 0, "nohandler", s[rxNoHandler])
	}
	p.End()
	p.Begin("tx")
	p.counters(s, []statKey{
		{"bytes", txBytes},
		{"packets", txPackets},
		{"errors", txErrors},
		{"dropped", txDropped},
		{"carrier_errors", txCarrierErrors},
		{"collisions", statCollisions},
	})
	p.counterIf(s[txCompressed] != 0, "compressed", s[txCompressed])
	if more {
		p.counters(s, []statKey{
			{"aborted_errors", txAbortedErrors},
			{"fifo_errors", txFIFOErrors},
			{"window_errors", txWindowErrors},
			{"heartbeat_errors", txHeartbeatErrors},
		})
		p.counterIf(p.as.Has(nla.IFLACarrierChanges), "carrier_changes", p.as.Uint(nla.IFLACarrierChanges))
	}
	p.End()
	p.End()
}

type statKey struct {
	key  string
	stat int
}

func (p *linkPrinter) counters(s *[numLinkStats]uint64, keys []statKey) {
	for _, k := range keys {
		p.Add(k.key, "", s[k.stat])
	}
}

func (p *linkPrinter) counterIf(cond bool, key string, v uint64) {
	if cond {
		p.Add(key, "", v)
	}
}

// statsText prints the tables of counters, whose columns are as wide as the longest
// number.
func (p *linkPrinter) statsText(s *[numLinkStats]uint64) {
	rx := []uint64{s[rxBytes], s[rxPackets], s[rxErrors], s[rxDropped], s[rxMissedErrors], s[statMulticast], s[rxCompressed]}
	rxMore := []uint64{0, s[rxLengthErrors], s[rxCRCErrors], s[rxFrameErrors], s[rxFIFOErrors], s[rxOverErrors], s[rxNoHandler]}
	tx := []uint64{s[txBytes], s[txPackets], s[txErrors], s[txDropped], s[txCarrierErrors], s[statCollisions], s[txCompressed]}
	txMore := []uint64{0, s[txAbortedErrors], s[txFIFOErrors], s[txWindowErrors], s[txHeartbeatErrors], p.as.Uint(nla.IFLACarrierChanges), 0}
	more := p.o.stats() > 1
	c := statColumns{10, 7, 6, 7, 7, 7, 10}
	if !p.o.human() {
		c.fit(rx)
		c.fit(tx)
		if more {
			c.fit(rxMore)
			c.fit(txMore)
		}
	}
	p.statsTable(&c, "RX", []string{"bytes", "packets", "errors", "dropped", "missed", "mcast"}, "compressed", rx)
	if more {
		p.Newline()
		p.errorsTable(&c, "RX", []string{"length", "crc", "frame", "fifo", "overrun"}, "nohandler", rxMore)
	}
	p.Newline()
	p.statsTable(&c, "TX", []string{"bytes", "packets", "errors", "dropped", "carrier", "collsns"}, "compressed", tx)
	if more {
		p.Newline()
		words := []string{"aborted", "fifo", "window", "heartbt", "transns"}
		if !p.as.Has(nla.IFLACarrierChanges) {
			words = append(words[:4], "")
			txMore = txMore[:5]
		}
		p.errorsTable(&c, "TX", words, "", txMore)
	}
}

// statColumns are the widths of a table's columns.
type statColumns [7]int

func (c *statColumns) fit(values []uint64) {
	for i, v := range values {
		n := 1
		for limit := uint64(10); limit < v; limit *= 10 {
			n++
			if limit > 1<<63/10 {
				break
			}
		}
		c[i] = max(c[i], n)
	}
}

// statsTable prints a heading and a line of counters; the last one only if it is not
// zero.
func (p *linkPrinter) statsTable(c *statColumns, dir string, words []string, last string, values []uint64) {
	line := "    " + dir + ": "
	width := c[0] - 4
	for i, w := range words {
		line += fmt.Sprintf("%*s ", width, w)
		width = c[i+1]
	}
	if values[6] == 0 {
		last, values = "", values[:6]
	}
	p.Raw(line + fmt.Sprintf("%*s", c[6], last))
	p.Newline()
	p.Raw("    ")
	for i, v := range values {
		p.Raw(fmt.Sprintf("%*s ", c[i], p.o.count(v)))
	}
}

// errorsTable prints the heading and the line of the counters of ip -s -s.
func (p *linkPrinter) errorsTable(c *statColumns, dir string, words []string, last string, values []uint64) {
	line := "    " + dir + " errors:" + fmt.Sprintf("%*s", c[0]-10, "")
	for i, w := range words {
		line += fmt.Sprintf(" %*s", c[i+1], w)
	}
	if len(values) == 7 && values[6] != 0 && last != "" {
		line += fmt.Sprintf("%*s", c[6]+1, " "+last)
	} else if len(values) == 7 {
		values = values[:6]
	}
	p.Raw(line)
	p.Newline()
	p.Raw(fmt.Sprintf("%*s", c[0]+5, ""))
	for i, v := range values[1:] {
		p.Raw(fmt.Sprintf("%*s ", c[i+1], p.o.count(v)))
	}
}

// count prints a counter, with ip -h in units (print_num).
func (o *Options) count(v uint64) string {
	base, suffix := uint64(1000), ""
	if o != nil && o.IEC {
		base, suffix = 1024, "i"
	}
	if !o.human() || v < base {
		return strconv.FormatUint(v, 10)
	}
	const prefixes = "kMGTPE"
	unit, prefix := uint64(1), 0
	for {
		unit *= base
		if v/base < unit || prefix == len(prefixes)-1 {
			break
		}
		prefix++
	}
	precision, limit := 2, uint64(1)
	for ; precision > 0; precision-- {
		limit *= 10
		if v/unit < limit {
			break
		}
	}
	return strconv.FormatFloat(float64(v)/float64(unit), 'f', precision, 64) + prefixes[prefix:prefix+1] + suffix
}

func (o *Options) human() bool { return o != nil && o.Human }

func (o *Options) stats() int {
	if o == nil {
		return 0
	}
	return o.Stats
}
