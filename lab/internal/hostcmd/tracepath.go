package hostcmd

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/rulewalk/rulewalk/lab/internal/stack"
	"github.com/rulewalk/rulewalk/rpdb"
)

func init() { register(tracepathCommand, "tracepath", "tracepath6") }

const tracepathUsage = `
Usage
  tracepath [options] <destination>

Options:
  -4             use IPv4
  -6             use IPv6
  -b             print both name and ip
  -l <length>    use packet <length>
  -m <hops>      use maximum <hops>
  -n             no dns name resolution
  -p <port>      use destination <port>
  -V             print version and exit
  <destination>  an address, or localhost
`

const (
	tracepathPort  = 44444
	tracepathTries = 3
	tracepathSlots = 64 // probes that are remembered, by their port
)

// tracepath is one call of tracepath, with the options and words of iputils.
type tracepath struct {
	env    *Env
	ctx    context.Context
	conn   *stack.UDPConn
	target netip.Addr

	family, port, most, mtu, header int
	numeric, both                   bool
	slots                           [tracepathSlots]struct {
		hops int // 0: nothing is under way
		sent time.Time
	}
	next           int
	hopsTo, hopsBy int // -1: not known
}

// tracepathCommand tells the way to a host and the size of packets that fit it.
func tracepathCommand(ctx context.Context, env *Env, args []string) int {
	t := &tracepath{env: env, ctx: ctx, port: tracepathPort, most: 30, hopsTo: -1, hopsBy: -1}
	if env.Name == "tracepath6" {
		t.family = 6
	}
	words, err := t.parse(args)
	var wrong badOption
	switch {
	case errors.Is(err, errVersion):
		fmt.Fprintln(env.Stdout, "tracepath from Rulewalk, with the text of iputils 20221126")
		return 0
	case errors.As(err, &wrong):
		return env.Failf(wrong.status, "%s", wrong.text)
	case err != nil || len(words) != 1:
		if err != nil {
			env.Failf(0, "%v", err)
		}
		fmt.Fprint(env.Stderr, tracepathUsage)
		return 255
	}
	if t.target, err = env.Host.Resolve(words[0], t.family); err != nil {
		return env.Failf(1, "%v", err)
	}
	return t.run()
}

func (t *tracepath) parse(args []string) ([]string, error) {
	opts, words, err := parseOptions(args, "46nbhl:m:p:V")
	if err != nil {
		return nil, err
	}
	for _, o := range opts {
		var n int64
		var err error
		switch o.name {
		case "4", "6":
			t.family = int(o.name[0] - '0')
		case "n":
			t.numeric = true
		case "b":
			t.both = true
		case "h":
			return nil, nil
		case "l":
			n, err = inRange(o.value, 0, 1<<31-1)
			t.mtu = int(n)
		case "m":
			n, err = inRange(o.value, 0, 64)
			t.most = int(n)
		case "p":
			n, err = inRange(o.value, 0, 65535)
			t.port = int(n)
		case "V":
			return nil, errVersion
		}
		if err != nil {
			return nil, err
		}
	}
	return words, nil
}

func (t *tracepath) run() int {
	network, longest := "udp4", 65535
	t.header = 28
	if t.target.Is6() {
		network, longest = "udp6", 128000
		t.header = 48
	}
	if t.mtu == 0 {
		t.mtu = longest
	}
	o := stack.Options{Device: t.env.Device, PMTU: stack.PMTUDo, RecvErr: true, Command: t.env.Name, PID: t.env.PID}
	c, err := t.env.Host.Stack.ListenUDP(network, netip.AddrPort{}, o)
	if err != nil {
		return t.env.Failf(1, "socket: %s", reason(err))
	}
	t.conn = c
	defer func() { _ = c.Close() }()
	defer context.AfterFunc(t.ctx, func() { _ = c.Close() })()
	ended := t.trace()
	if t.ctx.Err() != nil {
		return 130
	}
	w := t.env.Stdout
	if !ended {
		fmt.Fprintf(w, "     Too many hops: pmtu %d\n", t.mtu)
	}
	fmt.Fprintf(w, "     Resume: pmtu %d ", t.mtu)
	if t.hopsTo >= 0 {
		fmt.Fprintf(w, "hops %d ", t.hopsTo)
	}
	if t.hopsBy >= 0 {
		fmt.Fprintf(w, "back %d ", t.hopsBy)
	}
	fmt.Fprintln(w)
	return 0
}

// outcome is what became of a probe.
type outcome int

const (
	silent   outcome = iota // nobody answered
	answered                // somebody on the way did
	ended                   // the way ends here
)

// trace goes hop by hop; it reports whether it came to an end.
func (t *tracepath) trace() bool {
	for ttl := 1; ttl <= t.most; ttl++ {
		t.conn.SetTTL(uint8(ttl))
		last := silent
		for try := 0; try < tracepathTries && last == silent; try++ {
			mtu := t.mtu
			if last = t.probe(ttl); last == ended || t.ctx.Err() != nil {
				return true
			}
			if t.mtu != mtu { // from the start with packets that fit
				try, last = -1, silent
			}
		}
		if last == silent {
			fmt.Fprintf(t.env.Stdout, "%2d:  no reply\n", ttl)
		}
	}
	return false
}

