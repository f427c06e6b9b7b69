package filter

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// written are expressions as people write them, right and wrong.
var written = strings.Split(strings.TrimSpace(`
host 10.0.0.1
src host 10.0.0.1 and dst port 5001
net 10.0.0.0/8
net 10
net 10.0.0.0 mask 255.255.0.0
src net 10.0.0 or dst net 2001:db8::/32
ip6 host fe80::2
host 2001:db8::1 and not port 53
port 80 or 443
port 53 or 5353
port domain
tcp port http
udp port http
portrange 5000-5001
portrange 5001-5000
tcp portrange http-90
udp src portrange 1-100
src or dst port 1234
src and dst port 7
dst or src host 10.0.0.2
tcp port 80
udp src port 53
tcp
udp
icmp
icmp6
igmp
gre
ah
esp
sctp
arp
rarp
ip
ip6
stp
ip proto 47
ip proto \icmp
ip proto gre
ip6 proto 58
proto 6
proto \tcp
ether proto 0x0800
ether proto \arp
ether proto stp
ether proto 0x1234
ether host 02:00:00:00:00:01
ether src 02:00:00:00:00:01
ether dst host 02-00-00-00-00-02
ether broadcast
broadcast
multicast
ip multicast
ip6 multicast
ip broadcast
less 60
greater 100
len >= 80
length < 70 and tcp
vlan
vlan 5
vlan and ip
vlan 5 and udp port 2
vlan 10 and vlan 7
vlan and not arp
not vlan and vlan 5
inbound
outbound
ifindex 1
ifname eth0
tcp[tcpflags] & (tcp-syn|tcp-ack) != 0
tcp[tcpflags] & tcp-syn != 0 and tcp[tcpflags] & tcp-ack == 0
tcp[13] = 0x12
tcp[2:2] > 1000
icmp[icmptype] == icmp-echo
icmp[icmptype] != icmp-echo and icmp[icmptype] != icmp-echoreply
icmp6[icmp6type] = icmp6-neighborsolicit
ip[8] < 5
ip[0] & 0xf != 5
ip[2:2] - ((ip[0]&0xf)<<2) > 30
ip6[6] == 17
ether[0] & 1 = 1
ether[12:2] = 0x800
udp[8:4] = 0x68656c6c
-ip[8] = 4294967232
ip[8] % 7 * 2 = 2
ip[8] ^ 1 = 65
len - 1 > 70 and (ip[9] + 1) / 2 = 9
(ip[8] = 64)
(port 80 or port 443) and tcp
not (tcp or udp)
!tcp && !udp || arp
host (10.0.0.1 or 10.0.0.9)
port (53 or 80) and not src 10.0.0.2
host 10.0.0.1 and (10.0.0.2 or 10.0.0.3)
host not 10.0.0.1
src 10.0.0.1 or 10.0.0.2 and tcp
host ((10.0.0.1))
host ((10.0.0.1 or 10.0.0.2) or 10.0.0.9)
host (10.0.0.1 or (10.0.0.2 or 10.0.0.9))
port ((80))
port 80 and ((443) or 53)
port 80 or (not 53 and 443)
tcp or (10.0.0.1)
host localhost
host 127.0.0.1
byte 0 = 2
host
10.0.0.1
port
port 70000
port nosuchservice
host no.such.host.invalid
tcp host 10.0.0.1
icmp port 80
net 10.0.0.1/8
net 10.0.0.0/33
net nosuchnet
host 10.0.0.0/8
port 10.0.0.1
host 10.0.0.300
host 1:2:3
ether host 1:2:3:4:5
ether host nosuch
ether 10.0.0.1
link
tcp[0:3] = 1
tcp[0] / 0 = 1
tcp[0] << 40 = 1
foo
tcp and
and tcp
(tcp
tcp)
tcp udp
tcp port 80 443
arp port 80
src foo bar
ip proto nosuch
tcp proto 6
arp proto 1
src proto 6
gateway foo
gateway 10.0.0.1
port 80 and tcp and 443
99999999999
host 08
ip6 host 10.0.0.1
ip host ::1
port ::1
net ::1/64
net ::1/200
host ::1/64
vlan 5000
portrange 1-2-3
portrange a-b
portrange 1-70000
dst addr1 10.0.0.1
addr1 10.0.0.1
ra 10.0.0.1
#
tcp $
host -
iso
ipx
netbeui
atalk
aarp
decnet
lat
`), "\n")

// generator makes random expressions.
type generator struct{ r *rand.Rand }

