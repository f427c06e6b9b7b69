package filter

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
)

// kind is what a word of an expression is.
type kind int

const (
	end      kind = iota
	keyword       // tcp, host, and, ...: text is its canonical spelling
	operator      // ( ) [ ] : ! + - ... : text is it
	number        // 80, 0x50, 0120, tcp-syn: value
	name          // anything else that names something
	ip4           // 10.0.0.1, 10.1: text
	ip6           // ::1
	ether         // 00:11:22:33:44:55: text
)

type token struct {
	kind  kind
	text  string
	value uint32
}

// is says whether the token is one of these keywords or operators.
func (t token) is(words ...string) bool {
	if t.kind != keyword && t.kind != operator {
		return false
	}
	for _, w := range words {
		if t.text == w {
			return true
		}
	}
	return false
}

// synonyms are spellings of keywords that are not their own.
var synonyms = map[string]string{
	"ether": "link", "ppp": "link", "slip": "link", "fddi": "link", "tr": "link", "wlan": "link", "length": "len",
	"&&": "and", "||": "or", "not": "!", "==": "=", "es-is": "esis", "is-is": "isis", "on": "ifname", "ruleset": "rset",
	"rulenum": "rnr", "subrulenum": "srnr", "dir": "direction", "address1": "addr1", "address2": "addr2",
	"address3": "addr3", "address4": "addr4", "lsu": "lssu",
}

// keywords are all words that mean something by themselves.
var keywords = wordSet("dst src link arp rarp ip sctp tcp udp icmp igmp igrp pim vrrp carp radio ip6 icmp6 ah esp atalk aarp decnet lat " +
	"sca moprc mopdl iso esis isis l1 l2 iih lsp snp csnp psnp clnp stp ipx netbeui host net mask port portrange proto protochain " +
	"gateway type subtype direction addr1 addr2 addr3 addr4 ra ta less greater byte broadcast multicast and or len inbound outbound " +
	"ifindex vlan mpls pppoed pppoes geneve lane llc metac bcc oam oamf4 oamf4ec oamf4sc sc ilmic vpi vci connectmsg metaconnect " +
	"ifname rset rnr srnr reason action fisu lssu msu hfisu hlssu hmsu sio opc dpc sls hsio hopc hdpc hsls")

func wordSet(words string) map[string]bool {
	set := make(map[string]bool)
	for _, w := range strings.Fields(words) {
		set[w] = true
	}
	return set
}

// constants are the names of numbers.
var constants = map[string]uint32{
	"icmptype": 0, "icmpcode": 1, "icmp-echoreply": 0, "icmp-unreach": 3, "icmp-sourcequench": 4, "icmp-redirect": 5, "icmp-echo": 8,
	"icmp-routeradvert": 9, "icmp-routersolicit": 10, "icmp-timxceed": 11, "icmp-paramprob": 12, "icmp-tstamp": 13, "icmp-tstampreply": 14,
	"icmp-ireq": 15, "icmp-ireqreply": 16, "icmp-maskreq": 17, "icmp-maskreply": 18,
	"icmp6type": 0, "icmp6code": 1, "icmp6-destinationunreach": 1, "icmp6-packettoobig": 2, "icmp6-timeexceeded": 3, "icmp6-parameterproblem": 4,
	"icmp6-echo": 128, "icmp6-echoreply": 129, "icmp6-multicastlistenerquery": 130, "icmp6-multicastlistenerreportv1": 131,
	"icmp6-multicastlistenerdone": 132, "icmp6-routersolicit": 133, "icmp6-routeradvert": 134, "icmp6-neighborsolicit": 135,
	"icmp6-neighboradvert": 136, "icmp6-redirect": 137, "icmp6-routerrenum": 138, "icmp6-nodeinformationquery": 139,
	"icmp6-nodeinformationresponse": 140, "icmp6-ineighbordiscoverysolicit": 141, "icmp6-ineighbordiscoveryadvert": 142,
	"icmp6-multicastlistenerreportv2": 143, "icmp6-homeagentdiscoveryrequest": 144, "icmp6-homeagentdiscoveryreply": 145,
	"icmp6-mobileprefixsolicit": 146, "icmp6-mobileprefixadvert": 147, "icmp6-certpathsolicit": 148, "icmp6-certpathadvert": 149,
	"icmp6-multicastrouteradvert": 151, "icmp6-multicastroutersolicit": 152, "icmp6-multicastrouterterm": 153,
	"tcpflags": 13, "tcp-fin": 0x01, "tcp-syn": 0x02, "tcp-rst": 0x04, "tcp-push": 0x08, "tcp-ack": 0x10, "tcp-urg": 0x20, "tcp-ece": 0x40, "tcp-cwr": 0x80,
}

// The longest match decides what a word is; of equal ones the first in this order, as
// libpcap's scanner has it.
var (
	spaces     = regexp.MustCompile(`^[ \r\n\t]+`)
	operators  = regexp.MustCompile(`^(?:>=|<=|!=|==|<<|>>|&&|\|\||[-+*/%:\[\]!<>()&|^=])`)
	identifier = regexp.MustCompile(`^[A-Za-z0-9](?:[-_.A-Za-z0-9]*[.A-Za-z0-9])?`)
	etherAddr  = regexp.MustCompile(`^(?:B:B:B:B:B:B|B-B-B-B-B-B|B\.B\.B\.B\.B\.B|B2\.B2\.B2|(?:B2){3})`)
	numeral    = regexp.MustCompile(`^(?:0[xX][0-9A-Fa-f]+|[0-9]+)`)
	ip4Addr    = regexp.MustCompile(`^N(?:\.N){1,3}`)
	colons     = regexp.MustCompile(`^[0-9A-Fa-f:]*:[0-9A-Fa-f:]*(?:[0-9]+(?:\.[0-9]+){3})?`)
	etherLike  = regexp.MustCompile(`^[0-9A-Fa-f]{1,2}:+(?:[0-9A-Fa-f]{1,2}:+)+`)
	escaped    = regexp.MustCompile(`^\\[^ !()\n\t]+`)
)

