package hostcmd

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"time"

	"github.com/rulewalk/rulewalk/lab/internal/stack"
	"github.com/rulewalk/rulewalk/rpdb"
)

// pingStats are what ping counts.
type pingStats struct {
	start, last time.Time // of the first and the last request
	sent        int
	received    int
	repeats     int
	failures    int // ICMP errors, and requests that could not be sent
	acked       uint16
	pipe        int
	seen        [1 << 10]uint64 // a bit for each sequence number
	rtt         struct {
		min, max, sum int64 // microseconds
		squares       float64
		smooth        int64 // eight times the moving average
	}
	buf []byte
}

// loop sends and receives until it is over: by the count, the deadline, or an
// interrupt.
func (p *ping) loop() {
	defer context.AfterFunc(p.ctx, func() { _ = p.conn.Close() })()
	p.pipe = -1
	p.buf = make([]byte, 65536)
	h := p.env.Host
	p.start = h.Now()
	p.last = p.start
	next := p.start.Add(-time.Duration(p.preload-1) * p.interval) // when the next request is due
	end := time.Time{}                                            // nothing is waited for after it
	if p.deadline > 0 {
		end = p.start.Add(p.deadline)
	}
	for p.ctx.Err() == nil && !p.over() {
		now := h.Now()
		if !end.IsZero() && !now.Before(end) {
			return
		}
		done := p.count > 0 && p.sent >= p.count && p.deadline == 0
		if done && end.IsZero() {
			end = now.Add(p.patience())
		}
		if !done && !now.Before(next) && p.mayFlood(now) {
			p.request(now)
			next = p.following(next, now)
			continue
		}
		if wait := p.wakeAt(next, end, done, now); p.wait(wait) != nil {
			return
		}
	}
}

// over tells whether all answers that were asked for are there.
func (p *ping) over() bool {
	return p.count > 0 && p.received+p.failures >= p.count || p.deadline > 0 && p.failures > 0
}

// patience is how long to wait for the last replies.
func (p *ping) patience() time.Duration {
	if p.received == 0 {
		return p.linger
	}
	return max(2*time.Duration(p.rtt.max)*time.Microsecond, p.interval)
}

// following is when the request after the one that was due at next and sent now is due.
// What was missed is not caught up with, but for the preload.
func (p *ping) following(next, now time.Time) time.Time {
	next = next.Add(p.interval)
	if p.preload > 1 {
		return next
	}
	if next.Before(now) || p.interval == 0 {
		return now.Add(p.interval)
	}
	return next
}

// mayFlood tells whether a request may follow at once when there is no interval: when
// the one before was answered, or some time has passed.
func (p *ping) mayFlood(now time.Time) bool {
	return p.interval > 0 || p.sent == 0 || int(uint16(p.sent)-p.acked) < p.preload || now.Sub(p.last) >= pingFlood
}

// wakeAt is when something is to be done though nothing arrives.
func (p *ping) wakeAt(next, end time.Time, done bool, now time.Time) time.Time {
	if done {
		return end
	}
	if !now.Before(next) { // a flood
		next = p.last.Add(pingFlood)
	}
	if !end.IsZero() && end.Before(next) {
		return end
	}
	return next
}

// request sends the next request.
func (p *ping) request(now time.Time) {
	if p.outstanding && p.sent > 0 && !p.got(uint16(p.sent)) {
		p.stamp(now)
		fmt.Fprintf(p.env.Stdout, "no answer yet for icmp_seq=%d\n", uint16(p.sent))
	}
	seq := uint16(p.sent + 1)
	p.forget(seq)
	payload := make([]byte, p.size)
	for i := range payload {
		if payload[i] = byte(i); len(p.pattern) > 0 {
			payload[i] = p.pattern[i%len(p.pattern)]
		}
	}
	if p.size >= pingStamp {
		binary.LittleEndian.PutUint64(payload, uint64(now.Unix()))
		binary.LittleEndian.PutUint64(payload[8:], uint64(now.Nanosecond()/1000))
	}
	if p.sent++; p.size > pingLongest {
		p.last = now
		return
	}
	err := p.conn.Send(p.target, seq, payload, stack.PacketInfo{})
	if err != nil && p.pending() && !errors.Is(err, rpdb.EMSGSIZE) { // the error of an earlier one
		p.failure()
		err = p.conn.Send(p.target, seq, payload, stack.PacketInfo{})
	}
	p.last = now
	switch {
	case err == nil && p.flood && !p.quiet:
		fmt.Fprint(p.env.Stdout, ".")
	case err == nil, p.pending(), p.quiet:
	case p.flood:
		fmt.Fprint(p.env.Stdout, "E")
	default:
		p.env.Failf(0, "sendmsg: %s", reason(err))
	}
}

// pending tells whether the socket has an error to tell.
func (p *ping) pending() bool {
	_ = p.conn.SetReadDeadline(p.env.Host.Now())
	_, failed, _ := p.conn.Wait()
	return failed
}

// wait takes up what arrives, once, until a time. It returns an error when the socket
// is closed.
func (p *ping) wait(until time.Time) error {
	if err := p.conn.SetReadDeadline(until); err != nil {
		return err
	}
	data, failed, err := p.conn.Wait()
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil
	case err != nil:
		return err
	case failed:
		p.failure()
	case data:
		n, r, err := p.conn.ReadReply(p.buf)
		if err == nil {
			p.reply(p.buf[:n], r)
		}
	}
	return nil
}

