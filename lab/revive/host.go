package revive

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/iproute2"
	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// host is a host that is made.
type host struct {
	Source
	ns      *netns.Namespace
	conn    *netns.Socket
	words   *iproute2.Options
	plugged map[int]bool // the devices, by index, that a cable has made already
	notes   []Note
}

func newHost(src Source, ns *netns.Namespace) *host {
	return &host{
		Source: src, ns: ns, conn: ns.Dial(), plugged: map[int]bool{},
		words: &iproute2.Options{Names: src.Names, Links: iproute2.NewLinkTable(src.State.Links)},
	}
}

func (h *host) close() { _ = h.conn.Close() }

func (h *host) note(format string, args ...any) {
	h.notes = append(h.notes, Note{h.Name, fmt.Sprintf(format, args...)})
}

// exec makes a request.
func (h *host) exec(m netlink.Message, err error) error {
	if err != nil {
		return err
	}
	return rtnl.Exec(h.conn, m)
}

// try makes a request and notes why it was refused.
func (h *host) try(what string, m netlink.Message, err error) {
	if err := h.exec(m, err); err != nil {
		h.note("not carried over: %s: %s", oneLine(what), reason(err))
	}
}

func reason(err error) string {
	var e *rtnl.Error
	if errors.As(err, &e) && e.Msg != "" {
		return strings.TrimSuffix(e.Msg, ".")
	}
	var errno rpdb.Errno
	if errors.As(err, &errno) {
		return errno.Error()
	}
	return err.Error()
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// quiet are the settings that keep the kernel from adding addresses by itself, and from
// checking those that are added, while a host is made.
var quiet = map[string]string{"addr_gen_mode": "1", "accept_dad": "0"}

// prepare makes the settings that hold for devices that come.
func (h *host) prepare() {
	for name, value := range quiet {
		if err := h.ns.SetSysctl("net/ipv6/conf/default/"+name, value); err != nil {
			h.note("net.ipv6.conf.default.%s: %v", name, err)
		}
	}
}

// revive carries the state over.
func (h *host) revive() {
	h.devices()
	h.addresses()
	for _, l := range h.State.Labels {
		m, err := rtnl.NewAddrLabel(l, netlink.Create|netlink.Replace)
		h.try(fmt.Sprintf("label %d of %v", l.Label, l.Prefix), m, err)
	}
	for _, nh := range h.nexthops() {
		m, err := rtnl.NewNextHop(nh, rtnl.FlagsAdd)
		h.try("nexthop "+iproute2.FormatNextHop(&nh, h.words), m, err)
	}
	h.rules()
	h.routes()
	for _, n := range h.State.Neighs {
		if n.State&(rpdb.NUDValid|rpdb.NUDFailed) != 0 && n.State&rpdb.NUDNoARP == 0 {
			m, err := rtnl.NewNeigh(n, netlink.Create|netlink.Replace)
			h.try("neighbour "+iproute2.FormatNeigh(&n, h.words), m, err)
		}
	}
	h.settings()
}

// nexthops are the nexthop objects, groups after their members.
func (h *host) nexthops() []rpdb.NextHopObject {
	out := slices.Clone(h.State.NextHops)
	slices.SortStableFunc(out, func(a, b rpdb.NextHopObject) int { return len(a.Group) - len(b.Group) })
	return out
}

// addresses adds the addresses and removes those that nobody asked for.
func (h *host) addresses() {
	const mayAsk = rpdb.IFANoPrefixRoute | rpdb.IFAManageTempAddr | rpdb.IFAMCAutoJoin | rpdb.IFAHomeAddress | rpdb.IFAOptimistic
	told := h.State.Missing&(rpdb.PartAddrs4|rpdb.PartAddrs6) == 0
	for _, a := range h.present().Addrs {
		if told && !slices.ContainsFunc(h.State.Addrs, func(x rpdb.Addr) bool { return x.Index == a.Index && x.Local == a.Local }) {
			m, err := rtnl.DelAddr(a)
			h.try("removal of "+a.Local.String(), m, err)
		}
	}
	for _, a := range h.State.Addrs {
		what := iproute2.FormatAddr(&a, h.words)
		a.Flags &= mayAsk
		a.Created, a.Updated, a.Extra = 0, 0, nil
		m, err := rtnl.NewAddr(a, netlink.Create|netlink.Replace)
		h.try("address "+what, m, err)
	}
}

// present is the state of the emulated host now.
func (h *host) present() *rpdb.State { return h.ns.View().Database.State() }

// rules makes the rules those of the real host, if it told any.
func (h *host) rules() {
	for _, f := range []struct {
		family rpdb.Family
		part   rpdb.Parts
	}{{rpdb.IPv4, rpdb.PartRules4}, {rpdb.IPv6, rpdb.PartRules6}} {
		if h.State.Missing&f.part != 0 {
			continue
		}
		of := func(list []rpdb.Rule) (out []rpdb.Rule) {
			for _, r := range list {
				if r.Family == f.family {
					out = append(out, r)
				}
			}
			return out
		}
		key := func(r rpdb.Rule) string { m, _ := rtnl.NewRule(r, 0); return string(m.Data) }
		want, have := of(h.State.Rules), of(h.present().Rules)
		gone, come := difference(have, want, key)
		for _, r := range gone {
			m, err := rtnl.DelRule(r)
			h.try("removal of rule "+iproute2.FormatRule(&r, h.words), m, err)
		}
		for _, r := range come {
			m, err := rtnl.NewRule(r, rtnl.FlagsAdd)
			h.try("rule "+iproute2.FormatRule(&r, h.words), m, err)
		}
	}
}

// difference returns what is only in the first and what is only in the second list.
func difference[T any](a, b []T, key func(T) string) (onlyA, onlyB []T) {
	count := map[string]int{}
	for _, x := range b {
		count[key(x)]++
	}
	for _, x := range a {
		if k := key(x); count[k] > 0 {
			count[k]--
		} else {
			onlyA = append(onlyA, x)
		}
	}
	for _, x := range b {
		if k := key(x); count[k] > 0 {
			count[k]--
			onlyB = append(onlyB, x)
		}
	}
	return onlyA, onlyB
}

func routeKey(r rpdb.Route) string {
	m, _ := rtnl.NewRoute(r, 0)
	return string(m.Data)
}

// table is a table of one family.
type table struct {
	family rpdb.Family
	id     uint32
}

func tableOf(r *rpdb.Route) table { return table{r.Family, r.Table} }

// tables are those of which the real host told routes.
func (h *host) tables() map[table]bool {
	out := map[table]bool{}
	for i := range h.State.Routes {
		out[tableOf(&h.State.Routes[i])] = true
	}
	return out
}

// routes makes the routes of each table that the real host told those that it told.
func (h *host) routes() {
	tables := h.tables()
	gone, come := difference(h.present().Routes, h.State.Routes, routeKey)
	// First what comes: a gateway may be reached by what goes. What stands in its way does
	// so no longer afterwards.
	come, _ = h.addRoutes(come)
	for _, r := range gone {
		if tables[tableOf(&r)] {
			m, err := rtnl.DelRoute(r)
			h.try("removal of route "+iproute2.FormatRoute(&r, h.words), m, err)
		}
	}
	come, refusals := h.addRoutes(come)
	for i, r := range come {
		h.note("not carried over: route %s: %s", oneLine(iproute2.FormatRoute(&r, h.words)), reason(refusals[i]))
	}
}

// addRoutes adds routes, those to a gateway before those through it, and returns the ones
// that were refused.
func (h *host) addRoutes(come []rpdb.Route) (left []rpdb.Route, refusals []error) {
	for {
		left, refusals = nil, nil
		for _, r := range come {
			if err := h.addRoute(r); err != nil {
				left, refusals = append(left, r), append(refusals, err)
			}
		}
		if len(left) == 0 || len(left) == len(come) {
			return left, refusals
		}
		come = left
	}
}

// addRoute adds a route behind those that are equal, as a dump has them.
func (h *host) addRoute(r rpdb.Route) error {
	flags := rtnl.FlagsAppend
	if r.Family == rpdb.IPv6 { // where appending makes one route of two
		flags = rtnl.FlagsAdd
	}
	m, err := rtnl.NewRoute(r, flags)
	return h.exec(m, err)
}