func (g *generator) pick(words ...string) string { return words[g.r.IntN(len(words))] }

func (g *generator) some(words ...string) string {
	if g.r.IntN(2) == 0 {
		return ""
	}
	return g.pick(words...) + " "
}

func (g *generator) expression(depth int) string {
	e := g.term(depth)
	for range g.r.IntN(3) {
		e += " " + g.pick("and", "or", "&&", "||") + " "
		if g.r.IntN(6) == 0 {
			e += g.value()
		} else {
			e += g.term(depth)
		}
	}
	return e
}

func (g *generator) term(depth int) string {
	if depth > 0 {
		switch g.r.IntN(8) {
		case 0:
			return "not " + g.term(depth-1)
		case 1:
			return "(" + g.expression(depth-1) + ")"
		}
	}
	switch g.r.IntN(8) {
	case 0, 1:
		return g.host()
	case 2, 3:
		return g.port()
	case 4:
		return g.pick("tcp", "udp", "icmp", "icmp6", "igmp", "arp", "ip", "ip6", "ah", "esp", "sctp", "rarp", "stp")
	case 5, 6:
		return g.arith(2) + " " + g.pick("=", "!=", "<", ">", "<=", ">=", "==") + " " + g.arith(1)
	default:
		return g.pick("vlan", "vlan 5", "vlan 7", "less 70", "greater 90", "multicast", "broadcast", "ip multicast", "ip6 multicast", "ip proto 47", "ip proto 2",
			"proto 58", "ether proto 0x0806", "ether proto 0x86dd", "inbound", "outbound", "ifindex 1", "ip6 proto 44", "ip proto \\ipencap")
	}
}

func (g *generator) value() string {
	return g.pick("10.0.0.1", "10.0.0.2", "53", "80", "2001:db8::1", "fe80::2", "10.0", "4789", "1")
}

func (g *generator) host() string {
	if g.r.IntN(6) == 0 {
		return "ether " + g.some("src", "dst", "src or dst", "src and dst") + g.some("host") + g.pick("02:00:00:00:00:01", "02:00:00:00:00:02", "ff:ff:ff:ff:ff:ff", "0200.0000.0001", "020000000002")
	}
	proto := ""
	if g.r.IntN(3) == 0 {
		proto = g.pick("ip", "arp", "ip6", "rarp") + " "
	}
	direction := g.some("src", "dst", "src or dst", "dst or src", "src and dst")
	if g.r.IntN(3) == 0 {
		return proto + direction + "net " + g.pick("10", "10.0", "10.0.0.0/8", "10.0.0.0/31", "2001:db8::/32", "fe80::/10", "0.0.0.0/0", "::/0", "10.0.0.0 mask 255.255.255.254", "127.0.0.0/8")
	}
	return proto + direction + "host " + g.pick("10.0.0.1", "10.0.0.2", "10.0.0.9", "2001:db8::1", "fe80::2", "0x0a.0.0.1", "::1", "10.0.0.254")
}

func (g *generator) port() string {
	proto := ""
	if g.r.IntN(2) == 0 {
		proto = g.pick("tcp", "udp", "sctp") + " "
	}
	direction := g.some("src", "dst", "src or dst", "src and dst")
	if g.r.IntN(3) == 0 {
		return proto + direction + "portrange " + g.pick("1-100", "5000-5001", "50000-40000", "53-53", "domain-http", "80")
	}
	return proto + direction + "port " + g.pick("53", "80", "http", "domain", "1234", "5000", "50001", "0x1388", "7", "4789", "40000")
}

func (g *generator) arith(depth int) string {
	if depth > 0 && g.r.IntN(3) == 0 {
		e := g.arith(depth-1) + g.pick("+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>", " & ", " + ") + g.arith(depth-1)
		if g.r.IntN(2) == 0 && strings.Contains(e, "[") {
			return "(" + e + ")"
		}
		return e
	}
	switch g.r.IntN(8) {
	case 0:
		return "len"
	case 1, 2:
		return fmt.Sprint(g.r.IntN(70))
	case 3:
		return g.pick("tcp[tcpflags]", "icmp[icmptype]", "icmp[icmpcode]", "icmp6[icmp6type]", "tcp-syn", "tcp-ack", "0x10", "icmp-unreach", "tcp[12]", "-tcp[1]")
	default:
		size := g.pick("", ":1", ":2", ":4")
		return fmt.Sprintf("%s[%d%s]", g.pick("ip", "tcp", "udp", "ether", "ip6", "icmp", "arp", "icmp6", "igmp"), g.r.IntN(24), size)
	}
}
