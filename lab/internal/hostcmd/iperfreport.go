package hostcmd

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/rulewalk/rulewalk/lab/internal/stack"
	"github.com/rulewalk/rulewalk/rpdb"
)

// iperfInterval is one row of a report.
type iperfInterval struct {
	Socket        int     `json:"socket,omitempty"`
	Start         float64 `json:"start"`
	End           float64 `json:"end"`
	Seconds       float64 `json:"seconds"`
	Bytes         int64   `json:"bytes"`
	BitsPerSecond float64 `json:"bits_per_second"`
	Retransmits   *int64  `json:"retransmits,omitempty"`
	Window        *int64  `json:"snd_cwnd,omitempty"`
	Packets       int64   `json:"packets,omitempty"`
	Jitter        float64 `json:"jitter_ms,omitempty"`
	Lost          int64   `json:"lost_packets,omitempty"`
	Sender        bool    `json:"sender"`
}

// line writes a line for people.
func (p *iperf) line(format string, args ...any) {
	if !p.json {
		fmt.Fprintf(p.env.Stdout, format+"\n", args...)
	}
}

// connected tells of the streams, and heads the table of intervals.
func (p *iperf) connected(t *iperfTest) {
	for _, s := range t.streams {
		local, _ := netip.ParseAddrPort(s.conn.LocalAddr().String())
		remote, _ := netip.ParseAddrPort(s.conn.RemoteAddr().String())
		p.line("[%3d] local %s port %d connected to %s port %d", s.id, local.Addr().Unmap(), local.Port(), remote.Addr().Unmap(), remote.Port())
	}
	switch {
	case t.params.UDP && t.sends:
		p.line("[ ID] Interval           Transfer     Bitrate         Total Datagrams")
	case t.params.UDP:
		p.line("[ ID] Interval           Transfer     Bitrate         Jitter    Lost/Total Datagrams")
	case t.sends:
		p.line("[ ID] Interval           Transfer     Bitrate         Retr  Cwnd")
	default:
		p.line("[ ID] Interval           Transfer     Bitrate")
	}
}

// tick writes a row for each stream, each interval, until the test ends.
func (t *iperfTest) tick() {
	h := t.p.env.Host
	if t.p.interval == 0 {
		return
	}
	last := t.result(t.started)
	from := t.started
	for {
		due := from.Add(t.p.interval)
		all := h.Sleep(t.ctx, due.Sub(h.Now()))
		now := due // rows are of whole intervals, but for the last
		if !all {
			if now = h.Now(); now.Sub(from) < t.p.interval/10 {
				return
			}
		}
		r := t.result(now)
		t.rows(r, last, from, now)
		if last, from = r, now; !all || t.ctx.Err() != nil {
			return
		}
	}
}

// rows writes what happened since the last rows.
func (t *iperfTest) rows(r, last iperfReport, from, to time.Time) {
	sum := iperfInterval{Sender: t.sends}
	for i, x := range r.Streams {
		before := last.Streams[i]
		row := iperfRow(t.streams[i].id, from.Sub(t.started).Seconds(), to.Sub(t.started).Seconds(), x.Bytes-before.Bytes)
		row.Packets, row.Lost, row.Jitter, row.Sender = x.Packets-before.Packets, x.Errors-before.Errors, x.Jitter*1000, t.sends
		if c, ok := t.streams[i].conn.(*stack.TCPConn); ok && t.sends {
			retransmits, window := x.Retransmits-before.Retransmits, int64(c.Info().Cwnd)*t.segment(c)
			row.Retransmits, row.Window = &retransmits, &window
		}
		t.p.row(t, row, "")
		sum.add(row)
	}
	if len(r.Streams) > 1 {
		t.p.row(t, sum, "")
		t.p.line("- - - - - - - - - - - - - - - - - - - - - - - - -")
	}
	t.report = append(t.report, sum)
}

// segment is how much a segment of a connection carries.
func (t *iperfTest) segment(c *stack.TCPConn) int64 {
	to, _ := netip.ParseAddrPort(c.RemoteAddr().String())
	f := rpdb.Flow{Dst: to.Addr(), Src: rpdb.FamilyOf(to.Addr()).Zero()}
	headers := 52 // with time stamps
	if to.Addr().Is6() {
		headers = 72
	}
	return int64(max(t.p.env.Host.Route(&f).MTU-headers, 536))
}

func iperfRow(id int, from, to float64, n int64) iperfInterval {
	row := iperfInterval{Socket: id, Start: from, End: to, Seconds: to - from, Bytes: n}
	if row.Seconds > 0 {
		row.BitsPerSecond = float64(n) * 8 / row.Seconds
	}
	return row
}

