package ipcmd

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/iproute2"
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// emptyTable accepts that table main does not exist yet (save_route_errhndlr).
func (f *routeFilter) emptyTable(e *rtnl.Error) bool {
	return f.table == rpdb.TableMain && e.Errno == rpdb.ENOENT
}

// routeDump passes on the routes selected.
func (c *call) routeDump(f *routeFilter, family uint8, each func(netlink.Message, *rtnl.Reply)) int {
	if c.dump(f.dumpRequest(family), f.emptyTable, func(m netlink.Message) {
		if m.Header.Type != rtnl.RTMNewRoute {
			return
		}
		if r, err := rtnl.ParseReply(m); err == nil && f.accepts(&r) {
			each(m, &r)
		}
	}) != 0 {
		return 2
	}
	return 0
}

func (c *call) routeList() int {
	f, family, status := c.routeSelectors()
	if status != 0 {
		return status
	}
	p := c.routePrinter(f.options(c))
	if status = c.routeDump(f, family, p.print); status != 0 {
		c.cutShort(p.list)
		return status
	}
	p.end()
	return 0
}

// cutShort writes what -j printed of a listing that failed: its array stays open.
func (s *session) cutShort(objects []iproute2.Object) {
	if !s.opt.json {
		return
	}
	var b strings.Builder
	_ = iproute2.WriteJSON(&b, objects, s.opt.pretty)
	s.print(strings.TrimRight(b.String(), " ]\n"))
	if s.opt.pretty {
		s.print(" ")
	}
}

// routePrinter prints routes as text at once, as JSON at the end.
type routePrinter struct {
	c    *call
	o    *iproute2.Options
	json bool
	list []iproute2.Object
	line []byte
}

func (c *call) routePrinter(o *iproute2.Options) *routePrinter {
	if c.opt.details > 0 {
		o.HopInfo = c.hopInfo()
	}
	return &routePrinter{c: c, o: o, json: c.opt.json}
}

func (p *routePrinter) print(_ netlink.Message, r *rtnl.Reply) {
	if p.json {
		p.list = append(p.list, iproute2.ReplyJSON(r, p.o))
		return
	}
	p.line = append(iproute2.AppendReply(p.line[:0], r, p.o), '\n')
	_, _ = p.c.out.Write(p.line)
}

func (p *routePrinter) end() {
	if p.json {
		p.c.list(p.list)
	}
}

// routeSave writes the messages of the routes selected.
func (c *call) routeSave() int {
	if !c.saveHeader(magicRoute) {
		return 1
	}
	f, family, status := c.routeSelectors()
	if status != 0 {
		return status
	}
	return c.routeDump(f, family, func(m netlink.Message, _ *rtnl.Reply) {
		_, _ = c.out.Write(rtnl.AppendMessage(nil, m))
	})
}

// routeShowDump prints the routes of a saved dump.
func (c *call) routeShowDump() int {
	dump, ok := c.readDump(magicRoute)
	if !ok {
		return 1
	}
	p := c.routePrinter(c.printOptions())
	for m, err := range rtnl.Messages(dump) {
		if err != nil {
			return 2
		}
		if r, err := rtnl.ParseReply(m); err == nil {
			p.print(m, &r)
		}
	}
	p.end()
	return 0
}

// routeRestore adds the routes of a saved dump in three passes, so that a route
// comes after those that its gateway needs (iproute_restore).
func (c *call) routeRestore() int {
	dump, ok := c.readDump(magicRoute)
	if !ok {
		return 1
	}
	for pass := range 3 {
		for m, err := range rtnl.Messages(dump) {
			if err != nil {
				return 2
			}
			r, err := rtnl.ParseReply(m)
			if err != nil || restorePass(&r) != pass {
				continue
			}
			if status := c.restore(m); status != 0 {
				return status
			}
		}
	}
	return 0
}

