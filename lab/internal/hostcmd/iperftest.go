package hostcmd

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rulewalk/rulewalk/lab/internal/stack"
	"github.com/rulewalk/rulewalk/rpdb"
)

// The states that the two sides of a test tell each other, a byte each.
const (
	iperfStart    = 1
	iperfRunning  = 2
	iperfEnd      = 4
	iperfExchange = 9
	iperfCreate   = 10
	iperfResults  = 13
	iperfDisplay  = 14
	iperfDone     = 16
	iperfDenied   = 0xff // the server has a test already
	iperfError    = 0xfe
)

const (
	iperfCookie  = 37
	iperfHello   = 0x36373839 // first datagram of a UDP stream
	iperfWelcome = 0x39383736 // its answer
	iperfMessage = 1 << 20    // the longest JSON
	iperfDrain   = 20 * time.Millisecond
	iperfStill   = 1 << 30 // bytes that may pass while the world's clock stands still
)

var errStill = errors.New("the clock of this world stands still: give a cable a rate, or use -n")

// iperfTest is one test, on either side.
type iperfTest struct {
	p       *iperf
	params  iperfParams
	control *stack.TCPConn
	streams []*iperfStream
	sends   bool // this side does
	started time.Time
	ended   time.Time
	stop    context.CancelCauseFunc
	ctx     context.Context
	running sync.WaitGroup
	total   atomic.Int64
	peer    iperfReport
	own     iperfReport
	report  []iperfInterval
}

// iperfStream is a connection that data goes through.
type iperfStream struct {
	id      int
	conn    net.Conn
	bytes   atomic.Int64
	packets atomic.Int64

	mu      sync.Mutex // of what a receiver of datagrams keeps
	next    uint32
	lost    int64
	jitter  float64 // seconds
	transit time.Duration
}

// iperfReport is what the sides tell each other in the end, by the names of the protocol.
type iperfReport struct {
	CPUTotal       float64             `json:"cpu_util_total"`
	CPUUser        float64             `json:"cpu_util_user"`
	CPUSystem      float64             `json:"cpu_util_system"`
	HasRetransmits int                 `json:"sender_has_retransmits"`
	Streams        []iperfStreamReport `json:"streams"`
}

type iperfStreamReport struct {
	ID          int     `json:"id"`
	Bytes       int64   `json:"bytes"`
	Retransmits int64   `json:"retransmits"`
	Jitter      float64 `json:"jitter"`
	Errors      int64   `json:"errors"`
	Packets     int64   `json:"packets"`
	Start       float64 `json:"start_time"`
	End         float64 `json:"end_time"`
}

// state sends a state to the other side.
func (t *iperfTest) state(s byte) error {
	_, err := t.control.Write([]byte{s})
	return err
}

// await reads the next state.
func (t *iperfTest) await() (byte, error) {
	var b [1]byte
	_, err := io.ReadFull(t.control, b[:])
	return b[0], err
}

// tell sends a document, hear reads one: its length, and JSON.
func (t *iperfTest) tell(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = t.control.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...))
	return err
}

