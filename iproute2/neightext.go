package iproute2

import (
	"strings"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// FormatNeigh prints a neighbour as ip neigh does (print_neigh), without the
// newline; one that no message can tell of is empty.
func FormatNeigh(e *rpdb.Neigh, o *Options) string {
	return strings.TrimSuffix(neighRecord(e, o, false).Text(), "\n")
}

// NeighJSON returns a neighbour as ip -j neigh prints it.
func NeighJSON(e *rpdb.Neigh, o *Options) Object { return neighRecord(e, o, true).Object() }

func neighRecord(e *rpdb.Neigh, o *Options, json bool) *Record {
	r := NewRecord(o, json)
	if body, err := rtnl.EncodeNeigh(*e); err == nil {
		PrintNeigh(r, netlink.Message{Header: netlink.Header{Type: rtnl.RTMNewNeigh}, Data: body}, false)
	}
	return r
}
