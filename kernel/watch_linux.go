package kernel

import (
	"fmt"
	"syscall"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// changeGroups are the notifications that tell of a change to the routing state
// (RTMGRP_*): links, addresses, routes and rules of both families, nexthops.
const changeGroups = 1<<(unix.RTNLGRP_LINK-1) |
	1<<(unix.RTNLGRP_IPV4_IFADDR-1) | 1<<(unix.RTNLGRP_IPV6_IFADDR-1) |
	1<<(unix.RTNLGRP_IPV4_ROUTE-1) | 1<<(unix.RTNLGRP_IPV6_ROUTE-1) |
	1<<(unix.RTNLGRP_IPV4_RULE-1) | 1<<(unix.RTNLGRP_IPV6_RULE-1) |
	1<<(unix.RTNLGRP_NEXTHOP-1)

// watcher is a socket that gets a notification of every change.
type watcher struct {
	nl  *netlink.Conn
	raw syscall.RawConn
}

func (c *Conn) watch() (*watcher, error) {
	cfg := netlink.Config{Groups: changeGroups}
	if c.other {
		cfg.NetNS = int(c.ns.Fd())
	}
	nl, err := netlink.Dial(unix.NETLINK_ROUTE, &cfg)
	if err != nil {
		return nil, fmt.Errorf("watching for changes: %w", err)
	}
	raw, err := nl.SyscallConn()
	if err != nil {
		_ = nl.Close()
		return nil, fmt.Errorf("watching for changes: %w", err)
	}
	return &watcher{nl: nl, raw: raw}, nil
}

// changed closes the watcher, and tells whether a notification was waiting, or so
// many came that some were lost. A nil watcher saw nothing.
func (w *watcher) changed() bool {
	if w == nil {
		return false
	}
	var some bool
	err := w.raw.Control(func(fd uintptr) {
		_, _, err := unix.Recvfrom(int(fd), make([]byte, 1), unix.MSG_DONTWAIT|unix.MSG_PEEK)
		some = err != unix.EAGAIN
	})
	_ = w.nl.Close()
	return err == nil && some
}
