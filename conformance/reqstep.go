package conformance

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// reqStep is one step of a program: a datagram sent, or a sysctl written.
type reqStep struct {
	data []byte // the datagram; nil: a sysctl
	sock reqSock
	// op is what the request began as, nil if it is known by its text alone.
	op   Op
	text string
	// spoilt says how the bytes differ from op or text, empty if they do not.
	spoilt string
	settle bool // something may go on behind the answer
	pause  bool // a timer of a neighbour may be due at once
	grace  bool // the answer hangs on what RCU may not have done yet
}

// reqProgram is what a fresh namespace goes through, and how it was drawn.
type reqProgram struct {
	area   string
	seed   uint64
	number uint64
	steps  []reqStep
}

// typ returns the type of the (first) message of a step, and its family.
func (s *reqStep) typ() (netlink.HeaderType, rpdb.Family) {
	if len(s.data) < nlHeader {
		return 0, 0
	}
	var f rpdb.Family
	if len(s.data) > nlHeader {
		f = rpdb.Family(s.data[nlHeader])
	}
	return netlink.HeaderType(binary.NativeEndian.Uint16(s.data[4:])), f
}

// datagram makes the one message that a step sends.
func datagram(m netlink.Message, seq uint32) []byte {
	m.Header.Sequence = seq
	m.Header.Length = 0
	return rtnl.AppendMessage(nil, m)
}

// reqCommands writes steps as shell commands where ip can send them, else as bytes.
func reqCommands(steps []reqStep) []string {
	n := newNames()
	var out []string
	for i := range steps {
		out = append(out, steps[i].command(n)...)
	}
	return out
}

func (s *reqStep) command(n *names) []string {
	text := s.text
	if s.op != nil {
		text = s.op.command(n)
	}
	if s.data == nil {
		return []string{text}
	}
	if s.spoilt == "" && s.sock == sockIP {
		return []string{text}
	}
	lines := []string{text}
	if s.spoilt != "" {
		lines[0] = "# " + text + ", but " + s.spoilt
	}
	lines[0] += fmt.Sprintf("  # through a socket with: %s", s.sock)
	if s.spoilt != "" {
		lines = append(lines, "#   "+describe(s.data), "#   "+hex.EncodeToString(s.data))
	}
	return lines
}

var reqTypes = map[netlink.HeaderType]string{
	netlink.Error: "ERROR", netlink.Done: "DONE",
	16: "NEWLINK", 17: "DELLINK", 18: "GETLINK", 19: "SETLINK", 20: "NEWADDR", 21: "DELADDR", 22: "GETADDR",
	24: "NEWROUTE", 25: "DELROUTE", 26: "GETROUTE", 28: "NEWNEIGH", 29: "DELNEIGH", 30: "GETNEIGH",
	32: "NEWRULE", 33: "DELRULE", 34: "GETRULE", 52: "NEWPREFIX", 72: "NEWADDRLABEL", 73: "DELADDRLABEL", 74: "GETADDRLABEL",
	80: "NEWNETCONF", 81: "DELNETCONF", 82: "GETNETCONF", 104: "NEWNEXTHOP", 105: "DELNEXTHOP", 106: "GETNEXTHOP",
	108: "NEWLINKPROP", 109: "DELLINKPROP", 116: "NEWNEXTHOPBUCKET", 118: "GETNEXTHOPBUCKET",
}

func typeName(t netlink.HeaderType) string {
	if s, ok := reqTypes[t]; ok {
		return s
	}
	return fmt.Sprintf("type %d", t)
}

// reqHeaderLen is the size of the family header of a message of a type.
func reqHeaderLen(t netlink.HeaderType) int {
	switch t &^ 3 {
	case 16, 108: // links
		return 16
	case 20, 56, 104, 116, 72: // addresses, groups, nexthops, labels
		if t >= 72 && t < 76 {
			return 12
		}
		return 8
	case 24, 28, 32: // routes, neighbours, rules
		return 12
	case 80:
		return 4
	}
	return 4
}

