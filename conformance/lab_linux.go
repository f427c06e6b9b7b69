//go:build linux

package conformance

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/kernel"
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// lab is a fresh network namespace of the running kernel, in which one scenario is
// played. It belongs to the locked thread that made it.
type lab struct {
	conn   *kernel.Conn
	flush  *os.File
	owners map[netip.Addr]int // the device that an address was last put on

	realms  bool // realms were ever in use
	shared6 bool // IPv6 answers have to be flushed, by sending bump
	bump    netlink.Message
}

// ErrNoNamespace says that no network namespace can be made here.
var ErrNoNamespace = errors.New("cannot make a network namespace: run as root, or allow user namespaces (user.max_user_namespaces)")

// oneUser tells whether this is a user namespace in which a single user exists, as
// an ordinary user gets it: others cannot be named in rules and questions.
func oneUser() bool {
	b, err := os.ReadFile("/proc/self/uid_map")
	f := strings.Fields(string(b))
	return err == nil && len(f) == 3 && f[2] == "1"
}

// newLab moves the calling thread, which must be locked, into a new network
// namespace.
func newLab() (*lab, error) {
	if err := syscall.Unshare(syscall.CLONE_NEWNET); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoNamespace, err)
	}
	conn, err := kernel.Dial(kernel.Config{})
	if err != nil {
		return nil, err
	}
	flush, err := os.OpenFile("/proc/sys/net/ipv4/route/flush", os.O_WRONLY, 0)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w: its sysctls: %w", ErrNoNamespace, err), conn.Close())
	}
	return &lab{conn: conn, flush: flush, owners: map[netip.Addr]int{}}, nil
}

func (l *lab) Close() error { return errors.Join(l.flush.Close(), l.conn.Close()) }

// apply plays one op. A refusal by the kernel is returned as *rtnl.Error or a
// *os.PathError, and is no failure.
func (l *lab) apply(op Op) error {
	if h, ok := op.(NextHopOp); ok && !l.shared6 && h.NextHop.Family == rpdb.IPv6 {
		if err := l.shareNextHops(); err != nil {
			return err
		}
	}
	if hasRealms(op) {
		l.realms = true
	}
	if s, ok := op.(SysctlOp); ok {
		return os.WriteFile("/proc/sys/"+s.Path, []byte(s.Value), 0)
	}
	if a, ok := op.(AddrOp); ok && a.Verb == Add && a.Addr.Family == rpdb.IPv4 {
		l.spreadAges(a.Addr)
	}
	m, err := message(op)
	if err != nil {
		return fmt.Errorf("%s: %w", Commands([]Op{op})[0], err)
	}
	m.Header.Flags |= netlink.Request | netlink.Acknowledge
	return rtnl.Exec(l.conn, m)
}

func hasRealms(op Op) bool {
	switch o := op.(type) {
	case RuleOp:
		return o.Rule.Realms != 0
	case RouteOp:
		return slices.ContainsFunc(o.Route.NextHops, func(h rpdb.NextHop) bool { return h.Realms != 0 })
	}
	return false
}

// spreadAges waits when an address is put on a second device: which was added
// last decides, and a dump tells the time of each in hundredths of a second.
func (l *lab) spreadAges(a rpdb.Addr) {
	if dev, ok := l.owners[a.Local]; ok && dev != a.Index {
		time.Sleep(25 * time.Millisecond)
	}
	l.owners[a.Local] = a.Index
}

const (
	settleTime = 10 * time.Second
	// routesTime is enough for the local routes of addresses; a user may have deleted
	// them, so it is no error if they do not come.
	routesTime = 60 * time.Millisecond
	// graceTime is ample for an RCU grace period: until its end the kernel counts
	// nexthops with realms that it has freed, or refused (spec IPv4 section 6).
	graceTime = 60 * time.Millisecond
)

// settle waits until what the kernel does behind the answers is done: carrier
// events (linkwatch), and IPv6 addresses becoming valid and getting their routes.
func (l *lab) settle() error {
	for start := time.Now(); ; time.Sleep(2 * time.Millisecond) {
		calm, routes, err := l.calm()
		late := time.Since(start)
		switch {
		case err != nil:
			return err
		case calm && (routes || late > routesTime):
			if l.realms {
				time.Sleep(graceTime)
			}
			return nil
		case late > settleTime:
			return errors.New("devices or addresses did not settle within ten seconds")
		}
	}
}

