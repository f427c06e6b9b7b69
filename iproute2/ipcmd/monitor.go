package ipcmd

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/iproute2"
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// Listener is a Conn that notifications can be had of, for ip monitor.
type Listener interface {
	Conn
	// Join adds the connection to multicast groups (enum rtnetlink_groups).
	Join(groups ...uint32) error
	// Receive waits for the next datagram. Close ends the wait with an error.
	Receive() ([]byte, error)
}

// watched is an object of ip monitor with the groups that tell of it. Without any, it
// has no printer here.
type watched struct {
	word  string
	exact bool
	v4    uint32
	v6    uint32
	any   uint32 // whatever the family
}

// objects of the monitor in the order in which a word is compared with them.
var watchable = []watched{
	{word: "link", any: 1},
	{word: "address", v4: 5, v6: 9},
	{word: "maddress"},
	{word: "acaddress", exact: true},
	{word: "route", v4: 7, v6: 11},
	{word: "mroute"},
	{word: "prefix", v6: 18},
	{word: "neigh", any: 3},
	{word: "netconf"},
	{word: "rule", v4: 8, v6: 19},
	{word: "nsid", any: 28},
	{word: "nexthop", any: 32},
	{word: "stats", exact: true},
}

func (w *watched) groups(family uint8) (list []uint32) {
	if w.any != 0 {
		list = append(list, w.any)
	}
	if w.v4 != 0 && (family == afUnspec || family == afInet) {
		list = append(list, w.v4)
	}
	if w.v6 != 0 && (family == afUnspec || family == afInet6) {
		list = append(list, w.v6)
	}
	return list
}

// monitor is one run of ip monitor.
type monitor struct {
	*call
	file   string
	labels bool
	dev    int // the device whose devices, addresses, routes and neighbours are wanted
	groups []uint32
}

// monitor is the object monitor (do_ipmonitor).
func (c *call) monitor() int {
	m := &monitor{call: c}
	for ; c.more(); c.advance() {
		switch w := c.word(); {
		case is(w, "file"):
			m.file = c.value()
		case is(w, "label"):
			m.labels = true
		case m.object(w):
		case w == "all":
			m.labels = true
		case is(w, "all-nsid"):
			c.errorf("ip monitor all-nsid: other namespaces than one's own are not modelled\n")
			return 255
		case is(w, "help"):
			c.usage(usageMonitor)
		case w == "dev":
			if m.dev = c.device(c.value()); m.dev == 0 {
				c.invarg("Device does not exist\n", w)
			}
		default:
			c.errorf("Argument \"%s\" is unknown, try \"ip monitor help\".\n", w)
			return 255
		}
	}
	c.opt.json = false
	if m.file != "" {
		return m.replay()
	}
	if len(m.groups) == 0 {
		for i := range watchable {
			m.groups = append(m.groups, watchable[i].groups(c.family)...)
		}
	}
	return m.listen()
}

// object notes the groups of an object; one without a printer ends the tool.
func (m *monitor) object(w string) bool {
	for i := range watchable {
		o := &watchable[i]
		if o.exact && w != o.word || !o.exact && !matches(w, o.word) {
			continue
		}
		if o.any == 0 && o.v4 == 0 && o.v6 == 0 {
			m.errorf("ip monitor %s: not modelled\n", o.word)
			panic(exit(255))
		}
		m.groups = append(m.groups, o.groups(m.family)...)
		return true
	}
	return false
}

// listen prints notifications until the context ends or the connection does
// (rtnl_listen).
func (m *monitor) listen() int {
	conn, ok := m.dial().(Listener)
	if !ok {
		m.errorf("ip monitor: nothing changes here that could be told\n")
		return 1
	}
	defer context.AfterFunc(m.ctx, func() { _ = conn.Close() })()
	defer conn.Close()
	if err := conn.Join(m.groups...); err != nil {
		m.errorf("Failed to add group to list: %s\n", strerror(err))
		return 1
	}
	links := request{typ: rtnl.RTMGetLink, body: make([]byte, linkHeaderLen)}
	m.dump(&links, nil, m.links.add) // ll_init_map
	for {
		b, err := conn.Receive()
		switch {
		case errors.Is(err, rpdb.ENOBUFS):
			m.errorf("netlink receive error No buffer space available (105)\n")
		case m.ctx.Err() != nil:
			return 0
		case err != nil:
			m.errorf("netlink receive error %s\n", strerror(err))
			return 2
		default:
			m.datagram(b)
			if m.out.Flush() != nil {
				return 2 // nobody reads any more
			}
		}
	}
}

func (m *monitor) datagram(b []byte) {
	for len(b) > 0 {
		msg, n, err := rtnl.SplitMessage(b)
		if err != nil {
			return
		}
		m.show(msg)
		b = b[min(n, len(b)):]
	}
}

// nlmsgTimestamp is the type of the messages by which rtmon tells the time.
const nlmsgTimestamp netlink.HeaderType = 15

// replay prints the messages that rtmon wrote to a file (rtnl_from_file).
func (m *monitor) replay() int {
	f, err := m.Open(m.file)
	if err != nil {
		m.errorf("Cannot fopen: %s\n", strerror(err))
		return 255
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		m.errorf("rtnl_from_file: fread: %s\n", strerror(err))
		return 2
	}
	m.datagram(b)
	return 0
}

// header prints what comes before an event (print_headers).
func (m *monitor) header(label string) {
	if m.opt.timestamp > 0 && m.file == "" {
		m.print(timestamp(time.Now(), m.opt.timestamp > 1))
	}
	if m.labels {
		m.print(label)
	}
}

