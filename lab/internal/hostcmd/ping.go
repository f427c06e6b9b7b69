package hostcmd

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/rulewalk/rulewalk/lab/internal/stack"
	"github.com/rulewalk/rulewalk/rpdb"
)

func init() { register(pingCommand, "ping", "ping6") }

const pingUsage = `
Usage
  ping [options] <destination>

Options:
  <destination>      an address, or localhost
  -A                 use adaptive ping
  -B                 sticky source address
  -c <count>         stop after <count> replies
  -D                 print timestamps
  -e <identifier>    the identifier of the requests
  -f                 flood ping
  -h                 print help and exit
  -I <interface>     either interface name or address
  -i <interval>      seconds between sending each packet
  -l <preload>       send <preload> packets before waiting for replies
  -m <mark>          tag the packets going out
  -M <pmtud opt>     path MTU discovery: do, dont or want
  -n                 no names for addresses
  -O                 report outstanding replies
  -p <pattern>       contents of the payload, in hexadecimal
  -q                 quiet output
  -Q <tclass>        type of service, or traffic class
  -s <size>          number of data bytes to be sent
  -t <ttl>           time to live, or hop limit
  -v                 verbose output
  -V                 print version and exit
  -w <deadline>      end after <deadline> seconds
  -W <timeout>       seconds to wait for a response

IPv4 options:
  -4                 use IPv4
  -b                 allow pinging broadcast

IPv6 options:
  -6                 use IPv6
`

// What ping waits for, and what its payload begins with.
const (
	pingInterval = time.Second
	pingLinger   = 10 * time.Second // for the last reply, if there was none before
	pingFlood    = 10 * time.Millisecond
	pingStamp    = 16 // bytes of the time in the payload
	pingLongest  = 65535 - 8
	pingPort     = 1025
)

// ping is one call of ping, with the options and words of iputils.
type ping struct {
	env    *Env
	ctx    context.Context
	opts   stack.Options
	conn   *stack.PingConn
	target netip.Addr
	word   string // what the user called it

	family                                                     int
	adaptive, flood, quiet, numeric, stamps, outstanding, loud bool
	broadcast, sticky                                          bool
	count                                                      int
	preload                                                    int
	interval, linger, deadline                                 time.Duration
	size                                                       int
	pattern                                                    []byte
	source                                                     netip.Addr
	device                                                     string
	ident                                                      uint16

	pingStats
}

// pingCommand sends echo requests to a host.
func pingCommand(ctx context.Context, env *Env, args []string) int {
	p := &ping{
		env: env, ctx: ctx, opts: stack.Options{Device: env.Device, RecvErr: true, Command: env.Name, PID: env.PID},
		interval: pingInterval, linger: pingLinger, size: 56, preload: 1,
	}
	if env.Name == "ping6" {
		p.family = 6
	}
	words, err := p.parse(args)
	var wrong badOption
	switch {
	case errors.Is(err, errHelp):
		fmt.Fprint(env.Stderr, pingUsage)
		return 2
	case errors.Is(err, errVersion):
		fmt.Fprintln(env.Stdout, "ping from Rulewalk, with the text of iputils 20221126")
		return 0
	case errors.As(err, &wrong):
		return env.Failf(wrong.status, "%s", wrong.text)
	case err != nil:
		env.Failf(2, "%v", err)
		fmt.Fprint(env.Stderr, pingUsage)
		return 2
	case len(words) == 0:
		return env.Failf(1, "usage error: Destination address required")
	case len(words) > 1:
		return env.Failf(2, "only one destination: %s", strings.Join(words, " "))
	}
	return p.run(words[0])
}

var errVersion = errors.New("version")

// badOption is a wrong value of an option and the exit status that goes with it.
type badOption struct {
	status int
	text   string
}

func (e badOption) Error() string { return e.text }

