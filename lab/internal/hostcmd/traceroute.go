package hostcmd

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rulewalk/rulewalk/lab/internal/stack"
	"github.com/rulewalk/rulewalk/rpdb"
)

func init() { register(tracerouteCommand, "traceroute", "traceroute6") }

const tracerouteUsage = `Usage:
  traceroute [ -46FITUn ] [ -f first_ttl ] [ -i device ] [ -m max_ttl ] [ -N squeries ] [ -p port ] [ -t tos ] [ -w MAX,HERE,NEAR ] [ -q nqueries ] [ -s src_addr ] [ -z sendwait ] [ --fwmark=num ] host [ packetlen ]
Options:
  -4, -6                      Use IPv4, IPv6
  -F  --dont-fragment         Do not fragment packets
  -f first_ttl                Start from the first_ttl hop (instead from 1)
  -I  --icmp                  Use ICMP ECHO
  -T  --tcp                   Use TCP SYN (default port is 80)
  -U  --udp                   Use UDP to one port (default 53), instead of
                              increasing the port with each probe from 33434
  -i device                   Bind to a device
  -m max_ttl                  Set the max number of hops (default 30)
  -N squeries                 Probes that are under way at once (default 16)
  -n                          Do not resolve IP addresses to their names
  -p port                     Destination port, or first sequence number of -I
  -q nqueries                 Probes per hop (default 3)
  -r                          Only to hosts on an attached network
  -s src_addr                 Source address
  -t tos                      Type of service, or traffic class
  -w MAX,HERE,NEAR            Wait MAX (5.0) seconds, HERE (3) times longer than
                              for an answer of the same hop, NEAR (10) times
                              longer than for one of a later hop
  -z sendwait                 Time between probes, in seconds, or milliseconds
                              if it is more than 10
  --fwmark=num                Firewall mark of the packets
`

// How long traceroute waits beyond a multiple of a time that it knows.
const traceSlack = time.Millisecond

// traceroute is one call of traceroute, with the options and words of version 2.1.
type traceroute struct {
	env  *Env
	ctx  context.Context
	opts stack.Options

	family                   int
	numeric                  bool
	method                   func(*traceroute) (prober, error)
	first, most, each, atOne int
	wait, between            time.Duration
	here, near               float64
	port, size               int
	target                   netip.Addr
	source                   netip.Addr
	device                   string

	probes  []probe
	answers chan answer
	last    time.Time // of the last probe
}

// probe is one packet with a TTL, and what became of it.
type probe struct {
	sent  time.Time
	done  bool
	final bool          // nothing lies behind who answered
	from  netip.Addr    // invalid: nobody answered
	took  time.Duration // until the answer came
	mark  string        // !H and its like
}

// answer is what a prober tells of a probe.
type answer struct {
	index int
	from  netip.Addr
	at    time.Time
	mark  string
	final bool
}

// prober sends probes in one way of several and puts what comes back into
// traceroute.answers. forget ends the waiting for a probe.
type prober interface {
	send(index int, ttl uint8) error
	forget(index int)
	close()
}

// tracerouteCommand tells the hosts on the way to another.
func tracerouteCommand(ctx context.Context, env *Env, args []string) int {
	t := &traceroute{
		env: env, ctx: ctx, opts: stack.Options{Device: env.Device, RecvErr: true, PMTU: stack.PMTUDont, Command: env.Name, PID: env.PID},
		method: probeUDP, first: 1, most: 30, each: 3, atOne: 16, wait: 5 * time.Second, here: 3, near: 10,
	}
	if env.Name == "traceroute6" {
		t.family = 6
	}
	words, err := t.parse(args)
	switch {
	case errors.Is(err, errHelp), err == nil && len(args) == 0:
		fmt.Fprint(env.Stdout, tracerouteUsage)
		return 0
	case err != nil:
		fmt.Fprintln(env.Stderr, err)
		return 2
	case len(words) == 0:
		fmt.Fprintln(env.Stderr, `Specify "host" missing argument.`)
		return 2
	case len(words) > 2:
		at := slices.Index(args, words[2]) + 1
		fmt.Fprintf(env.Stderr, "Extra arg `%s' (position 3, argc %d)\n", words[2], at)
		return 2
	}
	if t.target, err = env.Host.Resolve(words[0], t.family); err != nil {
		fmt.Fprintf(env.Stderr, "%v\nCannot handle \"host\" cmdline arg `%s' on position 1 (argc %d)\n", err, words[0], slices.Index(args, words[0])+1)
		return 2
	}
	header := 20
	if t.target.Is6() {
		header = 40
	}
	t.size = header + 40
	if len(words) == 2 {
		if t.size, err = strconv.Atoi(words[1]); err != nil || t.size > 65000 {
			fmt.Fprintf(env.Stderr, "Cannot handle \"packetlen\" cmdline arg `%s' on position 2 (argc %d)\n", words[1], slices.Index(args, words[1])+1)
			return 2
		}
		t.size = max(t.size, header+8)
	}
	return t.run(words[0])
}

