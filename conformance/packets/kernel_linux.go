package packets

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/rulewalk/rulewalk/internal/testns"
	"github.com/rulewalk/rulewalk/rpdb"
)

// running is the side of the kernel. It belongs to the locked thread that made it.
type running struct {
	hosts map[string]*space
	order []*space
	buf   []byte
}

// space is the namespace of a host, and the packet socket that sees all its frames.
type space struct {
	name    string
	ns      *testns.NS
	packets int
	open    int            // UDP socket
	devices map[int]string // names by ifindex
	loop    int            // ifindex of lo
}

func newRunning(t *Topology) (r *running, err error) {
	r = &running{hosts: map[string]*space{}, buf: make([]byte, 1<<17)}
	defer func() {
		if err != nil {
			_ = r.close()
		}
	}()
	for _, name := range t.Hosts {
		ns, err := testns.Create()
		if err != nil {
			return r, err
		}
		s := &space{name: name, ns: ns, packets: -1, open: -1, devices: map[int]string{1: "lo"}, loop: 1}
		r.hosts[name] = s
		r.order = append(r.order, s)
		if err := r.enter(s); err != nil {
			return r, err
		}
		if s.packets, err = packetSocket(); err != nil {
			return r, err
		}
	}
	return r, nil
}

// enter moves the thread into the namespace of a host.
func (r *running) enter(s *space) error { return unix.Setns(int(s.ns.FD()), unix.CLONE_NEWNET) }

func packetSocket() (int, error) {
	const all = 0x0300 // htons(ETH_P_ALL)
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, all)
	if err != nil {
		return -1, fmt.Errorf("packet socket: %w", err)
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<20)
	return fd, unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_AUXDATA, 1)
}

// close lets the namespaces go. Closing packet sockets takes the kernel a while, for which
// it does not wait.
func (r *running) close() error {
	for _, s := range r.order {
		go func() {
			for _, fd := range []int{s.packets, s.open} {
				if fd >= 0 {
					_ = unix.Close(fd)
				}
			}
			_ = s.ns.Close()
		}()
	}
	return nil
}

func (r *running) build(steps []Step) (refused map[int]string, err error) {
	refused = map[int]string{}
	for i := 0; i < len(steps); {
		n := i + 1
		for n < len(steps) && steps[n].Host == steps[i].Host && steps[n].Tool == steps[i].Tool {
			n++
		}
		if err := r.enter(r.hosts[steps[i].Host]); err != nil {
			return nil, err
		}
		bad, err := r.together(steps[i:n])
		if err != nil {
			return nil, err
		}
		for b, why := range bad {
			refused[i+b] = why
		}
		i = n
	}
	return refused, nil
}

var (
	hostName  = regexp.MustCompile(`netns (h\d+)`)
	failedAt  = regexp.MustCompile(`Command failed -:(\d+)`)
	errNoTool = errors.New("the ip command is missing: install iproute2")
)

// together runs steps of one host and one tool.
func (r *running) together(steps []Step) (refused map[int]string, err error) {
	refused = map[int]string{}
	if steps[0].Tool == "sysctl" {
		for i, s := range steps {
			name, value, _ := strings.Cut(s.Args, "=")
			if err := os.WriteFile("/proc/sys/"+strings.ReplaceAll(name, ".", "/"), []byte(value), 0); err != nil {
				refused[i] = err.Error()
			}
		}
		return refused, nil
	}
	var in, errs bytes.Buffer
	for _, s := range steps {
		line := hostName.ReplaceAllStringFunc(s.Args, func(m string) string {
			return "netns " + r.hosts[strings.TrimPrefix(m, "netns ")].ns.Path()
		})
		fmt.Fprintln(&in, line)
	}
	tool := strings.Fields(steps[0].Tool)
	cmd := exec.Command(tool[0], append(tool[1:], "-force", "-batch", "-")...)
	cmd.Stdin, cmd.Stderr = &in, &errs
	err = cmd.Run()
	if errors.Is(err, exec.ErrNotFound) {
		return nil, errNoTool
	}
	why := ""
	for line := range strings.Lines(errs.String()) {
		if m := failedAt.FindStringSubmatch(line); m != nil {
			n, _ := strconv.Atoi(m[1])
			refused[n-1], why = why, ""
			continue
		}
		why += line
	}
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || len(refused) == 0) {
		return nil, fmt.Errorf("ip -batch: %w: %s", err, errs.String())
	}
	return refused, nil
}

// readyTime bounds how long devices may take until they run.
const readyTime = 3 * time.Second

