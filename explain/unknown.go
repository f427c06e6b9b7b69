package explain

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rulewalk/rulewalk/rpdb"
)

// unknown lists what was assumed: facts that the state does not tell, fields of the
// flow that nobody knows and that matter, devices that were only named.
func (b *builder) unknown() {
	b.view.Unknown = []UnknownView{}
	for _, u := range b.walk.Unknown {
		b.view.Unknown = append(b.view.Unknown, UnknownView{What: u.What, Assumed: u.Assumed, Effect: u.Effect})
	}
	d := &b.walk.Decision
	for _, name := range fieldNames(b.walk.Flow.Unknown & (b.r.Given | d.Depends)) {
		u := UnknownView{What: "the flow's " + name, Assumed: fieldValue(b.w, &b.walk.Flow, name), Effect: "does not change the answer"}
		if slices.Contains(fieldNames(d.Depends), name) {
			u.Effect = "could change the answer"
		}
		b.view.Unknown = append(b.view.Unknown, u)
	}
	if l := b.w.links[b.walk.Decision.OIF]; l != nil && l.Assumed {
		b.view.Unknown = append(b.view.Unknown, UnknownView{
			What: "the device " + l.Name, Assumed: "up", Effect: "the source only names it",
		})
	}
	b.multipathUnknown()
}

func (b *builder) multipathUnknown() {
	if !b.walk.Decision.Undetermined {
		return
	}
	effect := "which of the legs this flow takes"
	if n, ok := b.st.Sysctls.Int("net/ipv4/fib_multipath_hash_seed"); ok && n != 0 {
		b.view.Unknown = append(b.view.Unknown, UnknownView{What: "a field that the multipath hash uses", Effect: effect})
		return
	}
	b.view.Unknown = append(b.view.Unknown, UnknownView{
		What: "the kernel's secret multipath hash seed (net.ipv4.fib_multipath_hash_seed is 0)", Effect: effect,
	})
}

// fieldValue is the value that a field of a flow has.
func fieldValue(w *words, f *rpdb.Flow, name string) string {
	switch name {
	case "mark":
		return hex(uint64(f.Mark))
	case "uid":
		return uidWord(f.UID)
	case "ipproto":
		return w.proto(f.IPProto)
	case "sport":
		return fmt.Sprint(f.SPort)
	case "dport":
		return fmt.Sprint(f.DPort)
	case "tos":
		return hex(uint64(f.TOS))
	case "flowlabel":
		return hex(uint64(f.FlowLabel))
	}
	return fmt.Sprint(f.TunID)
}

// matters reports whether a field that the asker did not set could change the
// answer. With very many rules, whose every boundary would have to be tried, it is
// enough that the walk met a rule that tests the field.
func (b *builder) matters(field rpdb.Fields) bool {
	const most = 1000
	f := b.walk.Flow
	if (b.r.Given|f.Unknown)&field != 0 {
		return false
	}
	if len(b.view.Steps) > most {
		return b.tests(field)
	}
	f.Unknown |= field
	d := b.r.DB.Lookup(&f)
	return d.Depends&field != 0
}

// tests reports whether the walk met a rule that tests a field.
func (b *builder) tests(field rpdb.Fields) bool {
	for i := range b.walk.Lookups {
		for _, s := range b.walk.Lookups[i].Steps {
			if s.Verdict == rpdb.NotReached || s.Verdict == rpdb.JumpedOver {
				continue
			}
			for _, sel := range s.Selectors {
				if fields[sel.Selector] == field {
					return true
				}
			}
		}
	}
	return false
}

// outside says what lies outside the model and could change what happens to this
// very packet.
func (b *builder) outside() {
	b.view.Outside = []OutsideView{}
	f, d := &b.walk.Flow, &b.walk.Decision
	if f.Mark != 0 && f.Unknown&rpdb.FieldMark == 0 {
		b.out("mark", "mark %s is taken as given; what sets it (SO_MARK, nft, iptables) is not looked at", hex(uint64(f.Mark)))
	} else if b.matters(rpdb.FieldMark) {
		b.out("mark", "the mark is taken as 0; SO_MARK, nft or iptables may set another, and that matters here: ask with mark M, or mark ?")
	}
	if f.Family() == rpdb.IPv4 && b.matters(rpdb.FieldIPProto) {
		b.note("the protocol is taken as udp, as the kernel does, and that matters here: ask with ipproto P")
	}
	b.outsideDevices()
	if f.IIF != 0 && d.Err == rpdb.OK && d.Type == rpdb.Unicast && natted(b.w.kind(f.IIF), b.w.dev(f.IIF)) {
		b.out("nat", "%s may lead to containers: routing sees %s before SNAT, and un-DNAT of a reply happens later", b.w.dev(f.IIF), sourceOf(f))
	}
	if d.OIF > rpdb.Loopback || f.IIF > rpdb.Loopback {
		b.out("general", "nft/iptables verdicts and NAT, XFRM, tc/XDP redirects, PMTU and redirect exceptions, cached socket routes")
	}
}

// natted reports whether a device is likely to lead to containers.
func natted(kind, name string) bool {
	if kind == "bridge" || kind == "veth" {
		return true
	}
	for _, p := range []string{"docker", "br-", "cni", "veth", "cali", "podman"} {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

// outsideDevices tells what the devices on the way decide by themselves.
func (b *builder) outsideDevices() {
	seen := map[int]bool{}
	for _, dev := range []int{b.walk.Decision.OIF, b.walk.Flow.IIF} {
		l := b.w.links[dev]
		if l == nil || seen[dev] {
			continue
		}
		seen[dev] = true
		switch l.Kind {
		case "wireguard":
			b.out("wireguard", "%s: WireGuard picks the peer by AllowedIPs and drops what no peer allows", l.Name)
		case "xfrm", "vti", "vti6":
			b.out("xfrm", "%s: IPsec policies decide what becomes of the packet", l.Name)
		case "tun":
			b.out("tun", "%s: the program behind this tun device decides what becomes of the packet", l.Name)
		}
		if hasXDP(l) {
			b.out("xdp", "%s: an XDP program is attached and may redirect or drop the packet", l.Name)
		}
	}
}

func (b *builder) out(topic, format string, args ...any) {
	b.view.Outside = append(b.view.Outside, OutsideView{Topic: topic, Text: fmt.Sprintf(format, args...)})
}

// hasXDP looks for IFLA_XDP with IFLA_XDP_ATTACHED set among the attributes of a
// link that the model does not interpret.
func hasXDP(l *rpdb.Link) bool {
	const iflaXDP, iflaXDPAttached = 43, 2
	for _, a := range l.Extra {
		if a.Type != iflaXDP {
			continue
		}
		// A nested attribute: 16 bits length, 16 bits type in the byte order of the
		// host that sent it; the value is one byte.
		d := a.Data
		for len(d) >= 5 {
			if (d[2] == iflaXDPAttached && d[3]&0x3f == 0) && d[4] != 0 {
				return true
			}
			n := ((int(d[0]) | int(d[1])<<8) + 3) &^ 3
			if n < 4 || n > len(d) {
				break
			}
			d = d[n:]
		}
	}
	return false
}