func restorePass(r *rtnl.Reply) int {
	switch {
	case r.Gateway.IsValid():
		return 2
	case r.PrefSrc.IsValid() && r.PrefSrc != r.Dst.Addr():
		return 1
	}
	return 0
}

// maxFlushTime ends a flush that is never complete.
const maxFlushTime = 30 * time.Second

// routeFlush deletes the routes selected until none is left (iproute_flush).
func (c *call) routeFlush() int {
	if !c.more() {
		c.errorf("\"ip route flush\" requires arguments.\n")
		return 1
	}
	f, family, status := c.routeSelectors()
	if status != 0 {
		return status
	}
	if f.cloned {
		if family != afInet6 {
			c.flushCache()
			if c.opt.stats > 0 {
				c.print("*** IPv4 routing cache is flushed.\n")
			}
		}
		if family == afInet {
			return 0
		}
	}
	f.flush = true
	return c.flushRounds(f, family)
}

func (c *call) flushRounds(f *routeFilter, family uint8) int {
	start := time.Now()
	p := c.routePrinter(f.options(c))
	p.json = false
	for round := 0; ; {
		var doomed []request
		status := c.dumpFlush(f, family, func(m netlink.Message, r *rtnl.Reply) {
			doomed = append(doomed, request{typ: rtnl.RTMDelRoute, body: slices.Clone(m.Data)})
			if c.opt.stats > 1 {
				p.print(m, r)
			}
		})
		if status != 0 {
			return status
		}
		if len(doomed) == 0 {
			c.routeFlushDone(f, family, round)
			return 0
		}
		round++
		for i := range doomed {
			doomed[i].flags = netlink.Acknowledge
			if _, err := c.ask(&doomed[i]); err != nil {
				return c.flushFailed(err)
			}
		}
		if time.Since(start) > maxFlushTime {
			c.printf("\n*** Flush not completed after %d seconds, %d entries remain ***\n",
				int(time.Since(start).Seconds()), len(doomed))
			return 1
		}
		if c.opt.stats > 0 {
			c.printf("\n*** Round %d, deleting %d entries ***\n", round, len(doomed))
		}
	}
}

func (c *call) dumpFlush(f *routeFilter, family uint8, each func(netlink.Message, *rtnl.Reply)) int {
	r := f.dumpRequest(family)
	r.flags |= netlink.Dump
	for m, err := range c.connect().Do(r.message()) {
		if errors.Is(err, rtnl.ErrDumpInterrupted) {
			continue
		}
		if err != nil {
			c.refused(err)
			c.errorf("Flush terminated\n")
			return 2
		}
		if r, err := rtnl.ParseReply(m); err == nil && f.accepts(&r) {
			each(m, &r)
		}
	}
	return 0
}

func (c *call) routeFlushDone(f *routeFilter, family uint8, round int) {
	if c.opt.stats == 0 {
		return
	}
	if round == 0 && (!f.cloned || family == afInet6) {
		c.print("Nothing to flush.\n")
		return
	}
	plural := ""
	if round > 1 {
		plural = "s"
	}
	c.printf("*** Flush is complete after %d round%s ***\n", round, plural)
}

func (c *call) flushFailed(err error) int {
	var e *rtnl.Error
	if errors.As(err, &e) {
		c.errorf("Failed to send flush request: %s\n", e.Errno.Error())
		return 2
	}
	return c.refused(err)
}

// sysctlWriter is a connection that can set a sysctl of its namespace.
type sysctlWriter interface {
	SetSysctl(name, value string) error
}

// flushCache empties the cache of IPv4 routes, which is what learnt path MTUs and
// redirects are in.
func (c *call) flushCache() {
	w, ok := c.connect().(sysctlWriter)
	if !ok {
		return
	}
	if err := w.SetSysctl("net/ipv4/route/flush", "-1"); err != nil {
		c.errorf("Cannot open \"/proc/sys/net/ipv4/route/flush\": %s\n", strerror(err))
	}
}
