package packets

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
)

// dice is the source of chance of a topology: equal seeds give equal ones.
type dice struct{ *rand.Rand }

func newDice(seed, number uint64) dice { return dice{rand.New(rand.NewPCG(seed, number))} }

func (d dice) chance(pct int) bool { return d.IntN(100) < pct }

func pick[T any](d dice, of ...T) T { return of[d.IntN(len(of))] }

// port is a device of a host on a segment.
type port struct {
	host, segment int
	name          string
	mac           string
	addr4, addr6  netip.Addr
	bits4         int
}

// drawing is a topology that is being drawn.
type drawing struct {
	dice
	t        *Topology
	ports    []port
	segments [][]int          // the ports of each
	names    map[int][]string // the devices of each host
	silent   map[int][]string // those below macvlans, which only carry
	cables   []Step
	devices  []Step
	settings []Step
	config   []Step
	config6  []Step // of ip -6
	vlans    bool
	static   bool // neighbours are permanent
	addrs4   []netip.Addr
	addrs6   []netip.Addr
}

// firstIndex is the ifindex of the first veth device. All have indexes of their own: the
// carrier of one whose peer has the same index the kernel looks at up to a second later, by
// a clock that all namespaces share (linkwatch_urgent_event).
const firstIndex = 100

// probesPerTopology is how many probes a topology is drawn with.
const probesPerTopology = 120

// Draw draws a topology and its probes; they depend on the seed and the number alone, and on
// whether there are VLANs.
func Draw(seed, number uint64, vlans bool) *Topology {
	d := &drawing{
		vlans: vlans, dice: newDice(seed, number), t: &Topology{Seed: seed, Number: number}, names: map[int][]string{}, silent: map[int][]string{},
	}
	d.static = d.chance(40)
	for i := range 2 + d.IntN(9) {
		d.t.Hosts = append(d.t.Hosts, fmt.Sprintf("h%d", i))
	}
	d.wire()
	for h := range d.t.Hosts {
		d.host(h)
	}
	for _, steps := range [][]Step{d.cables, d.devices, d.settings, d.config, d.config6} {
		d.t.Steps = append(d.t.Steps, steps...)
	}
	for range probesPerTopology {
		d.t.Probes = append(d.t.Probes, d.probe())
	}
	return d.t
}

func (d *drawing) name(h int) string { return d.t.Hosts[h] }

func (d *drawing) sysctl(h int, name, value string) {
	d.settings = append(d.settings, Step{Host: d.name(h), Tool: "sysctl", Args: name + "=" + value})
}

func (d *drawing) ip(h int, format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	if six, ok := strings.CutPrefix(line, "-6 "); ok {
		d.config6 = append(d.config6, Step{Host: d.name(h), Tool: "ip -6", Args: six})
		return
	}
	d.config = append(d.config, Step{Host: d.name(h), Tool: "ip", Args: line})
}

// wire draws the cables: a tree that joins all hosts, and some more.
func (d *drawing) wire() {
	n := len(d.t.Hosts)
	for h := 1; h < n; h++ {
		d.cable(d.IntN(h), h)
	}
	for range d.IntN(n) {
		if a, b := d.IntN(n), d.IntN(n); a != b {
			d.cable(min(a, b), max(a, b))
		}
	}
}