func (t *traceroute) parse(args []string) ([]string, error) {
	opts, words, err := parseOptions(args, "46dFITUnref:g:i:m:N:p:t:l:w:q:s:z:M:",
		"dont-fragment", "icmp", "tcp", "udp", "first=", "interface=", "max-hops=", "sim-queries=", "port=", "tos=",
		"wait=", "queries=", "source=", "sendwait=", "fwmark=", "help")
	if err != nil {
		for i, a := range args {
			if c := err.Error()[len(err.Error())-2]; strings.HasPrefix(a, "-") && (strings.IndexByte(a, c) > 0 || strings.HasPrefix(a, "--")) {
				return nil, verbatim(fmt.Sprintf("Bad option `%s' (argc %d)", a, i+1))
			}
		}
		return nil, err
	}
	for _, o := range opts {
		if err := t.option(o); err != nil {
			var wrong badOption
			if errors.Is(err, errHelp) || errors.As(err, &wrong) {
				return nil, err
			}
			dashes := "-"
			if len(o.name) > 1 {
				dashes = "--"
			}
			return nil, verbatim(fmt.Sprintf("Cannot handle `%s%s' option with arg `%s' (argc %d)", dashes, o.name, o.value, slices.Index(args, o.value)+1))
		}
	}
	return words, nil
}

func (t *traceroute) option(o option) (err error) {
	number := func() (n int) {
		var v int64
		v, err = strconv.ParseInt(o.value, 0, 64)
		return int(v)
	}
	limit := func(n, most int, text string) {
		if err == nil && n > most {
			err = badOption{2, text}
		}
	}
	switch o.name {
	case "4", "6":
		t.family = int(o.name[0] - '0')
	case "F", "dont-fragment":
		t.opts.PMTU = stack.PMTUDo
	case "I", "icmp":
		t.method = probeICMP
	case "T", "tcp":
		t.method = probeTCP
	case "U", "udp":
		t.method = probeUDPPort
	case "M":
		t.method, err = methodOf(o.value)
	case "n":
		t.numeric = true
	case "r":
		t.opts.DontRoute = true
	case "f", "first":
		t.first = number()
		limit(t.first, 255, "first hop out of range")
		if err == nil && t.first < 1 {
			err = badOption{2, "first hop out of range"}
		}
	case "m", "max-hops":
		t.most = number()
		limit(t.most, 255, "max hops cannot be more than 255")
	case "q", "queries":
		t.each = number()
		limit(t.each, 10, "no more than 10 probes per hop")
	case "N", "sim-queries":
		t.atOne = max(number(), 1)
	case "p", "port":
		t.port = number()
	case "t", "tos":
		t.opts.TOS = uint8(number())
	case "fwmark":
		t.opts.Mark = uint32(number())
	case "i", "interface":
		t.device = o.value
	case "s", "source":
		t.source, err = t.env.Host.Resolve(o.value, 0)
	case "w", "wait":
		err = t.waits(o.value)
	case "z", "sendwait":
		var f float64
		if f, err = strconv.ParseFloat(o.value, 64); f > 10 {
			f /= 1000
		}
		t.between = time.Duration(f * float64(time.Second))
	case "help":
		return errHelp
	default:
		return badOption{2, "-" + o.name + ": not known in the lab"}
	}
	return err
}

func methodOf(name string) (func(*traceroute) (prober, error), error) {
	switch name {
	case "default":
		return probeUDP, nil
	case "udp":
		return probeUDPPort, nil
	case "icmp":
		return probeICMP, nil
	case "tcp":
		return probeTCP, nil
	}
	return nil, badOption{2, "Unknown traceroute module " + name}
}

// waits reads MAX,HERE,NEAR.
func (t *traceroute) waits(s string) error {
	max := 0.0
	for i, part := range strings.Split(s, ",") {
		f, err := strconv.ParseFloat(part, 64)
		if err != nil || i > 2 || f < 0 {
			return strconv.ErrSyntax
		}
		*[]*float64{&max, &t.here, &t.near}[i] = f
	}
	t.wait = time.Duration(max * float64(time.Second))
	if !strings.Contains(s, ",") { // one value: no factors
		t.here, t.near = 0, 0
	}
	return nil
}

