package hostcmd

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net/netip"
	"sync"

	"gvisor.dev/gvisor/pkg/tcpip/checksum"

	"github.com/rulewalk/rulewalk/lab/internal/stack"
	"github.com/rulewalk/rulewalk/rpdb"
)

// Where probes go without -p.
const (
	traceUDPFirst = 33434 // and one more for each probe
	traceUDPPort  = 53
	traceTCPPort  = 80
)

func (t *traceroute) ipNetwork() string {
	if t.target.Is4() {
		return "ip4"
	}
	return "ip6"
}

// data is what probes carry behind the IP header and as many bytes more.
func (t *traceroute) data(header int) []byte {
	if t.target.Is4() {
		header += 20
	} else {
		header += 40
	}
	b := make([]byte, max(t.size-header, 0))
	for i := range b {
		b[i] = 0x40 + byte(i&0x3f)
	}
	return b
}

// problem makes an answer of an error that a socket tells.
func (t *traceroute) problem(index int, e *stack.SocketError) {
	a := answer{index: index, from: e.Offender, at: e.Time}
	if e.Origin == stack.OriginLocal {
		a = answer{index: index, at: e.Time, mark: tooLong(e), final: true}
	} else {
		a.mark, a.final = traceMark(e)
	}
	t.tell(a)
}

// tell passes an answer on; what comes in plenty is lost.
func (t *traceroute) tell(a answer) {
	select {
	case t.answers <- a:
	default:
	}
}

func tooLong(e *stack.SocketError) string {
	mark, _ := traceMark(&stack.SocketError{Origin: stack.OriginICMP, Type: icmpUnreachable, Code: 4, Info: e.Info})
	return mark
}

// udpProber sends UDP datagrams, each by a socket of its own.
type udpProber struct {
	t     *traceroute
	fixed bool // all to one port
	mu    sync.Mutex
	conns map[int]*stack.UDPConn
	wait  sync.WaitGroup
}

func probeUDP(t *traceroute) (prober, error) {
	if t.port == 0 {
		t.port = traceUDPFirst
	}
	return &udpProber{t: t, conns: map[int]*stack.UDPConn{}}, nil
}

func probeUDPPort(t *traceroute) (prober, error) {
	if t.port == 0 {
		t.port = traceUDPPort
	}
	return &udpProber{t: t, fixed: true, conns: map[int]*stack.UDPConn{}}, nil
}

func (u *udpProber) send(index int, ttl uint8) error {
	o := u.t.opts
	o.TTL = ttl
	if u.t.source.IsValid() {
		o.Local = netip.AddrPortFrom(u.t.source, 0)
	}
	port := u.t.port
	if !u.fixed {
		port += index - (u.t.first-1)*u.t.each
	}
	c, err := u.t.env.Host.Stack.DialUDP("udp"+u.t.ipNetwork()[2:], netip.AddrPortFrom(u.t.target, uint16(port)), o)
	if err != nil {
		return err
	}
	u.mu.Lock()
	u.conns[index] = c
	u.mu.Unlock()
	if _, err := c.Write(u.t.data(8)); err != nil && !errors.Is(err, rpdb.EMSGSIZE) {
		_ = c.Close()
		return err
	}
	u.wait.Add(1)
	go u.hear(index, c)
	return nil
}

// hear waits for what comes back: an error, or a datagram.
func (u *udpProber) hear(index int, c *stack.UDPConn) {
	defer u.wait.Done()
	defer u.forget(index)
	_, failed, err := c.Wait()
	switch {
	case err != nil:
	case failed:
		if e, err := c.ReadError(); err == nil {
			u.t.problem(index, e)
		}
	default:
		if _, m, err := c.ReadMsg(make([]byte, 1)); err == nil {
			u.t.tell(answer{index: index, from: m.From.Addr(), at: m.Time, final: true})
		}
	}
}

func (u *udpProber) forget(index int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if c := u.conns[index]; c != nil {
		_ = c.Close()
		delete(u.conns, index)
	}
}

func (u *udpProber) close() {
	for i := range u.t.probes {
		u.forget(i)
	}
	u.wait.Wait()
}

// icmpProber sends echo requests by one socket; the sequence number tells the probe.
type icmpProber struct {
	t    *traceroute
	c    *stack.PingConn
	done chan struct{}
}

func probeICMP(t *traceroute) (prober, error) {
	if t.port == 0 {
		t.port = 1
	}
	c, err := t.env.Host.Stack.ListenPing(t.ipNetwork(), t.source, 0, t.opts)
	if err != nil {
		return nil, err
	}
	p := &icmpProber{t: t, c: c, done: make(chan struct{})}
	go p.hear()
	return p, nil
}

// sequence is the number of a probe.
func (p *icmpProber) sequence(index int) uint16 { return uint16(p.t.port + index) }

