package hostcmd

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/rulewalk/rulewalk/lab/internal/datapath"
	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rpdb"
)

func init() { register(arpingCommand, "arping") }

const arpingUsage = `
Usage:
  arping [options] <destination>

Options:
  -f            quit on first reply
  -q            be quiet
  -b            keep on broadcasting, do not unicast
  -D            duplicate address detection mode
  -U            unsolicited ARP mode, update your neighbours
  -A            ARP answer mode, update your neighbours
  -V            print version and exit
  -c <count>    how many packets to send
  -w <timeout>  how long to wait for a reply
  -i <interval> set interval between packets (default: 1 second)
  -I <device>   which ethernet device to use
  -s <source>   source ip address
  <destination> an address
`

// Operations of ARP, and the sizes of its packets.
const (
	arpRequest = 1
	arpReply   = 2
	arpFrame   = 14 + 28
	arpGrace   = 500 * time.Millisecond // over -w
)

var broadcastHW = []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// arping is one call of arping, with the options and words of iputils.
type arping struct {
	env    *Env
	ctx    context.Context
	target netip.Addr
	source netip.Addr
	name   string // of the device
	device *netns.Device

	once, quiet, broadcast, duplicate, unsolicited, answer bool
	count                                                  int
	timeout, interval                                      time.Duration

	peer                                       []byte // who answered
	last                                       time.Time
	sent, broadcasts, received, requests, wide int
}

// arpingCommand asks who has an address.
func arpingCommand(ctx context.Context, env *Env, args []string) int {
	a := &arping{env: env, ctx: ctx, count: -1, interval: time.Second, peer: broadcastHW}
	words, err := a.parse(args)
	var wrong badOption
	switch {
	case errors.Is(err, errVersion):
		fmt.Fprintln(env.Stdout, "arping from Rulewalk, with the text of iputils 20221126")
		return 0
	case errors.As(err, &wrong):
		return env.Failf(wrong.status, "%s", wrong.text)
	case err != nil || len(words) != 1:
		if err != nil && !errors.Is(err, errHelp) {
			env.Failf(2, "%v", err)
		}
		fmt.Fprint(env.Stderr, arpingUsage)
		return 2
	}
	if a.target, err = env.Host.Resolve(words[0], 4); err != nil {
		return env.Failf(2, "%v", err)
	}
	if err := a.prepare(); err != nil {
		fmt.Fprintln(env.Stderr, err)
		return 2
	}
	return a.run()
}

func (a *arping) parse(args []string) (words []string, err error) {
	opts, words, err := parseOptions(args, "AbDfhqUVc:w:i:I:s:")
	for _, o := range opts {
		var n int64
		switch o.name {
		case "A":
			a.answer, a.unsolicited = true, true
		case "b":
			a.broadcast = true
		case "D":
			a.duplicate, a.once = true, true
		case "f":
			a.once = true
		case "h":
			return nil, errHelp
		case "q":
			a.quiet = true
		case "U":
			a.unsolicited = true
		case "V":
			return nil, errVersion
		case "c":
			n, err = inRange(o.value, 1, 1<<31-1)
			a.count = int(n)
		case "w":
			n, err = inRange(o.value, 0, 1<<31-1)
			a.timeout = time.Duration(n) * time.Second
		case "i":
			n, err = inRange(o.value, 0, 1<<31-1)
			a.interval = time.Duration(n) * time.Second
		case "I":
			a.name = o.value
		case "s":
			a.source, err = a.env.Host.Resolve(o.value, 4)
		}
		if err != nil {
			return nil, err
		}
	}
	return words, err
}

// prepare finds the device and the source.
func (a *arping) prepare() error {
	h := a.env.Host
	index := a.env.Device
	flow := rpdb.Flow{Dst: a.target, Src: netip.IPv4Unspecified(), OIF: index}
	if a.name == "" && index == 0 {
		path := h.Route(&flow)
		if path.Err != rpdb.OK {
			return verbatim("arping: Suitable device could not be determined. Please, use option -I.")
		}
		index = path.OIF
	}
	if a.name != "" {
		l, ok := h.Link(0, a.name)
		if !ok {
			return verbatim(fmt.Sprintf("arping: Device %s not available.", a.name))
		}
		index = l.Index
	}
	for _, d := range h.Namespace().View().Devices {
		if d.Index == index {
			a.device = d
		}
	}
	switch {
	case a.device == nil:
		return verbatim("arping: Device not available.")
	case !a.device.Up():
		return fmt.Errorf("arping: Interface \"%s\" is down", a.device.Name)
	case a.device.Flags&(rpdb.IFFNoARP|rpdb.IFFLoopback) != 0 || len(a.device.Address) != 6:
		return verbatim(fmt.Sprintf("Interface \"%s\" is not ARPable", a.device.Name))
	}
	switch {
	case a.duplicate && !a.source.IsValid():
		a.source = netip.IPv4Unspecified()
		return nil
	case a.unsolicited && !a.source.IsValid():
		a.source = a.target
	}
	if a.source.IsValid() {
		if h.AddrType(a.source, 0) != rpdb.Local {
			return errors.New("arping: bind: " + rpdb.EADDRNOTAVAIL.Error())
		}
		return nil
	}
	flow.OIF = index
	if a.source = h.Route(&flow).Src; !a.source.IsValid() {
		a.source = netip.IPv4Unspecified()
	}
	return nil
}