func (t *traceroute) run(word string) int {
	w := t.env.Stdout
	if t.first > t.most {
		fmt.Fprintln(t.env.Stderr, "first hop out of range")
		return 2
	}
	fmt.Fprintf(w, "traceroute to %s (%s), %d hops max, %d byte packets", word, t.target, t.most, t.size)
	if t.device != "" {
		l, ok := t.env.Host.Link(0, t.device)
		if !ok {
			return t.failed("setsockopt SO_BINDTODEVICE", rpdb.ENODEV)
		}
		t.opts.Device = l.Index
	}
	t.probes = make([]probe, t.most*t.each)
	t.answers = make(chan answer, len(t.probes))
	p, err := t.method(t)
	if err != nil {
		return t.failed(call(err), err)
	}
	defer p.close()
	status := t.loop(p)
	if status == 0 {
		fmt.Fprintln(w)
	}
	return status
}

// failed tells of an error that ends the command.
func (t *traceroute) failed(what string, err error) int {
	fmt.Fprintln(t.env.Stdout)
	fmt.Fprintf(t.env.Stderr, "%s: %s\n", what, reason(err))
	return 1
}

// call is the system call that failed.
func call(err error) string {
	var e *stack.Error
	if errors.As(err, &e) {
		return e.Call
	}
	return "socket"
}

// loop sends probes, a number of them at once, and writes what became of them in order.
func (t *traceroute) loop(p prober) int {
	start, end := (t.first-1)*t.each, len(t.probes)
	for start < end {
		now := t.env.Host.Now()
		var wake time.Time
		later := func(at time.Time) {
			if wake.IsZero() || at.Before(wake) {
				wake = at
			}
		}
		running := 0
		for i := start; i < end && running < t.atOne; i++ {
			b := &t.probes[i]
			if !b.done && !b.sent.IsZero() && now.Sub(b.sent) >= t.patience(i) {
				b.done = true
				p.forget(i)
			}
			if b.done {
				if i == start {
					t.print(i)
					start++
				}
				if b.final {
					end = (i/t.each + 1) * t.each
				}
				continue
			}
			if b.sent.IsZero() {
				if next := t.last.Add(t.between); t.between > 0 && now.Before(next) {
					later(next)
					break
				}
				b.sent, t.last = now, now
				if err := p.send(i, uint8(i/t.each+1)); err != nil {
					return t.failed(call(err), err)
				}
			}
			later(b.sent.Add(t.patience(i)))
			running++
		}
		if start < end && !wake.IsZero() && !t.await(wake) {
			return 130
		}
	}
	return 0
}

// await takes answers until a time; false: interrupted.
func (t *traceroute) await(until time.Time) bool {
	due := make(chan struct{})
	stop := t.env.Host.AfterFunc(until.Sub(t.env.Host.Now()), func() { close(due) })
	defer stop()
	select {
	case a := <-t.answers:
		t.take(a)
		for {
			select {
			case a := <-t.answers:
				t.take(a)
				continue
			default:
			}
			return true
		}
	case <-due:
		return true
	case <-t.ctx.Done():
		return false
	}
}

func (t *traceroute) take(a answer) {
	b := &t.probes[a.index]
	if !b.done {
		b.done, b.final, b.from, b.mark, b.took = true, a.final, a.from, a.mark, a.at.Sub(b.sent)
	}
}

// patience is how long to wait for a probe: by what is known of its hop, or of a later
// one.
func (t *traceroute) patience(i int) time.Duration {
	times := func(b *probe, factor float64) time.Duration {
		return min(time.Duration(float64(b.took+traceSlack)*factor), t.wait)
	}
	hop := i - i%t.each
	for k := hop; k < hop+t.each && t.here > 0; k++ {
		if b := &t.probes[k]; b.done && b.from.IsValid() {
			return times(b, t.here)
		}
	}
	for k := i + 1; k < len(t.probes) && t.near > 0 && !t.probes[k].sent.IsZero(); k++ {
		if b := &t.probes[k]; b.done && b.from.IsValid() {
			return times(b, t.near)
		}
	}
	return t.wait
}

// print writes what became of a probe.
func (t *traceroute) print(i int) {
	w, b := t.env.Stdout, &t.probes[i]
	if i%t.each == 0 {
		fmt.Fprintf(w, "\n%2d ", i/t.each+1)
	}
	switch {
	case !b.from.IsValid():
		fmt.Fprint(w, " *")
	case i%t.each > 0 && t.probes[i-1].from == b.from:
	case t.numeric:
		fmt.Fprintf(w, " %s", b.from)
	default:
		fmt.Fprintf(w, " %s (%s)", hostName(b.from), b.from)
	}
	if b.from.IsValid() || b.mark != "" {
		us := b.took.Microseconds()
		fmt.Fprintf(w, "  %s ms", milliseconds(us))
	}
	if b.mark != "" {
		fmt.Fprintf(w, " %s", b.mark)
	}
}