// timestamp is the time of an event, in local time (print_timestamp).
func timestamp(t time.Time, short bool) string {
	if short {
		return t.Format("[2006-01-02T15:04:05.000000] ")
	}
	return "Timestamp: " + t.Format("Mon Jan _2 15:04:05 2006 ") + strconv.Itoa(t.Nanosecond()/1000) + " usec\n"
}

// show prints one notification (accept_msg).
func (m *monitor) show(msg netlink.Message) {
	switch msg.Header.Type {
	case nlmsgTimestamp:
		if len(msg.Data) >= 8 {
			sec, usec := binary.NativeEndian.Uint32(msg.Data), binary.NativeEndian.Uint32(msg.Data[4:])
			m.print("Timestamp: " + time.Unix(int64(sec), 0).Format(time.ANSIC) + " " + strconv.Itoa(int(usec)) + " us\n")
		}
	case rtnl.RTMNewRoute, rtnl.RTMDelRoute:
		m.route(msg)
	case rtnl.RTMNewRule, rtnl.RTMDelRule:
		m.header("[RULE]")
		m.showRule(msg)
	case rtnl.RTMNewNextHop, rtnl.RTMDelNextHop:
		m.header("[NEXTHOP]")
		m.showNexthop(msg)
	case rtnl.RTMNewNextHopBucket, rtnl.RTMDelNextHopBucket:
		m.bucketEvent(msg)
	case rtmNewPrefix:
		m.header("[PREFIX]")
		m.prefix(msg)
	case rtmNewNSID, rtmDelNSID:
		m.header("[NSID]")
		m.record(func(r *iproute2.Record) { m.printNSID(r, msg) })
	case rtnl.RTMNewLink, rtnl.RTMDelLink, rtnl.RTMNewAddr, rtnl.RTMDelAddr, rtnl.RTMNewNeigh, rtnl.RTMDelNeigh:
		m.ofDevice(msg)
	}
}

// ofDevice prints what happened to a device, an address or a neighbour.
func (m *monitor) ofDevice(msg netlink.Message) {
	msg.Data = slices.Clone(msg.Data)
	index := messageIndex(msg)
	switch msg.Header.Type {
	case rtnl.RTMNewLink:
		m.links.add(msg)
	case rtnl.RTMDelLink:
		m.links.drop(index)
	}
	if len(msg.Data) == 0 || m.dev != 0 && m.dev != index {
		return
	}
	switch msg.Header.Type {
	case rtnl.RTMNewLink, rtnl.RTMDelLink:
		m.header("[LINK]")
		m.record(func(r *iproute2.Record) { iproute2.PrintLink(r, msg, iproute2.LinkView{}) })
	case rtnl.RTMNewAddr, rtnl.RTMDelAddr:
		m.header("[ADDR]")
		m.record(func(r *iproute2.Record) { iproute2.PrintAddr(r, msg, true) })
	default:
		if m.family != afUnspec && m.family != msg.Data[0] {
			return
		}
		m.header("[NEIGH]")
		m.record(func(r *iproute2.Record) { iproute2.PrintNeigh(r, msg, m.dev != 0) })
	}
}

func (m *monitor) record(print func(*iproute2.Record)) {
	r := iproute2.NewRecord(m.printOptions(), false)
	print(r)
	m.print(r.Text())
}

// route prints a route, unless it is a cached copy or of another device.
func (m *monitor) route(msg netlink.Message) {
	const rtmFlags, rtmLen = 8, 12
	if len(msg.Data) < rtmLen || binary.NativeEndian.Uint32(msg.Data[rtmFlags:])&rpdb.FlagCloned != 0 {
		return
	}
	if m.dev != 0 && iproute2.ParseAttrs(msg.Data[rtmLen:]).Int(nla.RTAOIF) != m.dev {
		return
	}
	m.header("[ROUTE]")
	m.showRoute(msg)
}

// rtmNewPrefix tells of a prefix that a router advertised.
const rtmNewPrefix netlink.HeaderType = 52

// prefix prints a prefix of the link (print_prefix).
func (m *monitor) prefix(msg netlink.Message) {
	const (
		length           = 12 // struct prefixmsg
		address, times   = 1, 2
		onLink, autoconf = 1, 2
	)
	if len(msg.Data) < length {
		return
	}
	h, as := msg.Data[:length], iproute2.ParseAttrs(msg.Data[length:])
	m.print("prefix ")
	if a, ok := netip.AddrFromSlice(as[address]); ok {
		m.print(a.String())
	}
	name, _ := m.links.LinkName(int(int32(binary.NativeEndian.Uint32(h[4:]))))
	m.print("/" + strconv.Itoa(int(h[9])) + "dev " + name + " ")
	if h[10]&onLink != 0 {
		m.print("onlink ")
	}
	if h[10]&autoconf != 0 {
		m.print("autoconf ")
	}
	if t := as[times]; len(t) >= 8 {
		for i, word := range []string{"valid ", "preferred "} {
			m.print(word + strconv.FormatUint(uint64(binary.NativeEndian.Uint32(t[4-4*i:])), 10) + " ")
		}
	}
	m.print("\n")
}

func (m *monitor) bucketEvent(msg netlink.Message) {
	b, err := rtnl.ParseBucket(msg)
	if err != nil {
		return
	}
	m.header("[NEXTHOPBUCKET]")
	if msg.Header.Type == rtnl.RTMDelNextHopBucket {
		m.print("Deleted ")
	}
	m.print(iproute2.FormatBucket(&b) + "\n")
}

const usageMonitor = `Usage: ip monitor [ all | OBJECTS ] [ FILE ] [ label ] [ all-nsid ]
                  [ dev DEVICE ]
OBJECTS :=  address | link | mroute | neigh | netconf |
            nexthop | nsid | prefix | route | rule | stats
FILE := file FILENAME
`
