package stack

import (
	"net/netip"
	"sync"
	"time"

	"github.com/rulewalk/rulewalk/rpdb"
)

// Limits of a socket's queues.
const (
	defaultReceiveBuffer = 212992 // net.core.rmem_default
	bufferOverhead       = 768    // what a queued packet costs beside its data (SKB_TRUESIZE)
)

// Message is what is known of a received datagram beside its data.
type Message struct {
	From netip.AddrPort
	Dst  netip.Addr // the address that it was sent to (IP_PKTINFO)
	IIF  int        // device that it arrived on, or its VRF
	SDIF int        // the device itself if IIF is its VRF
	TTL  uint8      // IP_RECVTTL
	TOS  uint8      // IP_RECVTOS
	Time time.Time  // SO_TIMESTAMP
	// Truncated tells that the buffer was shorter than the datagram.
	Truncated bool
}

type queued struct {
	data []byte
	msg  Message
}

// datagram is what UDP, ping and raw sockets have in common: two queues and those
// who wait for them. The socket's options and addresses are under its lock too.
type datagram struct {
	stack *Stack
	o     Options

	mu            sync.Mutex
	wake          sync.Cond
	queue         []queued
	used          int
	errors        []*SocketError
	err           rpdb.Errno // sk_err: told once, by the next call
	closed        bool
	reading       deadline
	local, remote netip.AddrPort
	dropped       int // datagrams that found the queue full
}

func (d *datagram) init(s *Stack, o *Options) {
	d.stack, d.o = s, *o
	d.wake.L = &d.mu
}

// receive queues a datagram, or drops it if the buffer is full
// (sock_queue_rcv_skb). data is kept, not copied.
func (d *datagram) receive(data []byte, m Message) {
	d.mu.Lock()
	defer d.mu.Unlock()
	limit := d.o.ReceiveBuffer
	if limit == 0 {
		limit = defaultReceiveBuffer
	}
	if d.closed {
		return
	}
	if d.used >= limit {
		d.dropped++
		return
	}
	d.used += len(data) + bufferOverhead
	d.queue = append(d.queue, queued{data, m})
	d.wake.Broadcast()
}

// report tells the socket of an ICMP error (sk_err, and the error queue with
// IP_RECVERR).
func (d *datagram) report(v verdict, connected bool, e *SocketError) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return
	}
	if v.tooBig {
		v.hard = d.o.PMTU != PMTUDont
		if !v.hard && !d.o.RecvErr {
			return
		}
	}
	if d.o.RecvErr {
		d.queueError(e)
	} else if !v.hard || !connected {
		return
	}
	d.err = v.errno
	d.wake.Broadcast()
}

// queueError appends to the error queue, whose length is bounded by the receive
// buffer too (sock_queue_err_skb).
func (d *datagram) queueError(e *SocketError) {
	if len(d.errors) < defaultReceiveBuffer/bufferOverhead {
		d.errors = append(d.errors, e)
		d.wake.Broadcast()
	}
}

// takeError returns and clears sk_err (sock_error). d.mu is held.
func (d *datagram) takeError() rpdb.Errno {
	errno := d.err
	d.err = rpdb.OK
	return errno
}

// next waits for the next datagram, an error or the deadline, and copies the data
// to b (skb_recv_datagram).
func (d *datagram) next(call string, b []byte) (int, Message, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for {
		if errno := d.takeError(); errno != rpdb.OK {
			return 0, Message{}, fail(call, errno)
		}
		switch {
		case d.closed:
			return 0, Message{}, errClosed
		case d.reading.expired:
			return 0, Message{}, errDeadline
		case len(d.queue) > 0:
			q := d.queue[0]
			d.queue[0] = queued{}
			if d.queue = d.queue[1:]; len(d.queue) == 0 {
				d.queue = nil
			}
			d.used -= len(q.data) + bufferOverhead
			n := copy(b, q.data)
			q.msg.Truncated = n < len(q.data)
			return n, q.msg, nil
		}
		d.wake.Wait()
	}
}

// ReadError waits for the next entry of the error queue (recvmsg with
// MSG_ERRQUEUE; unlike there, it waits until the read deadline if the queue is
// empty). Only sockets with Options.RecvErr get ICMP errors here.
func (d *datagram) ReadError() (*SocketError, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for {
		switch {
		case d.closed:
			return nil, errClosed
		case len(d.errors) > 0:
			e := d.errors[0]
			d.errors = d.errors[1:]
			if len(d.errors) == 0 {
				d.err = rpdb.OK
			}
			return e, nil
		case d.reading.expired:
			return nil, errDeadline
		}
		d.wake.Wait()
	}
}

// Wait waits until there is something to read, data or an error, and tells what, as
// poll does with POLLIN and POLLERR. It ends with the read deadline and with Close.
func (d *datagram) Wait() (data, failed bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for {
		data, failed = len(d.queue) > 0, len(d.errors) > 0 || d.err != rpdb.OK
		switch {
		case d.closed:
			return false, false, errClosed
		case data || failed:
			return data, failed, nil
		case d.reading.expired:
			return false, false, errDeadline
		}
		d.wake.Wait()
	}
}

// SetReadDeadline ends reads at a time of the world's clock.
func (d *datagram) SetReadDeadline(t time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return errClosed
	}
	d.reading.set(d.stack.net, &d.mu, t, d.wake.Broadcast)
	return nil
}

// SetWriteDeadline does nothing: datagrams are sent at once.
func (d *datagram) SetWriteDeadline(time.Time) error { return nil }