// failure takes up an ICMP error, or one of this host.
func (p *ping) failure() {
	e, err := p.conn.ReadError()
	if err != nil {
		return
	}
	p.failures++
	local := e.Origin == stack.OriginLocal
	if !local {
		p.acknowledge(e.Seq)
	}
	switch {
	case p.quiet:
	case p.flood && local:
		fmt.Fprint(p.env.Stdout, "E")
	case p.flood:
		fmt.Fprint(p.env.Stdout, "\bE")
	case local && errors.Is(e, rpdb.EMSGSIZE):
		p.env.Failf(0, "local error: message too long, mtu=%d", e.Info)
	case local:
		p.env.Failf(0, "local error: %s", e.Errno.Error())
	default:
		p.stamp(e.Time)
		fmt.Fprintf(p.env.Stdout, "From %s icmp_seq=%d %s\n", p.nameOf(e.Offender), e.Seq, icmpText(e))
	}
}

// reply takes up an echo reply.
func (p *ping) reply(payload []byte, r stack.Reply) {
	p.acknowledge(r.Seq)
	trip := int64(-1)
	if len(payload) >= pingStamp && p.size >= pingStamp {
		sent := time.Unix(int64(binary.LittleEndian.Uint64(payload)), int64(binary.LittleEndian.Uint64(payload[8:]))*1000)
		trip = max(r.Time.Sub(sent).Microseconds(), 0)
		p.measure(trip)
	}
	repeated := p.got(r.Seq)
	if repeated {
		p.repeats++
	} else {
		p.received++
		p.seen[r.Seq/64] |= 1 << (r.Seq % 64)
	}
	switch w := p.env.Stdout; {
	case p.quiet:
	case p.flood:
		fmt.Fprint(w, "\b \b")
	default:
		p.stamp(r.Time)
		fmt.Fprintf(w, "%d bytes from %s: icmp_seq=%d ttl=%d", len(payload)+8, p.nameOf(r.From.Addr()), r.Seq, r.TTL)
		if len(payload) < p.size {
			fmt.Fprintln(w, " (truncated)")
			return
		}
		if trip >= 0 {
			fmt.Fprintf(w, " time=%s ms", tripText(trip))
		}
		if repeated && (!p.target.IsMulticast() || p.loud) {
			fmt.Fprint(w, " (DUP!)")
		}
		fmt.Fprintln(w)
	}
}

func (p *ping) got(seq uint16) bool { return p.seen[seq/64]>>(seq%64)&1 != 0 }
func (p *ping) forget(seq uint16)   { p.seen[seq/64] &^= 1 << (seq % 64) }

// acknowledge notes how many requests were under way when a reply came.
func (p *ping) acknowledge(seq uint16) {
	ahead := uint16(p.sent) - seq
	if ahead > 0x7fff {
		return
	}
	p.pipe = max(p.pipe, int(ahead)+1)
	if int16(seq-p.acked) > 0 || uint16(p.sent)-p.acked > 0x7fff {
		p.acked = seq
	}
}

// measure adds a round trip to the statistics, and has an adaptive ping keep to it.
func (p *ping) measure(trip int64) {
	r := &p.rtt
	if p.received+p.repeats == 0 {
		r.min = math.MaxInt64
	}
	r.min, r.max = min(r.min, trip), max(r.max, trip)
	r.sum += trip
	r.squares += float64(trip) * float64(trip)
	if r.smooth == 0 {
		r.smooth = trip * 8
	} else {
		r.smooth += trip - r.smooth/8
	}
	if p.adaptive {
		p.interval = time.Duration(r.smooth/8+500) * time.Microsecond / time.Millisecond * time.Millisecond
	}
}

// stamp writes the time that -D puts before lines.
func (p *ping) stamp(t time.Time) {
	if p.stamps {
		fmt.Fprintf(p.env.Stdout, "[%d.%06d] ", t.Unix(), t.Nanosecond()/1000)
	}
}

// finish writes the statistics, and returns the exit status.
func (p *ping) finish() int {
	w := p.env.Stdout
	fmt.Fprintf(w, "\n--- %s ping statistics ---\n%d packets transmitted, %d received", p.word, p.sent, p.received)
	if p.repeats > 0 {
		fmt.Fprintf(w, ", +%d duplicates", p.repeats)
	}
	if p.failures > 0 {
		fmt.Fprintf(w, ", +%d errors", p.failures)
	}
	if p.sent > 0 {
		loss := float32(p.sent-p.received) * 100 / float32(p.sent)
		fmt.Fprintf(w, ", %s%% packet loss, time %dms", sixDigits(float64(loss)), p.last.Sub(p.start).Milliseconds())
	}
	fmt.Fprintln(w)
	comma := ""
	if p.received > 0 && p.size >= pingStamp {
		n := int64(p.received + p.repeats)
		mean := p.rtt.sum / n
		spread := int64(math.Sqrt(max(p.rtt.squares/float64(n)-float64(mean)*float64(mean), 0)))
		fmt.Fprintf(w, "rtt min/avg/max/mdev = %s/%s/%s/%s ms",
			milliseconds(p.rtt.min), milliseconds(mean), milliseconds(p.rtt.max), milliseconds(spread))
		comma = ", "
	}
	if p.pipe > 1 {
		fmt.Fprintf(w, "%spipe %d", comma, p.pipe)
		comma = ", "
	}
	if p.received > 0 && (p.interval == 0 || p.flood || p.adaptive) && p.sent > 1 {
		gap := p.last.Sub(p.start).Microseconds() / int64(p.sent-1)
		fmt.Fprintf(w, "%sipg/ewma %s/%s ms", comma, milliseconds(gap), milliseconds(p.rtt.smooth/8))
	}
	fmt.Fprintln(w)
	if p.received == 0 || p.deadline > 0 && p.received < p.count {
		return 1
	}
	return 0
}