func (r *running) ready() error {
	for _, s := range r.order {
		if err := r.enter(s); err != nil {
			return err
		}
		if err := s.wait(); err != nil {
			return err
		}
		if s.open < 0 {
			if err := s.listen(); err != nil {
				return err
			}
		}
	}
	time.Sleep(20 * time.Millisecond)
	_, err := r.frames(nil)
	return err
}

// wait waits until the devices that are up run, and learns their names. The thread is in
// the namespace.
func (s *space) wait() error {
	for start := time.Now(); ; time.Sleep(2 * time.Millisecond) {
		calm := true
		ifs, err := interfaces()
		if err != nil {
			return err
		}
		for _, i := range ifs {
			s.devices[i.index] = i.name
			if i.index != s.loop {
				checksumsBySoftware(i.name)
			}
			if i.flags&unix.IFF_UP != 0 && i.flags&unix.IFF_RUNNING == 0 {
				calm = false
			}
		}
		if calm || time.Since(start) > readyTime {
			return nil
		}
	}
}

// checksumsBySoftware has the kernel complete checksums before a device sees them, so that
// frames hold them. Not every device can (ethtool -K DEV tx off).
func checksumsBySoftware(dev string) {
	const setTxChecksums = 0x17 // ETHTOOL_STXCSUM
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer func() { _ = unix.Close(fd) }()
	value := struct{ cmd, data uint32 }{setTxChecksums, 0}
	var req struct { // struct ifreq
		name [unix.IFNAMSIZ]byte
		data unsafe.Pointer
		_    [16]byte
	}
	copy(req.name[:unix.IFNAMSIZ-1], dev)
	req.data = unsafe.Pointer(&value)
	_, _, _ = unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&req)))
}

// iface is a device of the namespace that the thread is in.
type iface struct {
	index int
	name  string
	flags uint16
}

func interfaces() (out []iface, err error) {
	text, err := os.ReadFile("/proc/thread-self/net/dev")
	if err != nil {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = unix.Close(fd) }()
	for line := range strings.Lines(string(text)) {
		name, _, ok := strings.Cut(line, ":")
		if !ok {
			continue
		}
		i := iface{name: strings.TrimSpace(name)}
		req, err := unix.NewIfreq(i.name)
		if err != nil {
			return nil, err
		}
		if unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, req) != nil {
			continue
		}
		i.index = int(req.Uint32())
		if unix.IoctlIfreq(fd, unix.SIOCGIFFLAGS, req) == nil {
			i.flags = req.Uint16()
		}
		out = append(out, i)
	}
	return out, nil
}

// listen takes datagrams for the open port.
func (s *space) listen() (err error) {
	if s.open, err = unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return err
	}
	return unix.Bind(s.open, &unix.SockaddrInet6{Port: openPort})
}

func (r *running) frames(to []Frame) ([]Frame, error) {
	for _, s := range r.order {
		for {
			f, ok, err := s.next(r.buf)
			if err != nil {
				return to, err
			}
			if !ok {
				break
			}
			if f.Data != nil {
				to = append(to, f)
			}
		}
	}
	return to, nil
}

// next reads a frame; one without data does not count.
func (s *space) next(buf []byte) (f Frame, ok bool, err error) {
	var oob [128]byte
	n, oobn, _, from, err := unix.Recvmsg(s.packets, buf, oob[:], 0)
	switch {
	case errors.Is(err, unix.EAGAIN):
		return f, false, nil
	case errors.Is(err, unix.ENETDOWN):
		return f, true, nil
	case err != nil:
		return f, false, err
	}
	ll, _ := from.(*unix.SockaddrLinklayer)
	if ll == nil || ll.Ifindex == s.loop && ll.Pkttype == unix.PACKET_OUTGOING {
		return f, true, nil
	}
	name, known := s.devices[ll.Ifindex]
	if !known {
		name = strconv.Itoa(ll.Ifindex)
	}
	return Frame{
		Device: s.name + "/" + name, Out: ll.Pkttype == unix.PACKET_OUTGOING,
		Data: tagged(bytes.Clone(buf[:n]), oob[:oobn]),
	}, true, nil
}

// tagged puts the VLAN tag back that the kernel keeps beside a frame.
func tagged(b, oob []byte) []byte {
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil || len(b) < etherLen {
		return b
	}
	for _, m := range msgs {
		// struct tpacket_auxdata: status, len, snaplen (32 bits each), mac, net, tci, tpid (16 bits each)
		if m.Header.Type != unix.PACKET_AUXDATA || len(m.Data) < 20 || m.Data[0]&unix.TP_STATUS_VLAN_VALID == 0 {
			continue
		}
		tci, tpid := uint16(m.Data[16])|uint16(m.Data[17])<<8, uint16(m.Data[18])|uint16(m.Data[19])<<8
		tag := be.AppendUint16(be.AppendUint16(nil, tpid), tci)
		return append(append(append([]byte(nil), b[:12]...), tag...), b[12:]...)
	}
	return b
}