// SetDeadline is SetReadDeadline.
func (d *datagram) SetDeadline(t time.Time) error { return d.SetReadDeadline(t) }

// SetTTL sets the TTL or hop limit of what is sent from now on; 0: the default.
func (d *datagram) SetTTL(ttl uint8) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.o.TTL = ttl
}

// SetTOS sets the TOS or traffic class of what is sent from now on.
func (d *datagram) SetTOS(tos uint8) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.o.TOS = tos
}

// shut ends all waiting; false if it was closed before.
func (d *datagram) shut() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return false
	}
	d.closed = true
	d.reading.set(d.stack.net, &d.mu, time.Time{}, nil)
	d.queue, d.errors = nil, nil
	d.wake.Broadcast()
	return true
}

// sending returns what a call that sends needs to know, with a pending error first
// (sock_alloc_send_skb).
func (d *datagram) sending() (o Options, local, remote netip.AddrPort, err error) {
	d.mu.Lock()
	errno := d.takeError()
	d.mu.Unlock()
	if errno != rpdb.OK {
		return o, local, remote, fail("sendto", errno)
	}
	return d.settings()
}

// settings is sending without a look at pending errors.
func (d *datagram) settings() (o Options, local, remote netip.AddrPort, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return o, local, remote, errClosed
	}
	o = d.o
	o.connected = d.remote.IsValid()
	return o, d.local, d.remote, nil
}

// outgoing is a datagram with everything decided but its upper-layer bytes.
type outgoing struct {
	ip   ipHeader
	path Path
	meta Meta
}

// message is the destination of an ICMP message, with its type and code in place of a port
// (union flowi_uli).
func message(to netip.AddrPort, proto, typ, code uint8) netip.AddrPort {
	if proto != rpdb.ProtoICMP && proto != rpdb.ProtoICMPv6 {
		return to
	}
	return netip.AddrPortFrom(to.Addr(), uint16(typ)<<8|uint16(code))
}

// plan routes a datagram as udp_sendmsg, ping_v4_sendmsg and raw_sendmsg do: the
// source is the socket's, or the one that the decision gives.
func (s *Stack) plan(o *Options, proto uint8, src, dst netip.AddrPort, size int) (outgoing, rpdb.Errno) {
	g := outgoing{meta: o.meta()}
	f := o.flow(proto, src, dst)
	if !f.Src.IsValid() || f.Src.Is4() != f.Dst.Is4() {
		f.Src = rpdb.FamilyOf(f.Dst).Zero()
	}
	if proto == rpdb.ProtoICMP || proto == rpdb.ProtoICMPv6 {
		f.SPort = 0 // DPort is the type and the code
	}
	g.path = s.net.Route(&f)
	switch {
	case g.path.Err != rpdb.OK:
		return g, g.path.Err
	case g.path.Type == rpdb.Broadcast && !o.Broadcast:
		return g, rpdb.EACCES
	}
	g.meta.Decision = &g.path.Decision
	if f.Src.IsUnspecified() || f.Src.IsMulticast() {
		f.Src = g.path.Src
	}
	if f.Dst == netip.IPv4Unspecified() { // this host
		f.Dst = f.Src
	}
	if !f.Src.IsValid() {
		if dst.Addr().Is4() {
			f.Src = netip.IPv4Unspecified()
		} else {
			return g, rpdb.EADDRNOTAVAIL
		}
	}
	g.ip = ipHeader{
		src: f.Src, dst: f.Dst, proto: proto, tos: o.TOS, ttl: s.hops(o, &g.path, f.Dst),
	}
	return g, s.fit(o, &g, g.ip.size()+size, src, dst)
}

// fit decides on DF and fragments, or refuses what is too long (ip_append_data,
// __ip_make_skb, ip_select_ident_segs). size is that of the whole packet.
func (s *Stack) fit(o *Options, g *outgoing, size int, src, dst netip.AddrPort) rpdb.Errno {
	mtu := g.path.MTU
	if o.PMTU == PMTUProbe {
		if l, ok := s.net.Link(g.path.OIF, ""); ok {
			mtu = l.MTU
		}
	}
	strict := o.PMTU == PMTUDo || o.PMTU == PMTUProbe
	limit := 65535
	if !dst.Addr().Is4() {
		limit += ipv6Header
	}
	if size > limit || strict && size > mtu {
		return rpdb.EMSGSIZE
	}
	g.ip.df = strict || size <= mtu && o.PMTU == PMTUWant && !g.path.Locked
	g.meta.IgnoreDF, g.meta.DeviceMTU = !strict, o.PMTU == PMTUProbe
	from := netip.AddrPortFrom(g.ip.src, src.Port())
	if dst.Addr().Is6() {
		g.ip.label = s.label(from, dst)
	} else if !strict || o.connected {
		g.ip.id = s.nextID(netip.AddrPortFrom(g.ip.src, 0), netip.AddrPortFrom(dst.Addr(), uint16(g.ip.proto)))
	}
	return rpdb.OK
}

// tooLong queues the local error that goes with a refusal of fit
// (ip_local_error).
func (d *datagram) tooLong(dst netip.AddrPort, mtu int, data []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.o.RecvErr {
		d.queueError(&SocketError{
			Errno: rpdb.EMSGSIZE, Origin: OriginLocal, Info: uint32(mtu), Dst: dst,
			Payload: data, Time: d.stack.net.Now(),
		})
	}
}
