package netns_test

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// TestRuleEmptyDeviceName adds rules whose device has an empty name: no flow comes in
// or leaves through it, and no dump shows it.
func TestRuleEmptyDeviceName(t *testing.T) {
	unknown := map[rpdb.Family]netip.Addr{
		rpdb.IPv4: netip.MustParseAddr("198.51.100.1"), rpdb.IPv6: netip.MustParseAddr("2001:db8:f::1"),
	}
	for family, dst := range unknown {
		for _, name := range []uint16{nla.FRAIIFName, nla.FRAOIFName} {
			for _, invert := range []byte{0, 2} { // FIB_RULE_INVERT
				t.Run(fmt.Sprintf("%v attribute %d invert %d", family, name, invert), func(t *testing.T) {
					p := newPair(t)
					d := newDuel(t, p.real, p.ours, 2, true)
					seq := uint32(0)
					ask := func(what string, typ netlink.HeaderType, flags netlink.HeaderFlags, body []byte) {
						seq++
						h := netlink.Header{Type: typ, Sequence: seq, Flags: netlink.Request | flags}
						if diff := d.ask(t, h, body, body); diff != "" {
							t.Errorf("%s differs (- kernel, + ours)\n%s", what, diff)
						}
					}
					rule := []byte{byte(family), 0, 0, 0, 0, 0, 0, 8 /* FR_ACT_PROHIBIT */, invert, 0, 0, 0}
					rule = attribute(attribute(rule, nla.FRAPriority, word(10)), name, []byte{0})
					ask("the rule", rtnl.RTMNewRule, netlink.Acknowledge|netlink.Create, rule)
					question := make([]byte, 12)
					question[0], question[1] = byte(family), byte(dst.BitLen())
					ask("the route", rtnl.RTMGetRoute, netlink.Acknowledge, attribute(question, nla.RTADst, dst.AsSlice()))
					ask("the dump", rtnl.RTMGetRule, netlink.Dump, append([]byte{byte(family)}, make([]byte, 11)...))
				})
			}
		}
	}
}
