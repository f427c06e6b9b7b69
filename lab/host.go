package lab

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/rulewalk/rulewalk/iproute2/ipcmd"
	"github.com/rulewalk/rulewalk/lab/internal/datapath"
	"github.com/rulewalk/rulewalk/lab/internal/hostcmd"
	"github.com/rulewalk/rulewalk/lab/internal/stack"
	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rpdb"
)

// Host is a host of a world: a network namespace whose sockets exchange packets with
// those of other hosts. Its methods are safe for concurrent use.
type Host struct {
	server *Server
	name   string
	space  *space
	host   *hostcmd.Host
}

// Host returns the host of a name: a namespace that [Server.AddHost] or ip netns add
// made; the empty name is that of [Server.Root].
func (s *Server) Host(name string) (*Host, error) {
	s.spaces.mu.Lock()
	defer s.spaces.mu.Unlock()
	sp, err := s.spaces.find(Root, name)
	if err != nil {
		return nil, err
	}
	sp.sockets++ // the namespace stays as long as the world
	return &Host{s, name, sp, s.host(sp)}, nil
}

// Namespace returns the namespace of the host.
func (h *Host) Namespace() *netns.Namespace { return h.space.ns }

// IP runs the ip command on the host with the words of a line, and returns what it
// printed. An error holds what it printed to its standard error.
func (h *Host) IP(line string) (string, error) { return h.Command("ip " + line) }

// Command runs a command of the lab, such as ip, sysctl, ping or nc, on the host with the
// words of a line, which no shell reads, and returns what it printed.
func (h *Host) Command(line string) (string, error) {
	var out, errs strings.Builder
	status := h.server.Run(context.Background(), Command{
		Args: strings.Fields(line), Env: []string{EnvNetNS + "=" + strconv.FormatUint(uint64(h.space.id), 10), ipcmd.EnvVRF + "="},
		Out: &out, Err: &errs,
	})
	if status != 0 {
		return out.String(), fmt.Errorf("%s: status %d: %s", line, status, strings.TrimSpace(errs.String()))
	}
	return out.String(), nil
}

// DialContext connects to an address, as (*net.Dialer).DialContext does; the networks
// are tcp and udp and those with 4 or 6 behind it. Names are localhost and those of the
// hosts of the world. Deadlines of the connection are by the clock of the world.
func (h *Host) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	to, err := h.addrPort(network, address)
	if err != nil {
		return nil, err
	}
	o := stack.Options{}
	if strings.HasPrefix(network, "udp") {
		c, err := h.host.Stack.DialUDP(network, to, o)
		return connOrNil(c, err)
	}
	c, err := h.host.Stack.DialTCP(ctx, network, to, o)
	return connOrNil(c, err)
}

// connOrNil keeps a nil pointer from becoming an interface that is not nil.
func connOrNil[C net.Conn](c C, err error) (net.Conn, error) {
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Dial is DialContext without a context.
func (h *Host) Dial(network, address string) (net.Conn, error) {
	return h.DialContext(context.Background(), network, address)
}

// Listen listens for TCP connections, as net.Listen does.
func (h *Host) Listen(network, address string) (net.Listener, error) {
	at, err := h.addrPort(network, address)
	if err != nil {
		return nil, err
	}
	l, err := h.host.Stack.ListenTCP(network, at, stack.Options{})
	if err != nil {
		return nil, err
	}
	return l, nil
}

// ListenPacket opens a UDP socket, as net.ListenPacket does.
func (h *Host) ListenPacket(network, address string) (net.PacketConn, error) {
	at, err := h.addrPort(network, address)
	if err != nil {
		return nil, err
	}
	c, err := h.host.Stack.ListenUDP(network, at, stack.Options{})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// addrPort reads HOST:PORT. Without a host it is the unspecified address of the network.
func (h *Host) addrPort(network, address string) (netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return netip.AddrPort{}, err
	}
	n, err := net.LookupPort(network, port)
	if err != nil {
		return netip.AddrPort{}, err
	}
	a := netip.Addr{}
	switch {
	case host != "":
		family := 0
		if n := network[len(network)-1]; n == '4' || n == '6' {
			family = int(n - '0')
		}
		if a, err = netip.ParseAddr(host); err != nil {
			a, err = h.host.Resolve(host, family)
		}
		if err != nil {
			return netip.AddrPort{}, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
		}
	case strings.HasSuffix(network, "4"):
		a = netip.IPv4Unspecified()
	default:
		a = netip.IPv6Unspecified()
	}
	return netip.AddrPortFrom(a, uint16(n)), nil
}

// Link connects two hosts by a cable: each gets a device of the name, a veth, that is up.
func Link(a *Host, nameA string, b *Host, nameB string) error {
	if b.name == "" {
		a, nameA, b, nameB = b, nameB, a, nameA
	}
	line := fmt.Sprintf("link add %s type veth peer name %s", nameA, nameB)
	if a.space != b.space {
		line += " netns " + b.name
	}
	if _, err := a.IP(line); err != nil {
		return err
	}
	if _, err := a.IP("link set " + nameA + " up"); err != nil {
		return err
	}
	_, err := b.IP("link set " + nameB + " up")
	return err
}

// Impairment is what a cable does to the frames that go one way through it, as netem
// does.
type Impairment = datapath.Impairment

// Impair has the cable behind a veth device do something to what the device sends; the
// zero Impairment makes it perfect again.
func (h *Host) Impair(dev string, i Impairment) error {
	l, ok := h.host.Link(0, dev)
	if !ok || !h.host.Host.Impair(l.Index, &i) {
		return fmt.Errorf("%s is no veth device of the host", dev)
	}
	return nil
}

// JoinGroup has a device of the host take part in a multicast group, as a socket does with
// IP_ADD_MEMBERSHIP or IPV6_JOIN_GROUP; leave ends that. Sockets that are bound to a port, or to
// the group, then receive what is sent there.
func (h *Host) JoinGroup(dev string, group netip.Addr) (leave func(), err error) {
	l, ok := h.host.Link(0, dev)
	if !ok {
		return nil, fmt.Errorf("device %s: %w", dev, rpdb.ENODEV)
	}
	if leave, err = h.space.ns.JoinGroup(l.Index, group); err != nil {
		return nil, fmt.Errorf("group %v on %s: %w", group, dev, err)
	}
	return leave, nil
}