// describe tells a message in one line: header, family header, attributes.
func describe(m []byte) string {
	if len(m) < nlHeader {
		return fmt.Sprintf("%d bytes", len(m))
	}
	t := netlink.HeaderType(binary.NativeEndian.Uint16(m[4:]))
	flags := binary.NativeEndian.Uint16(m[6:])
	body := m[nlHeader:]
	var b strings.Builder
	fmt.Fprintf(&b, "%s len %d flags 0x%x seq %d port %d", typeName(t), binary.NativeEndian.Uint32(m), flags,
		binary.NativeEndian.Uint32(m[8:]), binary.NativeEndian.Uint32(m[12:]))
	if t == netlink.Error || t == netlink.Done {
		describeOutcome(&b, t, netlink.HeaderFlags(flags), body)
		return b.String()
	}
	h := min(reqHeaderLen(t), len(body))
	fmt.Fprintf(&b, " [%x]", body[:h])
	describeAttrs(&b, body[h:])
	return b.String()
}

func describeAttrs(b *strings.Builder, rest []byte) {
	for len(rest) >= 4 {
		n := int(binary.NativeEndian.Uint16(rest))
		if n < 4 || n > len(rest) {
			break
		}
		fmt.Fprintf(b, " %d:%x", binary.NativeEndian.Uint16(rest[2:]), rest[4:n])
		rest = rest[min((n+3)&^3, len(rest)):]
	}
	if len(rest) > 0 {
		fmt.Fprintf(b, " rest:%x", rest)
	}
}

// Attributes of an outcome (enum nlmsgerr_attrs).
var outcomeAttrs = [...]string{1: "msg", 2: "offset", 3: "cookie", 4: "policy", 5: "missing", 6: "missing in"}

func describeOutcome(b *strings.Builder, t netlink.HeaderType, flags netlink.HeaderFlags, body []byte) {
	o, ok := parseOutcome(t, flags, body)
	if !ok {
		fmt.Fprintf(b, " [%x]", body)
		return
	}
	fmt.Fprintf(b, " %s", errnoName(o.errno))
	if len(o.echo) > nlHeader {
		fmt.Fprintf(b, " with %d bytes of the request", len(o.echo))
	}
	for _, a := range o.attrs {
		name := fmt.Sprint(a.typ)
		if int(a.typ) < len(outcomeAttrs) {
			name = outcomeAttrs[a.typ]
		}
		switch {
		case a.typ == 1:
			fmt.Fprintf(b, " %s %q", name, strings.TrimRight(string(a.data), "\x00"))
		case len(a.data) == 4:
			fmt.Fprintf(b, " %s %d", name, binary.NativeEndian.Uint32(a.data))
		default:
			fmt.Fprintf(b, " %s %x", name, a.data)
		}
	}
}

func errnoName(e rpdb.Errno) string {
	if e == rpdb.OK {
		return "OK"
	}
	return e.Name()
}

// outcome is an acknowledgement, a refusal, or the end of a dump.
type outcome struct {
	errno rpdb.Errno
	echo  []byte // the request, or its header
	attrs []rawAttr
	left  []byte // what is no attribute
}

func parseOutcome(t netlink.HeaderType, flags netlink.HeaderFlags, body []byte) (o outcome, ok bool) {
	if len(body) < 4 {
		return o, false
	}
	o.errno = rpdb.Errno(-int32(binary.NativeEndian.Uint32(body)))
	rest := body[4:]
	if t == netlink.Error {
		if len(rest) < nlHeader {
			return o, false
		}
		n := nlHeader
		if flags&netlink.Capped == 0 {
			n = min((int(binary.NativeEndian.Uint32(rest))+3)&^3, len(rest))
		}
		if n < nlHeader {
			return o, false
		}
		o.echo, rest = rest[:n], rest[n:]
	}
	o.attrs, o.left = splitAttrs(rest)
	return o, true
}

// text is the kernel's message.
func (o *outcome) text() string {
	for _, a := range o.attrs {
		if a.typ == 1 {
			return strings.TrimRight(string(a.data), "\x00")
		}
	}
	return ""
}

// rawAttr is one attribute as it stands in a message.
type rawAttr struct {
	typ  uint16 // with its flags
	data []byte
}

func splitAttrs(b []byte) (attrs []rawAttr, left []byte) {
	for len(b) >= 4 {
		n := int(binary.NativeEndian.Uint16(b))
		if n < 4 || n > len(b) {
			break
		}
		attrs = append(attrs, rawAttr{binary.NativeEndian.Uint16(b[2:]), b[4:n]})
		b = b[min((n+3)&^3, len(b)):]
	}
	return attrs, b
}

func (a rawAttr) kind() uint16 { return a.typ &^ 0xc000 }

func joinAttrs(attrs []rawAttr) []byte {
	var b []byte
	for _, a := range attrs {
		b = append(b, attr(a.typ, a.data)...)
	}
	return b
}
