package kernel

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// SocketConfig says how a [Socket] is opened.
type SocketConfig struct {
	Port        uint32 // port id; 0 lets the kernel choose
	StrictCheck bool   // NETLINK_GET_STRICT_CHK
	ExtendedAck bool   // NETLINK_EXT_ACK
	CapAck      bool   // NETLINK_CAP_ACK
}

// Socket is a NETLINK_ROUTE socket without any comfort: what is sent may be garbage,
// and what comes back is not read. It serves comparisons of the kernel with its
// emulation. Its methods are not safe for concurrent use.
type Socket struct {
	fd  int
	buf []byte
}

// OpenSocket opens a socket in the network namespace of the calling thread.
func OpenSocket(c SocketConfig) (*Socket, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	s := &Socket{fd: fd, buf: make([]byte, readSize)}
	if err := s.setUp(c); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Socket) setUp(c SocketConfig) error {
	for _, o := range []struct {
		opt int
		on  bool
	}{
		{unix.NETLINK_GET_STRICT_CHK, c.StrictCheck},
		{unix.NETLINK_EXT_ACK, c.ExtendedAck},
		{unix.NETLINK_CAP_ACK, c.CapAck},
	} {
		if !o.on {
			continue
		}
		if err := unix.SetsockoptInt(s.fd, unix.SOL_NETLINK, o.opt, 1); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	_ = unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, queueSize)
	err := unix.Bind(s.fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Pid: c.Port})
	return os.NewSyscallError("bind", err)
}

// Close closes the socket.
func (s *Socket) Close() error { return unix.Close(s.fd) }

// Join adds the socket to a multicast group (RTNLGRP_*).
func (s *Socket) Join(group uint32) error {
	err := unix.SetsockoptInt(s.fd, unix.SOL_NETLINK, unix.NETLINK_ADD_MEMBERSHIP, int(group))
	return os.NewSyscallError("setsockopt", err)
}

// Send sends one datagram. When it returns, the kernel has served the requests in
// it, and queued the answers, of dumps the first part.
func (s *Socket) Send(datagram []byte) error {
	err := unix.Sendto(s.fd, datagram, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
	return os.NewSyscallError("sendto", err)
}

// Receive returns the next datagram that is queued, nil if there is none. It is
// valid until the next call.
func (s *Socket) Receive() ([]byte, error) {
	for {
		n, _, err := unix.Recvfrom(s.fd, s.buf, unix.MSG_TRUNC|unix.MSG_DONTWAIT)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			return nil, nil
		case err != nil:
			return nil, os.NewSyscallError("recvfrom", err)
		case n > len(s.buf):
			return nil, fmt.Errorf("a datagram of %d bytes", n)
		default:
			return s.buf[:n], nil
		}
	}
}