func (p *icmpProber) send(index int, ttl uint8) error {
	err := p.c.Send(p.t.target, p.sequence(index), p.t.data(8), stack.PacketInfo{TTL: ttl})
	if errors.Is(err, rpdb.EHOSTUNREACH) { // the error of an earlier one, which hear takes up
		err = p.c.Send(p.t.target, p.sequence(index), p.t.data(8), stack.PacketInfo{TTL: ttl})
	}
	if errors.Is(err, rpdb.EMSGSIZE) || errors.Is(err, rpdb.EHOSTUNREACH) {
		return nil
	}
	return err
}

func (p *icmpProber) hear() {
	defer close(p.done)
	tell := func(seq uint16) (int, bool) {
		i := int(seq - uint16(p.t.port))
		return i, i < len(p.t.probes)
	}
	for {
		_, failed, err := p.c.Wait()
		if err != nil {
			return
		}
		if failed {
			e, err := p.c.ReadError()
			if err != nil {
				return
			}
			if i, ok := tell(e.Seq); ok {
				p.t.problem(i, e)
			}
			continue
		}
		_, r, err := p.c.ReadReply(make([]byte, 1))
		if i, ok := tell(r.Seq); ok && err == nil {
			p.t.tell(answer{index: i, from: r.From.Addr(), at: r.Time, final: true})
		}
	}
}

func (p *icmpProber) forget(int) {}

func (p *icmpProber) close() {
	_ = p.c.Close()
	<-p.done
}

// tcpProber sends the first segments of connections, from a port of its own each, by a
// raw socket. The host itself resets what is answered.
type tcpProber struct {
	t      *traceroute
	c      *stack.RawConn
	source netip.Addr
	first  uint16 // source port of the first probe
	random *rand.Rand
	done   chan struct{}
}

func probeTCP(t *traceroute) (prober, error) {
	if t.port == 0 {
		t.port = traceTCPPort
	}
	c, err := t.env.Host.Stack.ListenRaw(t.ipNetwork(), rpdb.ProtoTCP, t.source, t.opts)
	if err != nil {
		return nil, err
	}
	h := t.env.Host
	p := &tcpProber{t: t, c: c, source: t.source, done: make(chan struct{})}
	p.random = rand.New(rand.NewPCG(h.Seed(), uint64(h.Now().UnixNano())))
	p.first = 32768 + uint16(p.random.IntN(16384))
	if !p.source.IsValid() {
		path := h.Route(&rpdb.Flow{
			Dst: t.target, Src: rpdb.FamilyOf(t.target).Zero(), OIF: t.opts.Device, Mark: t.opts.Mark, TOS: t.opts.TOS,
			IPProto: rpdb.ProtoTCP, DPort: uint16(t.port),
		})
		if path.Err != rpdb.OK {
			_ = c.Close()
			return nil, &stack.Error{Call: "connect", Errno: path.Err}
		}
		p.source = path.Src
	}
	go p.hear()
	return p, nil
}

func (p *tcpProber) send(index int, ttl uint8) error {
	b := make([]byte, 40)
	be := binary.BigEndian
	be.PutUint16(b, p.first+uint16(index))
	be.PutUint16(b[2:], uint16(p.t.port))
	be.PutUint32(b[4:], p.random.Uint32())
	b[12], b[13] = 10<<4, 2 // 40 bytes; SYN
	be.PutUint16(b[14:], 5840)
	copy(b[20:], []byte{2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 2}) // MSS, SACK, time stamp, scale
	pseudo := append(append([]byte{}, p.source.AsSlice()...), p.t.target.AsSlice()...)
	pseudo = append(pseudo, 0, rpdb.ProtoTCP, 0, byte(len(b)))
	be.PutUint16(b[16:], ^checksum.Checksum(b, checksum.Checksum(pseudo, 0)))
	return p.c.Send(p.t.target, b, stack.PacketInfo{TTL: ttl, Src: p.source})
}

func (p *tcpProber) hear() {
	defer close(p.done)
	buf := make([]byte, 128)
	for {
		_, failed, err := p.c.Wait()
		if err != nil {
			return
		}
		if failed {
			e, err := p.c.ReadError()
			if err != nil {
				return
			}
			if i, ok := p.index(e.Payload, 0); ok {
				p.t.problem(i, e)
			}
			continue
		}
		n, m, err := p.c.Read(buf)
		if err != nil || m.From.Addr().WithZone("") != p.t.target.WithZone("") {
			continue
		}
		segment := buf[:n]
		if m.Dst.Is4() && n >= 20 {
			segment = segment[min(int(segment[0]&15)*4, n):]
		}
		if i, ok := p.index(segment, 2); ok {
			p.t.tell(answer{index: i, from: m.From.Addr(), at: m.Time, final: true})
		}
	}
}

// index is the probe that a segment belongs to; at is where it has this host's port.
func (p *tcpProber) index(segment []byte, at int) (int, bool) {
	if len(segment) < 4 || binary.BigEndian.Uint16(segment[2-at:]) != uint16(p.t.port) {
		return 0, false
	}
	i := int(binary.BigEndian.Uint16(segment[at:]) - p.first)
	return i, i < len(p.t.probes)
}

func (p *tcpProber) forget(int) {}

func (p *tcpProber) close() {
	_ = p.c.Close()
	<-p.done
}