// probe sends a packet, again when it was too long, and waits for a second.
func (t *tracepath) probe(ttl int) outcome {
	for range 10 {
		slot := &t.slots[t.next]
		slot.hops, slot.sent = ttl, t.env.Host.Now()
		to := netip.AddrPortFrom(t.target, uint16(t.port+t.next))
		_, err := t.conn.WriteToUDPAddrPort(make([]byte, max(t.mtu-t.header, 0)), to)
		if err != nil {
			switch what := t.errors(ttl, 0); {
			case what == ended:
				return ended
			case t.target.Is4():
				slot.hops = 0
			}
			continue
		}
		t.next = (t.next + 1) % tracepathSlots
		return t.errors(ttl, time.Second)
	}
	fmt.Fprintf(t.env.Stdout, "%2d:  send failed\n", ttl)
	return ended
}

// errors takes up errors, after waiting for the first.
func (t *tracepath) errors(ttl int, wait time.Duration) outcome {
	what := silent
	for {
		_ = t.conn.SetReadDeadline(t.env.Host.Now().Add(wait))
		wait = 0
		data, failed, err := t.conn.Wait()
		switch {
		case err != nil:
			return what
		case failed:
			e, err := t.conn.ReadError()
			if err != nil {
				return what
			}
			if what = t.problem(ttl, e); what == ended {
				return ended
			}
		case data:
			fmt.Fprintf(t.env.Stdout, "%2d?: reply received 8)\n", ttl)
			return ended
		}
	}
}

// problem writes a line about an error.
func (t *tracepath) problem(ttl int, e *stack.SocketError) outcome {
	w := t.env.Stdout
	local := e.Origin == stack.OriginLocal
	hops, sent := -1, time.Time{}
	if i := int(e.Dst.Port()) - t.port; i >= 0 && i < tracepathSlots && (!local || t.target.Is6()) {
		if s := &t.slots[i]; s.hops > 0 {
			hops, sent, s.hops = s.hops, s.sent, 0
		}
	}
	switch {
	case local:
		fmt.Fprintf(w, "%2d?: %-32s ", ttl, "[LOCALHOST]")
	case hops > 0:
		fmt.Fprintf(w, "%2d:  %-52s", hops, t.nameOf(e.Offender))
	default:
		fmt.Fprintf(w, "%2d?: %-52s", ttl, t.nameOf(e.Offender))
	}
	if !sent.IsZero() {
		us := e.Time.Sub(sent).Microseconds()
		fmt.Fprintf(w, "%3d.%03dms ", us/1000, us%1000)
	}
	back := -1
	if !local {
		back = hopsBack(e.TTL)
	}
	return t.verdict(e, hops, back)
}

// hopsBack is how many hops an answer made, by its TTL, if it began with a usual one.
func hopsBack(ttl uint8) int {
	switch {
	case ttl <= 64:
		return 65 - int(ttl)
	case ttl <= 128:
		return 129 - int(ttl)
	}
	return 256 - int(ttl)
}

// verdict ends the line of an error.
func (t *tracepath) verdict(e *stack.SocketError, hops, back int) outcome {
	w := t.env.Stdout
	exceeded := e.Origin == stack.OriginICMP && e.Type == icmpExceeded || e.Origin == stack.OriginICMP6 && e.Type == icmp6Exceeded
	switch {
	case errors.Is(e, rpdb.EMSGSIZE):
		fmt.Fprintf(w, "pmtu %d\n", e.Info)
		t.mtu = int(e.Info)
		return answered
	case errors.Is(e, rpdb.EHOSTUNREACH) && exceeded && e.Code == 0:
		if hops > 0 && back >= 0 && back != hops {
			fmt.Fprintf(w, "asymm %2d ", back)
		}
		fmt.Fprintln(w)
		return answered
	case errors.Is(e, rpdb.ECONNREFUSED):
		fmt.Fprintln(w, "reached")
		t.hopsTo, t.hopsBy = hops, back
	case errors.Is(e, rpdb.EPROTO):
		fmt.Fprintln(w, "!P")
	case errors.Is(e, rpdb.EHOSTUNREACH):
		fmt.Fprintln(w, "!H")
	case errors.Is(e, rpdb.ENETUNREACH):
		fmt.Fprintln(w, "!N")
	case errors.Is(e, rpdb.EACCES):
		fmt.Fprintln(w, "!A")
	default:
		fmt.Fprintf(w, "\nNET ERROR: %s\n", e.Errno.Error())
	}
	return ended
}

func (t *tracepath) nameOf(a netip.Addr) string {
	name := hostName(a)
	switch {
	case t.numeric || name == a.String():
		return a.String()
	case t.both:
		return fmt.Sprintf("%s (%s)", name, a)
	}
	return name
}