// inRange reads a whole number between two bounds, with the words of iputils for what
// is none.
func inRange(s string, lo, hi int64) (int64, error) {
	n, err := strconv.ParseInt(s, 0, 64)
	switch {
	case err != nil:
		return 0, badOption{1, fmt.Sprintf("invalid argument: '%s'", s)}
	case n < lo || n > hi:
		return 0, badOption{1, fmt.Sprintf("invalid argument: '%s': out of range: %d <= value <= %d", s, lo, hi)}
	}
	return n, nil
}

// seconds reads a time in seconds that may have a fraction.
func (p *ping) seconds(s string) (time.Duration, error) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		p.env.Failf(0, "option argument contains garbage: %s", s)
		p.env.Failf(0, "this will become fatal error in the future")
	}
	if f < 0 || f > 1e9 {
		return 0, badOption{2, "bad timing interval: " + s}
	}
	return time.Duration(f * float64(time.Second)), nil
}

func (p *ping) parse(args []string) (words []string, err error) {
	opts, words, err := parseOptions(args, "46aABbc:CDde:fhI:i:Ll:m:M:nOp:qQ:rs:S:t:UvVw:W:")
	if err != nil {
		return nil, err
	}
	for _, o := range opts {
		if err := p.option(o); err != nil {
			return nil, err
		}
	}
	if p.flood && p.interval == pingInterval {
		p.interval = 0
	}
	return words, nil
}

func (p *ping) option(o option) error {
	var err error
	number := func(lo, hi int64) (n int64) {
		n, err = inRange(o.value, lo, hi)
		return n
	}
	switch o.name {
	case "4", "6":
		p.family = int(o.name[0] - '0')
	case "A":
		p.adaptive = true
	case "B":
		p.sticky = true
	case "b":
		p.broadcast = true
	case "c":
		p.count = int(number(1, 1<<63-1))
	case "D":
		p.stamps = true
	case "e":
		p.ident = uint16(number(0, 65535))
	case "f":
		p.flood = true
	case "h":
		return errHelp
	case "I":
		return p.from(o.value)
	case "i":
		p.interval, err = p.seconds(o.value)
	case "l":
		p.preload = int(number(1, 65536))
	case "m":
		p.opts.Mark = uint32(number(0, 1<<32-1))
	case "M":
		return p.discovery(o.value)
	case "n":
		p.numeric = true
	case "O":
		p.outstanding = true
	case "p":
		return p.fill(o.value)
	case "q":
		p.quiet = true
	case "Q":
		p.opts.TOS = uint8(number(0, 255))
	case "r":
		p.opts.DontRoute = true
	case "s":
		p.size = int(number(0, 1<<31-1))
	case "t":
		p.opts.TTL = uint8(number(0, 255))
	case "v":
		p.loud = true
	case "V":
		return errVersion
	case "w":
		p.deadline = time.Duration(number(0, 1<<31-1)) * time.Second
	case "W":
		p.linger, err = p.seconds(o.value)
	}
	return err
}

// from takes the value of -I: an address, or a device.
func (p *ping) from(s string) error {
	if a, err := netip.ParseAddr(s); err == nil {
		p.source, p.sticky = a, true
		return nil
	}
	p.device = s
	return nil
}

func (p *ping) discovery(s string) error {
	switch s {
	case "do":
		p.opts.PMTU = stack.PMTUDo
	case "dont":
		p.opts.PMTU = stack.PMTUDont
	case "want":
		p.opts.PMTU = stack.PMTUWant
	default:
		return badOption{2, "invalid -M argument: " + s}
	}
	return nil
}

// fill reads the pattern of -p.
func (p *ping) fill(s string) error {
	if len(s)%2 == 1 {
		s = s[:len(s)-1] + "0" + s[len(s)-1:]
	}
	b, err := hex.DecodeString(s)
	if err != nil || len(b) == 0 || len(b) > 16 {
		return badOption{2, "patterns must be specified as hex digits: " + s}
	}
	p.pattern = b
	return nil
}

