package iproute2

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// FormatLink prints a device as ip link does, without the last newline: its line,
// its hardware address, and its alternative names. Of what ip -d adds, only the
// kind and the table of a VRF are in the model.
func FormatLink(l *rpdb.Link, o *Options) string {
	return formatLink(l, o, "mode DEFAULT ")
}

// FormatAddrHead prints the lines of a device that stand above its addresses in ip
// address: those of FormatLink without the mode.
func FormatAddrHead(l *rpdb.Link, o *Options) string { return formatLink(l, o, "") }

func formatLink(l *rpdb.Link, o *Options, mode string) string {
	var b strings.Builder
	b.WriteString(strconv.Itoa(l.Index) + ": " + l.Name + peerSuffix(l, o))
	b.WriteString(": <" + strings.Join(linkFlagWords(l, o), ",") + "> mtu " + utoa(l.MTU) + " ")
	if l.Qdisc != "" {
		b.WriteString("qdisc " + l.Qdisc + " ")
	}
	if l.Master != 0 {
		b.WriteString("master " + o.dev(l.Master) + " ")
	}
	b.WriteString("state " + operStateWord(l.Operstate) + " " + mode + "group " + o.names().Group(l.Group) + " ")
	if l.TxQLen != 0 {
		b.WriteString("qlen " + utoa(l.TxQLen))
	}
	b.WriteString(o.nl() + "    link/" + o.names().linkType(l.Type) + " ")
	if len(l.Address) > 0 {
		b.WriteString(FormatLLAddr(l.Address) + " " + broadcastWord(l) + " " + FormatLLAddr(linkBroadcast(l)))
	}
	if id, ok := linkNetNSID(l); ok {
		b.WriteString(" link-netnsid " + strconv.Itoa(id))
	}
	if o.details() && l.Kind != "" {
		b.WriteString(o.nl() + "    " + l.Kind + " ")
		if l.IsVRF() {
			b.WriteString("table " + o.names().Table(l.VRFTable) + " ")
		}
	}
	for _, a := range l.AltNames {
		b.WriteString(o.nl() + "    altname " + a)
	}
	return b.String()
}

// peerSuffix returns @NAME of the device that this one is on or a pair with, @ifN
// if that is in another namespace.
func peerSuffix(l *rpdb.Link, o *Options) string {
	if l.Peer == 0 {
		return ""
	}
	if _, other := linkNetNSID(l); other {
		return "@if" + strconv.Itoa(l.Peer)
	}
	return "@" + o.dev(l.Peer)
}

// linkFlagWords returns the words between the angle brackets. Those of a peer that
// is down need o.Links to be a *LinkTable.
func linkFlagWords(l *rpdb.Link, o *Options) []string {
	words := flagWordsOf(l.Flags)
	if _, other := linkNetNSID(l); l.Peer != 0 && !other && o != nil {
		if t, ok := o.Links.(*LinkTable); ok {
			if p := t.Link(l.Peer); p != nil && !p.Up() {
				words = append(words, "M-DOWN")
			}
		}
	}
	return words
}

// flagWordsOf returns the words for a device's flags, without that of its pair.
func flagWordsOf(flags uint32) []string {
	words := []string{}
	if flags&rpdb.IFFUp != 0 && flags&rpdb.IFFRunning == 0 {
		words = append(words, "NO-CARRIER")
	}
	flags &^= rpdb.IFFRunning
	for _, f := range linkFlags {
		if flags&f.bit != 0 {
			words = append(words, f.name)
			flags &^= f.bit
		}
	}
	if flags != 0 {
		words = append(words, strconv.FormatUint(uint64(flags), 16))
	}
	return words
}

func operStateWord(s uint8) string {
	if int(s) < len(operStates) {
		return operStates[s]
	}
	return "0x" + strconv.FormatUint(uint64(s), 16)
}

func linkNetNSID(l *rpdb.Link) (int, bool) {
	for _, a := range l.Extra {
		if a.Type == nla.IFLALinkNetNSID && len(a.Data) == 4 {
			return int(int32(binary.NativeEndian.Uint32(a.Data))), true
		}
	}
	return 0, false
}

// netNSID is the attribute for a peer in another namespace.
func netNSID(id uint32) rpdb.Attr {
	return rpdb.Attr{Type: nla.IFLALinkNetNSID, Data: binary.NativeEndian.AppendUint32(nil, id)}
}

// linkBroadcast returns the hardware broadcast address: the kernel's, or else all
// ones, for loopback zero.
func linkBroadcast(l *rpdb.Link) []byte {
	for _, a := range l.Extra {
		if a.Type == nla.IFLABroadcast {
			return a.Data
		}
	}
	b := make([]byte, len(l.Address))
	if !l.IsLoopback() {
		for i := range b {
			b[i] = 0xff
		}
	}
	return b
}

func broadcastWord(l *rpdb.Link) string {
	if l.Flags&rpdb.IFFPointopt != 0 {
		return "peer"
	}
	return "brd"
}

// FormatLLAddr prints a hardware address as ip does (ll_addr_n2a for Ethernet).
func FormatLLAddr(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	s := hex.EncodeToString(b)
	var out strings.Builder
	for i := 0; i < len(s); i += 2 {
		if i > 0 {
			out.WriteByte(':')
		}
		out.WriteString(s[i : i+2])
	}
	return out.String()
}

// linkType returns the name of a hardware type, or [N].
func (n *Names) linkType(t uint16) string {
	if !n.Numeric {
		for name, v := range linkTypes {
			if v == t {
				return name
			}
		}
	}
	return "[" + strconv.Itoa(int(t)) + "]"
}
