package ipcmd

import (
	"encoding/binary"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// legs reads the list of nexthops from the cursor on (parse_nexthops).
func (r *routeRequest) legs() {
	var list []byte
	for r.more() {
		if r.word() != "nexthop" {
			r.errorf("Error: \"nexthop\" or end of line is expected instead of \"%s\"\n", r.word())
			panic(exit(255))
		}
		if len(r.args) <= 1 {
			r.errorf("Error: unexpected end of line after \"nexthop\"\n")
			panic(exit(255))
		}
		leg := request{body: make([]byte, 8)} // struct rtnexthop
		r.leg(&leg)
		binary.NativeEndian.PutUint16(leg.body, uint16(len(leg.body)))
		list = append(list, leg.body...)
	}
	if len(list) > 0 {
		r.attr(nla.RTAMultipath, list)
	}
}

// leg reads one nexthop (parse_one_nh). The cursor is on the word nexthop, and ends
// on the word that it does not know.
func (r *routeRequest) leg(leg *request) {
	for r.advance(); r.more(); r.advance() {
		switch w := r.word(); {
		case w == "via":
			r.via(leg)
		case w == "dev":
			i := r.device(r.value())
			if i == 0 {
				r.nodev(r.word())
				r.errorf("Error: cannot parse nexthop\n")
				panic(exit(255))
			}
			binary.NativeEndian.PutUint32(leg.body[4:], uint32(i))
		case w == "weight":
			v, ok := parseUnsigned(r.value(), 0)
			if !ok || v == 0 || v > 256 {
				r.invarg("\"weight\" is invalid\n", r.word())
			}
			leg.body[3] = byte(v - 1)
		case w == "onlink":
			leg.body[2] |= byte(rpdb.NHOnlink)
		case is(w, "realms"):
			leg.u32(nla.RTAFlow, r.call.realms("\"realm\" value is invalid\n"))
		case w == "encap":
			r.encap(leg, nla.RTAEncap, nla.RTAEncapType)
		case w == "as":
			if r.value() == "to" {
				r.value()
			}
			leg.attr(nla.RTANewDst, r.getAddr(r.word(), r.body[rtmFamily]).data)
		default:
			return
		}
	}
}
