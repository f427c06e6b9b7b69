package conformance

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/rulewalk/rulewalk/netns"
)

// reqHost is a network namespace that programs of requests are played in: one of the
// running kernel, or an emulated one.
type reqHost interface {
	// send sends one datagram and returns the messages that answer it, in order.
	send(s reqSock, datagram []byte) ([][]byte, error)
	// sysctl writes a file under /proc/sys.
	sysctl(path, value string) error
	// settle waits until what goes on behind the answers is done; the notification of a
	// new address is to be awaited if told.
	settle(address bool) error
	// notes returns the notifications since the last call, in order.
	notes() ([][]byte, error)
	Close() error
}

// reqSock says which socket of a host a request goes through. Each has other options.
type reqSock int

// The sockets, in the order in which they are opened: their port ids are 1, 2, 3...
// The monitor, which joins the multicast groups, comes last.
const (
	sockStrict    reqSock = iota // as rulewalk: strict checks, extended and capped acks
	sockIP                       // as iproute2: strict checks, extended acks
	sockPlain                    // no option at all
	sockExtended                 // extended acks alone
	sockCapped                   // capped acks alone
	sockUncommon                 // strict checks alone
	reqSocks      = 6
	sockMonitor   = reqSock(reqSocks)
	monitorOfPort = reqSocks + 1
)

var reqSockOptions = [...]netns.SocketOptions{
	sockStrict:   {StrictCheck: true, ExtendedAck: true, CapAck: true},
	sockIP:       {StrictCheck: true, ExtendedAck: true},
	sockPlain:    {},
	sockExtended: {ExtendedAck: true},
	sockCapped:   {CapAck: true},
	sockUncommon: {StrictCheck: true},
	sockMonitor:  {},
}

// String tells the options.
func (s reqSock) String() string {
	return [...]string{"strict+extack+cap", "strict+extack", "plain", "extack", "cap", "strict", "monitor"}[s]
}

// reqGroups are the multicast groups that the monitor joins.
var reqGroups = []netns.Group{
	netns.GroupLink, netns.GroupNotify, netns.GroupNeigh, netns.GroupIPv4Addr, netns.GroupIPv4Route, netns.GroupIPv4Rule,
	netns.GroupIPv6Addr, netns.GroupIPv6Route, netns.GroupIPv6IfInfo, netns.GroupIPv6Prefix, netns.GroupIPv6Rule,
	netns.GroupIPv4NetConf, netns.GroupIPv6NetConf, netns.GroupNSID, netns.GroupNextHop,
	netns.GroupIPv4MCAddr, netns.GroupIPv6MCAddr,
}

// splitMessages cuts a datagram of answers into copies of its messages.
func splitMessages(to [][]byte, datagram []byte) ([][]byte, error) {
	for len(datagram) > 0 {
		if len(datagram) < nlHeader {
			return to, fmt.Errorf("%d bytes after the last message", len(datagram))
		}
		n := int(binary.NativeEndian.Uint32(datagram))
		if n < nlHeader || n > len(datagram) {
			return to, fmt.Errorf("a message of %d bytes in %d", n, len(datagram))
		}
		to = append(to, bytes.Clone(datagram[:n]))
		datagram = datagram[min((n+3)&^3, len(datagram)):]
	}
	return to, nil
}

const nlHeader = 16

// errNotBuilt says that netns does not have a part yet.
var errNotBuilt = errors.New("netns has not built this yet")

// emulated is a namespace of package netns.
type emulated struct {
	ns    *netns.Namespace
	socks []*netns.Socket
}

func newEmulated(c netns.Config) *emulated {
	e := &emulated{ns: netns.NewWorld(c).New()}
	e.open()
	return e
}

// open opens the sockets.
func (e *emulated) open() {
	for _, o := range reqSockOptions {
		e.socks = append(e.socks, e.ns.DialOptions(o))
	}
	e.socks[sockMonitor].Join(reqGroups...)
}

func (e *emulated) Close() error {
	for _, s := range e.socks {
		_ = s.Close()
	}
	return nil
}

func (e *emulated) send(s reqSock, datagram []byte) ([][]byte, error) {
	if err := e.socks[s].Send(bytes.Clone(datagram)); err != nil {
		return nil, err
	}
	return e.drain(s)
}

func (e *emulated) drain(s reqSock) ([][]byte, error) {
	var out [][]byte
	for e.socks[s].Pending() > 0 {
		b, err := e.socks[s].Receive()
		if err != nil {
			return out, err
		}
		if out, err = splitMessages(out, b); err != nil {
			return out, err
		}
	}
	return out, nil
}

func (e *emulated) notes() ([][]byte, error) { return e.drain(sockMonitor) }

// settle has nothing to wait for: what the kernel puts off, the emulation does at once.
func (e *emulated) settle(bool) error { return nil }

// sysctler is a namespace whose sysctls can be written.
type sysctler interface {
	SetSysctl(path, value string) error
}

func (e *emulated) sysctl(path, value string) error {
	if s, ok := any(e.ns).(sysctler); ok {
		return s.SetSysctl(path, value)
	}
	return errNotBuilt
}
