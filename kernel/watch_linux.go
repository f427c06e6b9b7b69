package kernel

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/rulewalk/rulewalk/rpdb"
)

// changeGroups are the notifications that tell of a change to the routing state
// (RTMGRP_*): links, addresses, routes and rules of both families, nexthops.
const changeGroups = 1<<(unix.RTNLGRP_LINK-1) |
	1<<(unix.RTNLGRP_IPV4_IFADDR-1) | 1<<(unix.RTNLGRP_IPV6_IFADDR-1) |
	1<<(unix.RTNLGRP_IPV4_ROUTE-1) | 1<<(unix.RTNLGRP_IPV6_ROUTE-1) |
	1<<(unix.RTNLGRP_IPV4_RULE-1) | 1<<(unix.RTNLGRP_IPV6_RULE-1) |
	1<<(unix.RTNLGRP_NEXTHOP-1)

// watchGroups are changeGroups with what else a decision can depend on and a kernel
// tells of: neighbours, and some settings of devices.
const watchGroups = changeGroups | 1<<(unix.RTNLGRP_NEIGH-1) |
	1<<(unix.RTNLGRP_IPV4_NETCONF-1) | 1<<(unix.RTNLGRP_IPV6_NETCONF-1)

// Watch calls changed with the state of the namespace, at once and again after
// changes that the kernel tells of, until ctx ends or changed fails; it returns
// their error. Changes that come while a state is read or handed over are in the
// next one. A sysctl of which the kernel tells nothing is not noticed until
// something else changes. Each state costs what [Conn.State] does; the Conn must
// not be used by others meanwhile.
func (c *Conn) Watch(ctx context.Context, changed func(*rpdb.State) error) error {
	w, err := c.watch(watchGroups)
	if err != nil {
		return err
	}
	defer func() { _ = w.nl.Close() }()
	defer context.AfterFunc(ctx, func() { _ = w.nl.SetReadDeadline(time.Unix(1, 0)) })()
	for {
		st, err := c.State(nil)
		if err != nil {
			return err
		}
		if err := changed(st); err != nil {
			return err
		}
		if err := w.wait(); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return fmt.Errorf("watching for changes: %w", err)
		}
	}
}

// wait returns when notifications came, all of which it takes. Lost ones count.
func (w *watcher) wait() error {
	if _, err := w.nl.Receive(); err != nil && !errors.Is(err, unix.ENOBUFS) {
		return err
	}
	return w.drain()
}

// drain takes the notifications that came.
func (w *watcher) drain() error {
	b := make([]byte, 1)
	return w.raw.Control(func(fd uintptr) {
		for err := error(nil); err == nil || errors.Is(err, unix.ENOBUFS); {
			_, _, err = unix.Recvfrom(int(fd), b, unix.MSG_DONTWAIT)
		}
	})
}

// pending reports whether a notification is waiting, or some were lost.
func (w *watcher) pending() bool {
	var some bool
	err := w.raw.Control(func(fd uintptr) {
		_, _, err := unix.Recvfrom(int(fd), make([]byte, 1), unix.MSG_DONTWAIT|unix.MSG_PEEK)
		some = err != unix.EAGAIN
	})
	return err == nil && some
}

// watcher is a socket that gets a notification of every change.
type watcher struct {
	nl  *netlink.Conn
	raw syscall.RawConn
}

func (c *Conn) watch(groups uint32) (*watcher, error) {
	cfg := netlink.Config{Groups: groups}
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
	some := w.pending()
	_ = w.nl.Close()
	return some
}