func init() {
	const n, b2, b = `(?:0[xX][0-9A-Fa-f]+|[0-9]+)`, `[0-9A-Fa-f]{4}`, `[0-9A-Fa-f]{1,2}`
	e := strings.NewReplacer("B2", b2, "B", b).Replace(etherAddr.String())
	etherAddr = regexp.MustCompile(e)
	etherAddr.Longest()
	numeral.Longest()
	ip4Addr = regexp.MustCompile(strings.ReplaceAll(ip4Addr.String(), "N", n))
	ip4Addr.Longest()
	operators.Longest()
}

// errSyntax is what an expression is that no rule fits.
var errSyntax = errors.New("can't parse filter expression: syntax error")

// lex divides an expression into tokens, with an end token behind them.
func lex(s string) ([]token, error) {
	var tokens []token
	for {
		s = s[len(spaces.FindString(s)):]
		if s == "" {
			return append(tokens, token{kind: end}), nil
		}
		// No word goes on behind a blank or a parenthesis; what follows need not be looked at.
		n := 1
		for n < len(s) && strings.IndexByte(" \r\n\t()", s[n]) < 0 {
			n++
		}
		t, n, err := next(s[:n])
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, t)
		s = s[n:]
	}
}

// next reads the token that s begins with, and its length.
func next(s string) (token, int, error) {
	if t, n, ok := colonAddress(s); ok {
		return t, n, colonError(t)
	}
	mac, num, dotted, id := etherAddr.FindString(s), numeral.FindString(s), ip4Addr.FindString(s), identifier.FindString(s)
	longest := max(len(mac), len(num), len(dotted), len(id))
	switch {
	case longest == 0:
	case len(mac) == longest:
		return token{kind: ether, text: mac}, longest, nil
	case len(num) == longest:
		v, err := parseNumber(num)
		return token{kind: number, text: num, value: v}, longest, err
	case len(dotted) == longest:
		return token{kind: ip4, text: dotted}, longest, nil
	default:
		return word(id), longest, nil
	}
	if op := operators.FindString(s); op != "" {
		t := token{kind: operator, text: op}
		if w, ok := synonyms[op]; ok {
			t.text = w
		}
		if t.text == "and" || t.text == "or" {
			t.kind = keyword
		}
		return t, len(op), nil
	}
	if e := escaped.FindString(s); e != "" {
		return token{kind: name, text: e[1:]}, len(e), nil
	}
	return token{}, 0, errSyntax
}

// colonAddress reads an address with colons, where it is longer than any other word.
func colonAddress(s string) (token, int, bool) {
	c := colons.FindString(s)
	if c == "" || c == ":" || len(c) <= len(identifier.FindString(s)) {
		return token{}, 0, false
	}
	if m := etherAddr.FindString(s); len(m) >= len(c) {
		return token{}, 0, false
	}
	// The longest beginning that is written like an IPv6 address is one. Others, such as
	// the 0:4 of ip[0:4], are not addresses.
	for n := len(c); n > 1; n-- {
		if a, err := netip.ParseAddr(c[:n]); err == nil && a.Is6() {
			if m := etherAddr.FindString(s); len(m) >= n {
				return token{}, 0, false
			}
			return token{kind: ip6, text: c[:n]}, n, true
		}
	}
	if e := etherLike.FindString(s); len(e) > len(etherAddr.FindString(s)) {
		return token{kind: ether, text: e}, len(e), true
	}
	return token{}, 0, false
}

// colonError says what is wrong with a word with colons that is no address.
func colonError(t token) error {
	if t.kind == ether {
		return fmt.Errorf("bogus ethernet address %s", t.text)
	}
	return nil
}

func word(id string) token {
	w := id
	if s, ok := synonyms[id]; ok {
		w = s
	}
	if w == "!" {
		return token{kind: operator, text: w}
	}
	if keywords[w] {
		return token{kind: keyword, text: w}
	}
	if v, ok := constants[id]; ok {
		return token{kind: number, text: id, value: v}
	}
	return token{kind: name, text: id}
}

// parseNumber reads a number of 32 bits: hexadecimal, octal or decimal.
func parseNumber(s string) (uint32, error) {
	base, digits := uint64(10), s
	if s[0] == '0' {
		base = 8
		if len(s) > 1 && (s[1] == 'x' || s[1] == 'X') {
			base, digits = 16, s[2:]
		}
	}
	var n uint64
	for _, c := range []byte(strings.ToLower(digits)) {
		d := uint64(c - '0')
		if c >= 'a' {
			d = uint64(c-'a') + 10
		}
		if d >= base {
			return 0, fmt.Errorf("number %s contains non-octal digit", s)
		}
		if n = n*base + d; n > 1<<32-1 {
			return 0, fmt.Errorf("number %s overflows 32 bits", s)
		}
	}
	return uint32(n), nil
}