// run sends a question each interval until it is over.
func (a *arping) run() int {
	h := a.env.Host
	frames := make(chan datapath.Frame, 256)
	defer h.Tap(a.device.Index, func(f datapath.Frame) {
		if f.Direction == datapath.In && len(f.Data) >= arpFrame && binary.BigEndian.Uint16(f.Data[12:]) == 0x0806 {
			select {
			case frames <- f:
			default:
			}
		}
	})()
	a.say("ARPING %s from %s %s\n", a.target, a.source, a.device.Name)
	start := h.Now()
	for a.ctx.Err() == nil && a.count != 0 && (a.timeout == 0 || h.Now().Sub(start) <= a.timeout+arpGrace) {
		a.count--
		a.ask()
		if a.listen(frames) {
			break
		}
	}
	a.say("Sent %d probes (%d broadcast(s))\n", a.sent, a.broadcasts)
	a.say("Received %d response(s)", a.received)
	var parts []string
	if a.requests > 0 {
		parts = append(parts, fmt.Sprintf("%d request(s)", a.requests))
	}
	if a.wide > 0 {
		parts = append(parts, fmt.Sprintf("%d broadcast(s)", a.wide))
	}
	if parts != nil {
		a.say(" (%s)", strings.Join(parts, ", "))
	}
	a.say("\n")
	switch {
	case a.unsolicited:
		return 0
	case a.duplicate == (a.received > 0):
		return 1
	}
	return 0
}

func (a *arping) say(format string, args ...any) {
	if !a.quiet {
		fmt.Fprintf(a.env.Stdout, format, args...)
	}
}

// ask sends one packet.
func (a *arping) ask() {
	to := a.peer
	if a.broadcast || a.unsolicited || a.duplicate {
		to = broadcastHW
	}
	b := make([]byte, arpFrame)
	copy(b, to)
	copy(b[6:], a.device.Address)
	binary.BigEndian.PutUint16(b[12:], 0x0806)
	copy(b[14:], []byte{0, 1, 8, 0, 6, 4, 0, arpRequest})
	target := to
	if a.answer {
		b[21], target = arpReply, a.device.Address
	}
	copy(b[22:], a.device.Address)
	copy(b[28:], a.source.AsSlice())
	copy(b[32:], target)
	copy(b[38:], a.target.AsSlice())
	a.last = a.env.Host.Now()
	a.env.Host.SendFrame(a.device.Index, b)
	a.sent++
	if bytes.Equal(to, broadcastHW) {
		a.broadcasts++
	}
}

// listen takes up answers for an interval; true: no more are needed.
func (a *arping) listen(frames <-chan datapath.Frame) bool {
	due := make(chan struct{})
	defer a.env.Host.AfterFunc(a.interval, func() { close(due) })()
	for {
		select {
		case f := <-frames:
			if a.hear(&f) && (a.once || a.count == 0 && a.received == a.sent) {
				return true
			}
		case <-due:
			return false
		case <-a.ctx.Done():
			return true
		}
	}
}

// hear takes up an ARP packet, and tells whether it is an answer.
func (a *arping) hear(f *datapath.Frame) bool {
	m := f.Data[14:]
	op := binary.BigEndian.Uint16(m[6:])
	sender, target := netip.AddrFrom4([4]byte(m[14:18])), netip.AddrFrom4([4]byte(m[24:28]))
	mine := bytes.Equal(m[8:14], a.device.Address)
	switch {
	case op != arpRequest && op != arpReply, sender != a.target, mine:
		return false
	case !a.duplicate && (target != a.source || op == arpReply && !bytes.Equal(m[18:24], a.device.Address)):
		return false
	}
	how, what := "Unicast", "reply"
	if f.Kind != 0 {
		how = "Broadcast"
		a.wide++
	}
	if op == arpRequest {
		what = "request"
		a.requests++
	}
	us := f.Time.Sub(a.last).Microseconds()
	a.say("%s %s from %s [%s] %2d.%03dms\n", how, what, sender, strings.ToUpper(net.HardwareAddr(m[8:14]).String()), us/1000, us%1000)
	a.received++
	if a.peer = bytes.Clone(m[8:14]); a.broadcast {
		a.peer = broadcastHW
	}
	return true
}
