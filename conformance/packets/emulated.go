package packets

import (
	"errors"
	"io"
	"net/netip"
	"strings"
	"sync"

	"github.com/rulewalk/rulewalk/lab"
	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rpdb"
)

// emulated is the side of the lab.
type emulated struct {
	server *lab.Server
	hosts  map[string]*lab.Host

	mu   sync.Mutex
	seen []Frame
}

func newEmulated(t *Topology) (*emulated, error) {
	s, err := lab.NewServer("packets", netns.Config{Seed: 1})
	if err != nil {
		return nil, err
	}
	e := &emulated{server: s, hosts: map[string]*lab.Host{}}
	for _, name := range t.Hosts {
		if _, err := s.AddHost(name); err != nil {
			return nil, err
		}
		if e.hosts[name], err = s.Host(name); err != nil {
			return nil, err
		}
		e.hosts[name].Tap(0, func(f lab.Frame) { e.saw(name, f) })
	}
	return e, nil
}

func (e *emulated) saw(host string, f lab.Frame) {
	out := Frame{Device: host + "/" + f.Device.Name, Out: f.Direction == lab.Out, Data: f.Data}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.seen = append(e.seen, out)
}

func (e *emulated) build(steps []Step) (refused map[int]string, err error) {
	refused = map[int]string{}
	for i, s := range steps {
		h := e.hosts[s.Host]
		switch s.Tool {
		case "sysctl":
			name, value, _ := strings.Cut(s.Args, "=")
			err = h.Namespace().SetSysctl(name, value)
		default:
			_, err = h.Command(s.Tool + " " + s.Args)
		}
		if err != nil {
			refused[i] = err.Error()
		}
	}
	return refused, nil
}

func (e *emulated) ready() error {
	for _, h := range e.hosts {
		if err := openPorts(h); err != nil {
			return err
		}
	}
	e.server.Settle()
	return nil
}

// openPorts has a host take datagrams for port 9.
func openPorts(h *lab.Host) error {
	_, err := h.ListenUDP("udp", netip.AddrPortFrom(netip.IPv6Unspecified(), openPort), lab.SocketOptions{})
	return err
}

func (e *emulated) frames(to []Frame) ([]Frame, error) {
	e.server.Settle()
	e.mu.Lock()
	defer e.mu.Unlock()
	to = append(to, e.seen...)
	e.seen = nil
	return to, nil
}

func (e *emulated) close() error {
	e.server.Close()
	return nil
}

func (e *emulated) send(p *Probe) (rpdb.Errno, error) {
	h := e.hosts[p.Host]
	o := lab.SocketOptions{
		Mark: p.Mark, TOS: p.TOS, TTL: p.TTL, Broadcast: p.Cast, DontRoute: p.Direct,
		HeaderIncluded: p.Kind == Packet,
	}
	o.PMTU = [...]lab.PMTUDisc{lab.PMTUDont, lab.PMTUWant, lab.PMTUDo, lab.PMTUProbe}[p.PMTU]
	if p.Device != "" {
		if o.Device = h.Device(p.Device); o.Device == 0 {
			return rpdb.ENODEV, nil
		}
	}
	return errnoOf(e.sendBy(h, p, o))
}

// sendBy sends a probe by a socket, which hears what comes of it at once, as one of the kernel
// does: there the packet has gone its way when sendto returns.
func (e *emulated) sendBy(h *lab.Host, p *Probe, o lab.SocketOptions) error {
	v := "4"
	if p.Dst.Is6() {
		v = "6"
	}
	if p.Kind == UDP {
		src := p.Src
		if !src.IsValid() {
			src = netip.IPv4Unspecified()
			if p.Dst.Is6() {
				src = netip.IPv6Unspecified()
			}
		}
		c, err := h.ListenUDP("udp"+v, netip.AddrPortFrom(src, p.SPort), o)
		if err != nil {
			return err
		}
		defer e.closeSocket(c)
		_, err = c.WriteToUDPAddrPort(payload(p.Size), netip.AddrPortFrom(p.Dst, p.DPort))
		return err
	}
	proto, data := p.raw()
	c, err := h.ListenRaw("ip"+v, proto, p.Src, o)
	if err != nil {
		return err
	}
	defer e.closeSocket(c)
	return c.Send(p.Dst, data, lab.PacketInfo{})
}

func (e *emulated) closeSocket(c io.Closer) {
	e.server.Settle()
	_ = c.Close()
}

// raw is the protocol of the raw socket that a probe is sent by, and its data.
func (p *Probe) raw() (proto uint8, data []byte) {
	switch {
	case p.Kind == Packet:
		return protoRaw, p.Data
	case p.Kind == SYN:
		return protoTCP, p.Data
	}
	proto, data = protoICMP, make([]byte, 8, 8+p.Size)
	data[0] = 8
	if p.Dst.Is6() {
		proto, data[0] = protoICMPv6, 128
	}
	be.PutUint16(data[4:], p.SPort)
	be.PutUint16(data[6:], 1)
	data = append(data, payload(p.Size)...)
	if proto == protoICMP {
		be.PutUint16(data[2:], ^fold(sum(0, data)))
	}
	return proto, data
}

func payload(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

// errnoOf is the errno in an error of a socket.
func errnoOf(err error) (rpdb.Errno, error) {
	var errno rpdb.Errno
	if err == nil || errors.As(err, &errno) {
		return errno, nil
	}
	return 0, err
}