// cable joins two hosts: a new segment. Where the first has a bridge, the second may join that
// segment.
func (d *drawing) cable(a, b int) {
	s := len(d.segments)
	mtu := pick(d.dice, 1500, 1500, 1500, 1500, 1400, 1300, 1280)
	pa, pb := port{host: a, segment: s}, port{host: b, segment: s}
	pa.name, pb.name = d.device(a), d.device(b)
	pa.mac, pb.mac = d.mac(a, pa.name), d.mac(b, pb.name)
	d.cables = append(d.cables, Step{Host: d.name(a), Tool: "ip", Args: fmt.Sprintf("link add name %s index %d mtu %d address %s type veth peer name %s index %d mtu %d address %s netns %s",
		pa.name, firstIndex+2*s, mtu, pa.mac, pb.name, firstIndex+2*s+1, mtu, pb.mac, d.name(b))})
	d.names[a], d.names[b] = append(d.names[a], pa.name), append(d.names[b], pb.name)
	if d.chance(4) { // the MTUs of the ends differ
		d.devices = append(d.devices, Step{Host: d.name(b), Tool: "ip", Args: fmt.Sprintf("link set dev %s mtu %d", pb.name, pick(d.dice, 1280, 1500, 2000))})
	}
	d.devices = append(d.devices, Step{Host: d.name(a), Tool: "ip", Args: "link set " + pa.name + " up"}, Step{Host: d.name(b), Tool: "ip", Args: "link set " + pb.name + " up"})
	if d.chance(15) {
		d.bridge(&pa)
	}
	if d.chance(10) {
		d.macvlan(&pb)
	}
	if d.vlans && d.chance(10) {
		d.vlan(&pa, &pb)
	}
	bits := pick(d.dice, 24, 24, 24, 24, 25, 30, 28)
	subnet := s
	if s > 0 && d.chance(4) {
		subnet = d.IntN(s) // the same network elsewhere
	}
	for i, p := range []*port{&pa, &pb} {
		if !slices.Contains(d.names[p.host], p.name) {
			d.names[p.host] = append(d.names[p.host], p.name)
		}
		p.bits4 = bits
		p.addr4 = netip.AddrFrom4([4]byte{10, 0, byte(subnet), byte(1 + i)})
		p.addr6 = netip.AddrFrom16([16]byte{0xfd, 0, 0, byte(subnet), 15: byte(1 + i)})
		d.segments = append(d.segments[:s], append(append([]int(nil), d.segmentOr(s)...), len(d.ports)))
		d.ports = append(d.ports, *p)
		d.addrs4 = append(d.addrs4, p.addr4)
		d.addrs6 = append(d.addrs6, p.addr6)
	}
}

func (d *drawing) segmentOr(s int) []int {
	if s < len(d.segments) {
		return d.segments[s]
	}
	return nil
}

// device is the next name for a device of a host.
func (d *drawing) device(h int) string {
	n := 0
	for _, p := range d.ports {
		if p.host == h {
			n++
		}
	}
	return fmt.Sprintf("v%d", n)
}

func (d *drawing) mac(h int, dev string) string {
	return fmt.Sprintf("02:00:00:%02x:00:0%s", h, dev[1:])
}

// bridge puts a device of a host below a bridge, which takes its place.
func (d *drawing) bridge(p *port) {
	b := "br" + p.name[1:]
	p.mac = fmt.Sprintf("02:00:00:%02x:01:0%s", p.host, p.name[1:])
	for _, l := range []string{
		"link add name " + b + " address " + p.mac + " type bridge mcast_snooping 0",
		"link set dev " + p.name + " master " + b,
		"link set " + b + " up",
	} {
		d.devices = append(d.devices, Step{Host: d.name(p.host), Tool: "ip", Args: l})
	}
	p.name = b
}

// macvlan puts a macvlan on a device, which takes its place.
func (d *drawing) macvlan(p *port) {
	m := "mv" + p.name[1:]
	p.mac = fmt.Sprintf("02:00:00:%02x:02:0%s", p.host, p.name[1:])
	d.silent[p.host] = append(d.silent[p.host], p.name)
	for _, l := range []string{
		"link add name " + m + " link " + p.name + " address " + p.mac + " type macvlan",
		"link set " + m + " up",
	} {
		d.devices = append(d.devices, Step{Host: d.name(p.host), Tool: "ip", Args: l})
	}
	p.name = m
}

// vlan puts VLANs on both ends.
func (d *drawing) vlan(ps ...*port) {
	for _, p := range ps {
		v := "vl" + p.name[len(p.name)-1:]
		for _, l := range []string{
			"link add name " + v + " link " + p.name + " type vlan id 7",
			"link set " + v + " up",
		} {
			d.devices = append(d.devices, Step{Host: d.name(p.host), Tool: "ip", Args: l})
		}
		p.name = v
	}
}