func (p *ping) run(word string) int {
	var err error
	if p.target, err = p.env.Host.Resolve(word, p.family); err != nil {
		return p.env.Failf(2, "%v", err)
	}
	p.word = word
	if _, err := netip.ParseAddr(word); err == nil {
		p.numeric = true
	}
	if p.device != "" {
		l, ok := p.env.Host.Link(0, p.device)
		if !ok {
			return p.env.Failf(2, "SO_BINDTODEVICE %s: No such device", p.device)
		}
		p.opts.Device = l.Index
	}
	if err := p.probe(); err != nil {
		return p.env.Failf(2, "%s", err)
	}
	if p.conn, err = p.env.Host.Stack.ListenPing(p.network(), p.bound(), p.ident, p.opts); err != nil {
		return p.env.Failf(2, "bind: %s", reason(err))
	}
	defer func() { _ = p.conn.Close() }()
	if p.pattern != nil {
		fmt.Fprintf(p.env.Stdout, "PATTERN: 0x%s\n", hex.EncodeToString(p.pattern))
	}
	p.head()
	p.loop()
	return p.finish()
}

// bound is the address that requests are bound to.
func (p *ping) bound() netip.Addr {
	if p.sticky {
		return p.source
	}
	return netip.Addr{}
}

func (p *ping) network() string {
	if p.target.Is4() {
		return "ip4"
	}
	return "ip6"
}

// probe finds the source address as ping does, by a UDP socket that is connected to the
// target.
func (p *ping) probe() error {
	if p.source.IsValid() && p.device == "" {
		if p.source.Is4() != p.target.Is4() {
			return errors.New("bind: " + rpdb.EINVAL.Error())
		}
		return nil
	}
	o := p.opts
	o.RecvErr = false
	connect := func() (*stack.UDPConn, error) {
		return p.env.Host.Stack.DialUDP("udp"+p.network()[2:], netip.AddrPortFrom(p.target, pingPort), o)
	}
	c, err := connect()
	if errors.Is(err, rpdb.EACCES) {
		if !p.broadcast {
			return verbatim("Do you want to ping broadcast? Then -b. If not, check your local firewall rules")
		}
		fmt.Fprintln(p.env.Stderr, "WARNING: pinging broadcast address")
		o.Broadcast, p.opts.Broadcast = true, true
		c, err = connect()
	}
	if err != nil {
		return errors.New("connect: " + reason(err))
	}
	if !p.source.IsValid() {
		p.source = netip.MustParseAddrPort(c.LocalAddr().String()).Addr().WithZone("")
	}
	_ = c.Close()
	if p.device != "" && !p.hasAddress(p.opts.Device, p.source) {
		p.env.Failf(0, "Warning: source address might be selected on device other than: %s", p.device)
	}
	return nil
}

// hasAddress tells whether a device has an address.
func (p *ping) hasAddress(index int, a netip.Addr) bool {
	for _, x := range p.env.Host.Namespace().View().Database.State().Addrs {
		if x.Index == index && x.Local == a {
			return true
		}
	}
	return false
}

// head writes the first line.
func (p *ping) head() {
	w := p.env.Stdout
	if p.target.Is4() {
		fmt.Fprintf(w, "PING %s (%s) ", p.word, p.target)
	} else {
		fmt.Fprintf(w, "PING %s(%s) ", p.word, p.nameOf(p.target))
	}
	if p.device != "" || p.sticky {
		fmt.Fprintf(w, "from %s %s: ", p.source, p.device)
	}
	if p.target.Is4() {
		fmt.Fprintf(w, "%d(%d) bytes of data.\n", p.size, p.size+28)
	} else {
		fmt.Fprintf(w, "%d data bytes\n", p.size)
	}
}

// nameOf is how lines show an address.
func (p *ping) nameOf(a netip.Addr) string {
	if p.numeric {
		return a.String()
	}
	if name := hostName(a); name != a.String() {
		return fmt.Sprintf("%s (%s)", name, a)
	}
	return a.String()
}
