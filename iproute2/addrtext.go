package iproute2

import (
	"strconv"
	"strings"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// FormatAddr prints an address as ip address does below its device's lines
// (print_addrinfo): two lines, indented, without the last newline. With OneLine it
// is the line of ip -o, which begins with the device. One that no message can tell of
// is empty.
func FormatAddr(a *rpdb.Addr, o *Options) string {
	return strings.TrimSuffix(addrRecord(a, o, false).Text(), "\n")
}

// AddrJSON returns an address as it stands in addr_info of ip -j address.
func AddrJSON(a *rpdb.Addr, o *Options) Object { return addrRecord(a, o, true).Object() }

func addrRecord(a *rpdb.Addr, o *Options, json bool) *Record {
	r := NewRecord(o, json)
	if body, err := rtnl.EncodeAddr(*a); err == nil {
		m := netlink.Message{Header: netlink.Header{Type: rtnl.RTMNewAddr}, Data: body}
		PrintAddr(r, m, !json && o != nil && o.OneLine)
	}
	return r
}

// formatAddrPeer prints LOCAL/LEN, or LOCAL peer PEER/LEN.
func formatAddrPeer(a *rpdb.Addr) string {
	s := formatAddr(a.Local)
	if a.Peer.IsValid() {
		s += " peer " + formatAddr(a.Peer)
	}
	return s + "/" + strconv.Itoa(int(a.PrefixLen))
}