// calm tells whether devices and addresses are at rest, and whether the addresses of
// the devices that are up have their local routes.
func (l *lab) calm() (calm, routes bool, err error) {
	up := map[int]bool{}
	var links []rpdb.Link
	err = l.dump(rtnl.RTMGetLink, make([]byte, 16), func(m netlink.Message) error {
		k, err := rtnl.ParseLink(m)
		links = append(links, k)
		up[k.Index] = k.Up()
		return err
	})
	if err != nil {
		return false, false, err
	}
	for i := range links {
		k := &links[i]
		want := k.Up() && (k.Peer == 0 || up[k.Peer])
		if running := k.Flags&rpdb.IFFRunning != 0; running != want && !k.IsLoopback() {
			return false, false, nil
		}
	}
	return l.calm6(up)
}

// calm6 is calm for the IPv6 addresses.
func (l *lab) calm6(up map[int]bool) (calm, routes bool, err error) {
	wait := map[netip.Addr]bool{}
	tentative := false
	head := make([]byte, 12)
	head[0] = byte(rpdb.IPv6)
	err = l.dump(rtnl.RTMGetAddr, head[:8], func(m netlink.Message) error {
		a, err := rtnl.ParseAddr(m)
		if up[a.Index] {
			wait[a.Local] = true
			tentative = tentative || a.Flags&rpdb.IFATentative != 0 && a.Flags&rpdb.IFADADFailed == 0
		}
		return err
	})
	if err != nil || len(wait) == 0 || tentative {
		return !tentative, true, err
	}
	err = l.dump(rtnl.RTMGetRoute, head, func(m netlink.Message) error {
		r, err := rtnl.ParseRoute(m)
		if r.Table == rpdb.TableLocal && r.Dst.IsSingleIP() {
			delete(wait, r.Dst.Addr())
		}
		return err
	})
	return true, len(wait) == 0, err
}

func (l *lab) dump(typ netlink.HeaderType, body []byte, each func(netlink.Message) error) error {
	m := netlink.Message{Header: netlink.Header{Type: typ, Flags: netlink.Request | netlink.Dump}, Data: body}
	for got, err := range l.conn.Do(m) {
		if err != nil {
			return err
		}
		if err := each(got); err != nil {
			return err
		}
	}
	return nil
}

// ask puts one question to the kernel, with an empty route cache: a cached answer
// carries the type, metrics and flags of whoever asked first (spec IPv4 section 7).
func (l *lab) ask(q *Query) (rtnl.Reply, error) {
	if err := l.flushCache(q.Flow.Family()); err != nil {
		return rtnl.Reply{}, fmt.Errorf("flush the route cache: %w", err)
	}
	return l.conn.Ask(q.Flow, rtnl.GetOptions{FibMatch: q.FibMatch})
}

func (l *lab) flushCache(f rpdb.Family) error {
	if f == rpdb.IPv4 {
		_, err := l.flush.WriteAt([]byte("1"), 0)
		return err
	}
	if !l.shared6 {
		return nil
	}
	// IPv6 caches an answer in the nexthop object. It is good until the serial number
	// of the tables changes, as any new route makes it do.
	return rtnl.Exec(l.conn, l.bump)
}

// shareNextHops tells that IPv6 routes share nexthop objects, so that their cache
// has to be flushed. The route that does it is in a table of its own.
func (l *lab) shareNextHops() error {
	m, err := rtnl.NewRoute(rpdb.Route{
		Family: rpdb.IPv6, Table: flushTable, Dst: netip.MustParsePrefix("100::/64"), Type: rpdb.Unreachable,
		Priority: 1, Protocol: rpdb.ProtoStatic,
	}, rtnl.FlagsReplace)
	l.bump, l.shared6 = m, true
	return errors.Join(err, rtnl.Exec(l.conn, m))
}

// flushTable is named by no rule.
const flushTable = 77777