// add adds a row to a sum.
func (i *iperfInterval) add(row iperfInterval) {
	i.Start, i.End, i.Seconds = row.Start, row.End, row.Seconds
	i.Bytes += row.Bytes
	i.BitsPerSecond += row.BitsPerSecond
	i.Packets += row.Packets
	i.Lost += row.Lost
	i.Jitter = max(i.Jitter, row.Jitter)
	if row.Retransmits != nil {
		n := *row.Retransmits
		if i.Retransmits != nil {
			n += *i.Retransmits
		}
		i.Retransmits = &n
	}
}

// row writes one row; side is sender or receiver in the summary.
func (p *iperf) row(t *iperfTest, r iperfInterval, side string) {
	id := fmt.Sprintf("[%3d]", r.Socket)
	if r.Socket == 0 {
		id = "[SUM]"
	}
	line := fmt.Sprintf("%s %6.2f-%-6.2f sec  %s  %s/sec", id, r.Start, r.End,
		iperfAmount(float64(r.Bytes), 1024, "Bytes"), iperfAmount(r.BitsPerSecond, 1000, "bits"))
	switch {
	case t.params.UDP && side == "" && t.sends:
		line += fmt.Sprintf("  %d  ", r.Packets)
	case t.params.UDP:
		share := 0.0
		if r.Packets > 0 {
			share = 100 * float64(r.Lost) / float64(r.Packets)
		}
		line += fmt.Sprintf("  %5.3f ms  %d/%d (%.2g%%)  %s", r.Jitter, r.Lost, r.Packets, share, side)
	case side == "" && r.Retransmits != nil && r.Window != nil:
		line += fmt.Sprintf("  %3d   %s       ", *r.Retransmits, iperfAmount(float64(*r.Window), 1024, "Bytes"))
	case r.Retransmits != nil:
		line += fmt.Sprintf("  %3d             %s", *r.Retransmits, side)
	default:
		line += strings.Repeat(" ", 18) + side
	}
	p.line("%s", line)
}

// summary tells what was sent and what arrived.
func (p *iperf) summary(t *iperfTest) {
	p.line("- - - - - - - - - - - - - - - - - - - - - - - - -")
	if t.params.UDP {
		p.line("[ ID] Interval           Transfer     Bitrate         Jitter    Lost/Total Datagrams")
	} else if t.sends || !p.server {
		p.line("[ ID] Interval           Transfer     Bitrate         Retr")
	} else {
		p.line("[ ID] Interval           Transfer     Bitrate")
	}
	sent, got := t.peer, t.own
	if t.sends {
		sent, got = t.own, t.peer
	}
	var sums [2]iperfInterval
	var rows [2][]iperfInterval
	for i, s := range t.streams {
		for side, r := range []iperfReport{sent, got} {
			if i >= len(r.Streams) {
				continue
			}
			x := r.Streams[i]
			row := iperfRow(s.id, 0, t.ended.Sub(t.started).Seconds(), x.Bytes)
			row.Packets, row.Lost, row.Jitter, row.Sender = x.Packets, x.Errors, x.Jitter*1000, side == 0
			if side == 0 && t.params.TCP && x.Retransmits >= 0 {
				row.Retransmits = &x.Retransmits
			}
			rows[side] = append(rows[side], row)
			sums[side].add(row)
		}
	}
	sums[0].Sender = true
	for i := range t.streams {
		p.both(t, rows, i)
	}
	if len(t.streams) > 1 {
		p.both(t, [2][]iperfInterval{{sums[0]}, {sums[1]}}, 0)
	}
	if p.json {
		p.document(t, sums)
		return
	}
	if !p.server {
		p.line("\niperf Done.")
	}
}

// both writes the two rows of a stream; the server's own side is enough for it.
func (p *iperf) both(t *iperfTest, rows [2][]iperfInterval, i int) {
	for side, name := range []string{"sender", "receiver"} {
		if i < len(rows[side]) && (!p.server || t.sends == (side == 0)) {
			p.row(t, rows[side][i], name)
		}
	}
}

// document is the report as JSON.
func (p *iperf) document(t *iperfTest, sums [2]iperfInterval) {
	type interval struct {
		Sum iperfInterval `json:"sum"`
	}
	intervals := []interval{}
	for _, r := range t.report {
		intervals = append(intervals, interval{r})
	}
	protocol := "TCP"
	if t.params.UDP {
		protocol = "UDP"
	}
	b, _ := json.MarshalIndent(map[string]any{
		"start": map[string]any{
			"version": "iperf 3.12 (Rulewalk)",
			"test_start": map[string]any{
				"protocol": protocol, "num_streams": t.params.Parallel, "blksize": t.params.Len, "duration": t.params.Time,
				"bytes": t.params.Num, "reverse": t.params.Reverse, "target_bitrate": t.params.Bandwidth,
			},
		},
		"intervals": intervals,
		"end":       map[string]any{"sum_sent": sums[0], "sum_received": sums[1]},
	}, "", "\t")
	fmt.Fprintf(p.env.Stdout, "%s\n", b)
}