func (t *iperfTest) hear(v any) error {
	var head [4]byte
	if _, err := io.ReadFull(t.control, head[:]); err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > iperfMessage {
		return errors.New("unable to receive parameters: too long")
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(t.control, b); err != nil {
		return err
	}
	return json.Unmarshal(b, v)
}

// run begins to send or to receive on all streams.
func (t *iperfTest) run(ctx context.Context) {
	h := t.p.env.Host
	t.ctx, t.stop = context.WithCancelCause(ctx)
	t.started = h.Now()
	for _, s := range t.streams {
		t.running.Add(1)
		go func() {
			defer t.running.Done()
			var err error
			switch {
			case t.sends:
				err = t.send(s)
			case t.params.UDP:
				t.receiveUDP(s)
			default:
				t.receive(s)
			}
			if err != nil {
				t.stop(err)
			}
		}()
	}
	t.running.Add(1)
	go func() {
		defer t.running.Done()
		t.tick()
	}()
}

// finish ends sending and receiving.
func (t *iperfTest) finish() {
	if t.ended.IsZero() {
		t.ended = t.p.env.Host.Now()
	}
	t.stop(nil)
	if !t.sends && t.p.server { // the sender has ended: what is under way arrives still
		before := int64(-1)
		for i := 0; i < 50 && before != t.total.Load(); i++ {
			before = t.total.Load()
			t.p.env.Host.Sleep(t.p.ctx, iperfDrain)
		}
	}
	for _, s := range t.streams {
		_ = s.conn.SetDeadline(t.p.env.Host.Now())
	}
	t.running.Wait()
}

// send fills a stream, no faster than asked.
func (t *iperfTest) send(s *iperfStream) error {
	h := t.p.env.Host
	buf := make([]byte, t.params.Len)
	rate := float64(t.params.Bandwidth) / 8 // bytes a second
	sent, still, since := int64(0), int64(0), t.started
	for t.ctx.Err() == nil && (t.params.Num == 0 || t.total.Load() < t.params.Num) {
		now := h.Now()
		if rate > 0 {
			if due := t.started.Add(time.Duration(float64(sent) / rate * float64(time.Second))); due.After(now) {
				if !h.Sleep(t.ctx, due.Sub(now)) {
					return nil
				}
				now = h.Now()
			}
		}
		if t.params.UDP {
			binary.BigEndian.PutUint32(buf, uint32(now.Unix()))
			binary.BigEndian.PutUint32(buf[4:], uint32(now.Nanosecond()/1000))
			binary.BigEndian.PutUint32(buf[8:], uint32(s.packets.Load()+1))
		}
		n, err := s.conn.Write(buf)
		if err != nil {
			if t.ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("unable to write to stream socket: %s", reason(err))
		}
		s.bytes.Add(int64(n))
		s.packets.Add(1)
		t.total.Add(int64(n))
		if sent, still = sent+int64(n), still+int64(n); now.After(since) {
			since, still = now, 0
		} else if still > iperfStill && t.params.Num == 0 {
			return errStill
		}
	}
	t.stop(nil)
	return nil
}

func (t *iperfTest) receive(s *iperfStream) {
	buf := make([]byte, t.params.Len)
	for {
		n, err := s.conn.Read(buf)
		s.bytes.Add(int64(n))
		if t.total.Add(int64(n)); err != nil {
			return
		}
	}
}

func (t *iperfTest) receiveUDP(s *iperfStream) {
	buf := make([]byte, 65536)
	for {
		n, err := s.conn.Read(buf)
		if errors.Is(err, rpdb.ECONNREFUSED) {
			continue
		}
		if err != nil {
			return
		}
		if n < iperfMinUDP {
			continue
		}
		s.bytes.Add(int64(n))
		t.total.Add(int64(n))
		s.packets.Add(1)
		sent := time.Unix(int64(binary.BigEndian.Uint32(buf)), int64(binary.BigEndian.Uint32(buf[4:]))*1000)
		s.arrived(binary.BigEndian.Uint32(buf[8:]), t.p.env.Host.Now().Sub(sent))
	}
}

// arrived keeps the losses and the jitter of datagrams (RFC 1889).
func (s *iperfStream) arrived(number uint32, transit time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case number > s.next+1:
		s.lost += int64(number - s.next - 1)
		s.next = number
	case number == s.next+1:
		s.next = number
	case s.lost > 0: // late
		s.lost--
	}
	if s.transit != 0 {
		s.jitter += ((transit - s.transit).Abs().Seconds() - s.jitter) / 16
	}
	s.transit = transit
}

// result is what this side says of the test up to a time.
func (t *iperfTest) result(until time.Time) iperfReport {
	r := iperfReport{HasRetransmits: -1}
	if t.sends && t.params.TCP {
		r.HasRetransmits = 1
	}
	for i, s := range t.streams {
		s.mu.Lock()
		x := iperfStreamReport{
			ID: i + 1, Bytes: s.bytes.Load(), Retransmits: -1, Jitter: s.jitter, Errors: s.lost, Packets: s.packets.Load(),
			End: until.Sub(t.started).Seconds(),
		}
		s.mu.Unlock()
		if i > 0 { // the second stream is the third of iperf3
			x.ID = i + 2
		}
		if c, ok := s.conn.(*stack.TCPConn); ok && t.sends {
			x.Retransmits = int64(c.Info().Retransmits)
		}
		if !t.sends && t.params.UDP {
			x.Packets += x.Errors
		}
		r.Streams = append(r.Streams, x)
	}
	return r
}