func (r *running) send(p *Probe) (rpdb.Errno, error) {
	if err := r.enter(r.hosts[p.Host]); err != nil {
		return 0, err
	}
	err := sendRunning(p)
	var errno unix.Errno
	if err == nil || errors.As(err, &errno) {
		return rpdb.Errno(errno), nil
	}
	return 0, err
}

// sendRunning sends a probe in the namespace that the thread is in.
func sendRunning(p *Probe) error {
	domain, typ, proto := unix.AF_INET, unix.SOCK_DGRAM, 0
	if p.Dst.Is6() {
		domain = unix.AF_INET6
	}
	data := payload(p.Size)
	if p.Kind != UDP {
		var raw uint8
		raw, data = p.raw()
		typ, proto = unix.SOCK_RAW, int(raw)
	}
	fd, err := unix.Socket(domain, typ|unix.SOCK_CLOEXEC, proto)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	if err := setOptions(fd, p); err != nil {
		return err
	}
	src, dst := sockaddr(p, false), sockaddr(p, true)
	if src != nil {
		if err := unix.Bind(fd, src); err != nil {
			return err
		}
	}
	return unix.Sendto(fd, data, 0, dst)
}

func setOptions(fd int, p *Probe) error {
	level, ttl, tos, pmtu := unix.IPPROTO_IP, unix.IP_TTL, unix.IP_TOS, unix.IP_MTU_DISCOVER
	if p.Dst.Is6() {
		level, ttl, tos, pmtu = unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS, unix.IPV6_TCLASS, unix.IPV6_MTU_DISCOVER
	}
	for _, o := range []struct {
		level, name, v int
		set            bool
	}{
		{unix.SOL_SOCKET, unix.SO_MARK, int(p.Mark), p.Mark != 0},
		{level, ttl, int(p.TTL), p.TTL != 0},
		{level, tos, int(p.TOS), p.TOS != 0},
		{level, pmtu, p.PMTU, p.Kind != Packet},
		{unix.SOL_SOCKET, unix.SO_BROADCAST, 1, p.Cast},
		{unix.SOL_SOCKET, unix.SO_DONTROUTE, 1, p.Direct},
	} {
		if o.set {
			if err := unix.SetsockoptInt(fd, o.level, o.name, o.v); err != nil {
				return fmt.Errorf("setsockopt %d %d: %w", o.level, o.name, err)
			}
		}
	}
	if p.Device != "" {
		return unix.BindToDevice(fd, p.Device)
	}
	return nil
}

// sockaddr is the source or the destination of a probe.
func sockaddr(p *Probe, dst bool) unix.Sockaddr {
	a, port := p.Src, int(p.SPort)
	if dst {
		a, port = p.Dst, int(p.DPort)
	}
	if p.Kind != UDP {
		if !a.IsValid() {
			return nil
		}
		port = 0
	}
	switch {
	case a.Is4():
		return &unix.SockaddrInet4{Addr: a.As4(), Port: port}
	case a.Is6():
		zone := uint32(0)
		if i, err := interfaceIndex(a.Zone()); err == nil {
			zone = i
		}
		return &unix.SockaddrInet6{Addr: a.As16(), Port: port, ZoneId: zone}
	case p.Dst.Is6():
		return &unix.SockaddrInet6{Port: port}
	}
	return &unix.SockaddrInet4{Port: port}
}

// interfaceIndex is the ifindex of a device of the namespace that the thread is in.
func interfaceIndex(name string) (uint32, error) {
	req, err := unix.NewIfreq(name)
	if err != nil {
		return 0, err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer func() { _ = unix.Close(fd) }()
	err = unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, req)
	return req.Uint32(), err
}

// hasVLANs tells whether the kernel has VLAN devices.
func hasVLANs() (bool, error) {
	ns, err := testns.Create()
	if err != nil {
		return false, err
	}
	defer func() { _ = ns.Close() }()
	if _, err := ns.Run("ip", "link", "add", "v", "type", "veth", "peer", "name", "w"); errors.Is(err, exec.ErrNotFound) {
		return false, errNoTool
	} else if err != nil {
		return false, err
	}
	_, err = ns.Run("ip", "link", "add", "link", "v", "name", "x", "type", "vlan", "id", "7")
	return err == nil, nil
}
