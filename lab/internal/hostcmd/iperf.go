package hostcmd

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/rulewalk/rulewalk/lab/internal/stack"
)

func init() { register(iperfCommand, "iperf3") }

const iperfUsage = `Usage: iperf3 [-s|-c host] [options]
       iperf3 [-h|--help] [-v|--version]

Server or Client:
  -p, --port      #         server port to listen on/connect to
  -i, --interval  #         seconds between periodic throughput reports
  -B, --bind <host>[%<dev>] bind to this address
  --bind-dev <dev>          bind to this device
  -J, --json                output in JSON format
  -v, --version             show version information and quit
  -h, --help                show this message and quit
Server specific:
  -s, --server              run in server mode
  -1, --one-off             handle one client connection then exit
Client specific:
  -c, --client <host>       run in client mode, connecting to <host>
  -u, --udp                 use UDP rather than TCP
  --connect-timeout #       timeout for control connection setup (ms)
  -b, --bitrate #[KMG]      target bitrate in bits/sec (0 for unlimited)
                            (default 1 Mbit/sec for UDP, unlimited for TCP)
  -t, --time      #         time in seconds to transmit for (default 10 secs)
  -n, --bytes     #[KMG]    number of bytes to transmit (instead of -t)
  -l, --length    #[KMG]    length of buffer to read or write
                            (default 128 KB for TCP, 1448 for UDP)
  -P, --parallel  #         number of parallel client streams to run
  -R, --reverse             run in reverse mode (server sends, client receives)
  -M, --set-mss   #         set TCP maximum segment size
  -S, --tos N               set the IP type of service
  -4, --version4            only use IPv4
  -6, --version6            only use IPv6
  --fwmark N                firewall mark of the packets

[KMG] indicates options that support a K/M/G suffix for kilo-, mega-, or giga-
`

const (
	iperfPort   = 5201
	iperfBlock  = 128 << 10
	iperfUDP    = 1448
	iperfMinUDP = 16 // what a datagram's header needs
)

// iperf is one call of iperf3, with the options and words of version 3.12, and its
// protocol.
type iperf struct {
	env  *Env
	ctx  context.Context
	opts stack.Options

	server, once, json bool
	host               string
	port               uint16
	family             int
	interval           time.Duration
	connectTime        time.Duration
	bindTo             netip.Addr
	params             iperfParams
	tests              int
}

// iperfParams are what the client tells the server of a test, by the names of the
// protocol.
type iperfParams struct {
	TCP       bool   `json:"tcp,omitempty"`
	UDP       bool   `json:"udp,omitempty"`
	Omit      int    `json:"omit"`
	Time      int    `json:"time"`
	Num       int64  `json:"num"`
	Blocks    int64  `json:"blockcount"`
	MSS       int    `json:"MSS,omitempty"`
	Parallel  int    `json:"parallel"`
	Reverse   bool   `json:"reverse,omitempty"`
	Len       int    `json:"len"`
	Bandwidth int64  `json:"bandwidth,omitempty"`
	TOS       int    `json:"TOS,omitempty"`
	Version   string `json:"client_version"`
}

// iperfCommand measures how much passes between two hosts.
func iperfCommand(ctx context.Context, env *Env, args []string) int {
	p := &iperf{
		env: env, ctx: ctx, opts: stack.Options{Device: env.Device, Command: "iperf3", PID: env.PID}, port: iperfPort, interval: time.Second,
		params: iperfParams{TCP: true, Time: 10, Parallel: 1, Version: "3.12", Bandwidth: -1},
	}
	err := p.parse(args)
	switch {
	case errors.Is(err, errHelp):
		fmt.Fprint(env.Stdout, iperfUsage)
		return 0
	case errors.Is(err, errVersion):
		fmt.Fprintln(env.Stdout, "iperf 3.12 (Rulewalk)")
		return 0
	case err != nil:
		return env.Failf(1, "parameter error - %v\n\n%s", err, iperfUsage)
	}
	if p.server {
		return p.serve()
	}
	if err := p.measure(); err != nil {
		if ctx.Err() != nil {
			return env.Failf(1, "interrupt - the client has terminated")
		}
		return env.Failf(1, "error - %v", err)
	}
	return 0
}