// measure is the client.
func (p *iperf) measure() error {
	h := p.env.Host
	addr, err := h.Resolve(p.host, p.family)
	if err != nil {
		return fmt.Errorf("unable to connect to server: %w", err)
	}
	to := netip.AddrPortFrom(addr, p.port)
	o := p.opts
	if p.bindTo.IsValid() {
		o.Local = netip.AddrPortFrom(p.bindTo, 0)
	}
	ctx, cancel := context.WithCancelCause(p.ctx)
	defer cancel(nil)
	if p.connectTime > 0 {
		defer h.AfterFunc(p.connectTime, func() { cancel(rpdb.ETIMEDOUT) })()
	}
	control, err := h.Stack.DialTCP(ctx, "tcp", to, o)
	if err != nil {
		if errors.Is(context.Cause(ctx), rpdb.ETIMEDOUT) {
			err = rpdb.ETIMEDOUT
		}
		return fmt.Errorf("unable to connect to server: %s", reason(err))
	}
	t := &iperfTest{p: p, params: p.params, control: control, sends: !p.params.Reverse}
	defer t.close()
	defer context.AfterFunc(p.ctx, t.close)()
	p.line("Connecting to host %s, port %d", p.host, p.port)
	if p.params.Reverse {
		p.line("Reverse mode, remote host %s is sending", p.host)
	}
	cookie := iperfCookieOf(h)
	if _, err := control.Write(cookie); err != nil {
		return err
	}
	for {
		s, err := t.await()
		if err != nil {
			return fmt.Errorf("control socket has closed unexpectedly")
		}
		done, err := t.client(s, to, o, cookie)
		if err != nil || done {
			return err
		}
	}
}

// client does what the server's state asks for.
func (t *iperfTest) client(state byte, to netip.AddrPort, o stack.Options, cookie []byte) (done bool, err error) {
	switch state {
	case iperfExchange:
		return false, t.tell(t.params)
	case iperfCreate:
		return false, t.open(to, o, cookie)
	case iperfStart:
		t.p.connected(t)
	case iperfRunning:
		t.run(t.p.ctx)
		if t.params.Time > 0 {
			defer t.p.env.Host.AfterFunc(time.Duration(t.params.Time)*time.Second, func() { t.stop(nil) })()
		}
		if t.params.Num > 0 && !t.sends {
			t.untilReceived()
		}
		<-t.ctx.Done()
		cause := context.Cause(t.ctx)
		t.finish()
		if cause != nil && !errors.Is(cause, context.Canceled) {
			return true, cause
		}
		return false, t.state(iperfEnd)
	case iperfResults:
		t.own = t.result(t.ended)
		if err := t.tell(t.own); err != nil {
			return true, err
		}
		return false, t.hear(&t.peer)
	case iperfDisplay:
		t.p.summary(t)
		return true, t.state(iperfDone)
	case iperfDenied:
		return true, errors.New("the server is busy running a test. try again later")
	case iperfError:
		return true, errors.New("the server has terminated")
	}
	return false, nil
}

// untilReceived waits until as many bytes as asked for have come.
func (t *iperfTest) untilReceived() {
	for t.total.Load() < t.params.Num && t.p.env.Host.Sleep(t.ctx, 10*time.Millisecond) {
	}
	t.stop(nil)
}

// open opens the streams of the client.
func (t *iperfTest) open(to netip.AddrPort, o stack.Options, cookie []byte) error {
	h := t.p.env.Host
	for i := range t.params.Parallel {
		s := &iperfStream{id: 5 + 2*i}
		if !t.params.UDP {
			c, err := h.Stack.DialTCP(t.p.ctx, "tcp", to, o)
			if err != nil {
				return fmt.Errorf("unable to connect stream: %s", reason(err))
			}
			s.conn = c
			t.streams = append(t.streams, s)
			if _, err := c.Write(cookie); err != nil {
				return err
			}
			continue
		}
		c, err := h.Stack.DialUDP("udp", to, o)
		if err != nil {
			return fmt.Errorf("unable to connect stream: %s", reason(err))
		}
		s.conn = c
		t.streams = append(t.streams, s)
		hello := binary.LittleEndian.AppendUint32(nil, iperfHello)
		for range 5 { // the first may be lost
			if _, err := c.Write(hello); err != nil {
				return fmt.Errorf("unable to connect stream: %s", reason(err))
			}
			_ = c.SetReadDeadline(h.Now().Add(time.Second))
			if _, err = c.Read(hello); err == nil {
				break
			}
		}
		if err != nil {
			return fmt.Errorf("unable to connect stream: %s", reason(err))
		}
		_ = c.SetReadDeadline(time.Time{})
	}
	return nil
}

// close closes all connections.
func (t *iperfTest) close() {
	_ = t.control.Close()
	for _, s := range slices.Clone(t.streams) {
		_ = s.conn.Close()
	}
}

// iperfCookieOf names a test.
func iperfCookieOf(h *Host) []byte {
	const letters = "abcdefghijklmnopqrstuvwxyz234567"
	b := make([]byte, iperfCookie)
	x := h.Seed() ^ uint64(h.Now().UnixNano())
	for i := range iperfCookie - 1 {
		x = x*6364136223846793005 + 1442695040888963407
		b[i] = letters[x>>59]
	}
	return b
}