func (p *iperf) parse(args []string) error {
	opts, words, err := parseOptions(args, "sc:p:i:B:Jvh1ub:t:n:l:P:RM:S:46fVd",
		"port=", "interval=", "bind=", "bind-dev=", "json", "version", "help", "server", "one-off", "client=", "udp",
		"connect-timeout=", "bitrate=", "bandwidth=", "time=", "bytes=", "length=", "parallel=", "reverse", "set-mss=", "tos=",
		"version4", "version6", "fwmark=", "forceflush")
	if err != nil {
		return err
	}
	if len(words) > 0 {
		return fmt.Errorf("what is %q?", words[0])
	}
	for _, o := range opts {
		if err := p.option(o); err != nil {
			return err
		}
	}
	switch {
	case p.server == (p.host != ""):
		return errors.New("must either be a client (-c) or server (-s)")
	case p.params.Parallel < 1 || p.params.Parallel > 128:
		return errors.New("number of parallel streams too large (maximum = 128)")
	case p.params.Time > 86400:
		return errors.New("test duration valid values are 0 to 86400 seconds")
	}
	p.complete()
	return nil
}

// complete fills in what the client did not choose.
func (p *iperf) complete() {
	q := &p.params
	switch {
	case q.Bandwidth < 0 && q.UDP:
		q.Bandwidth = 1 << 20
	case q.Bandwidth < 0:
		q.Bandwidth = 0
	}
	switch {
	case q.Len == 0 && q.UDP:
		q.Len = iperfUDP
	case q.Len == 0:
		q.Len = iperfBlock
	case q.UDP:
		q.Len = min(max(q.Len, iperfMinUDP), 65507)
	}
	if q.Num > 0 {
		q.Time = 0
	}
}

func (p *iperf) option(o option) (err error) {
	number := func() (n int) {
		n, err = strconv.Atoi(o.value)
		if err != nil || n < 0 {
			err = fmt.Errorf("-%s %s: not a number", o.name, o.value)
		}
		return n
	}
	q := &p.params
	switch o.name {
	case "s", "server":
		p.server = true
	case "c", "client":
		p.host = o.value
	case "p", "port":
		p.port, err = parsePort(o.value)
	case "i", "interval":
		var f float64
		f, err = strconv.ParseFloat(o.value, 64)
		if err == nil && (f < 0 || f > 60 || f > 0 && f < .1) {
			err = errors.New("invalid report interval (min = 0.1, max = 60.0 seconds)")
		}
		p.interval = time.Duration(f * float64(time.Second))
	case "B", "bind":
		p.bindTo, err = p.env.Host.Resolve(o.value, 0)
	case "bind-dev":
		l, ok := p.env.Host.Link(0, o.value)
		if !ok {
			return fmt.Errorf("%s: No such device", o.value)
		}
		p.opts.Device = l.Index
	case "J", "json":
		p.json = true
	case "v", "version":
		return errVersion
	case "h", "help":
		return errHelp
	case "1", "one-off":
		p.once = true
	case "u", "udp":
		q.TCP, q.UDP = false, true
	case "connect-timeout":
		p.connectTime = time.Duration(number()) * time.Millisecond
	case "b", "bitrate", "bandwidth":
		q.Bandwidth, err = iperfNumber(o.value, 1000)
	case "t", "time":
		q.Time = number()
	case "n", "bytes":
		q.Num, err = iperfNumber(o.value, 1024)
	case "l", "length":
		var n int64
		n, err = iperfNumber(o.value, 1024)
		q.Len = int(min(n, 1<<20))
	case "P", "parallel":
		q.Parallel = number()
	case "R", "reverse":
		q.Reverse = true
	case "M", "set-mss":
		q.MSS = number()
		p.opts.MSS = uint16(q.MSS)
	case "S", "tos":
		var n uint64
		n, err = strconv.ParseUint(o.value, 0, 8)
		q.TOS = int(n)
		p.opts.TOS = uint8(n)
	case "fwmark":
		var n uint64
		n, err = strconv.ParseUint(o.value, 0, 32)
		p.opts.Mark = uint32(n)
	case "4", "version4":
		p.family = 4
	case "6", "version6":
		p.family = 6
	}
	return err
}

// iperfNumber reads a number with a suffix for thousands, or whatever unit is.
func iperfNumber(s string, unit float64) (int64, error) {
	factor := 1.0
	if n := len(s); n > 0 {
		if i := strings.IndexByte("KMGT", strings.ToUpper(s)[n-1]); i >= 0 {
			s = s[:n-1]
			for ; i >= 0; i-- {
				factor *= unit
			}
		}
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f < 0 {
		return 0, fmt.Errorf("%s: not a number", s)
	}
	return int64(f * factor), nil
}

// iperfAmount writes a number with three digits and a prefix for its unit.
func iperfAmount(n, unit float64, what string) string {
	prefixes := []string{"", "K", "M", "G", "T"}
	i := 0
	for ; n >= unit && i < len(prefixes)-1; i++ {
		n /= unit
	}
	digits := 0
	switch {
	case n < 9.995:
		digits = 2
	case n < 99.95:
		digits = 1
	}
	return fmt.Sprintf("%4.*f %s%s", digits, n, prefixes[i], what)
}
