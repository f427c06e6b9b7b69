package netns_test

import (
	"testing"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// TestLinkDumpOfOddRequest asks for devices with bytes behind the last attribute. Only
// the end of a dump without rows tells of them.
func TestLinkDumpOfOddRequest(t *testing.T) {
	p := newPair(t)
	d := newDuel(t, p.real, p.ours, 2, false)
	for i, master := range []int{0, 999} {
		body := make([]byte, 16)
		if master != 0 {
			body = attribute(body, nla.IFLAMaster, word(master))
		}
		body = append(body, 1, 2, 0)
		h := netlink.Header{Type: rtnl.RTMGetLink, Flags: netlink.Request | netlink.Dump, Sequence: uint32(i)}
		if master == 0 {
			want, got := d.end(t, h, body)
			if want != got {
				t.Errorf("the end of a dump with rows is %s, ours %s", want, got)
			}
			continue
		}
		if diff := d.ask(t, h, body, body); diff != "" {
			t.Errorf("a dump without rows differs (- kernel, + ours)\n%s", diff)
		}
	}
}

// TestCacheOfMissingTable asks for the cached routes of a table that is not there.
func TestCacheOfMissingTable(t *testing.T) {
	p := newPair(t)
	d := newDuel(t, p.real, p.ours, 2, true)
	for i, family := range []byte{2, 10} {
		const table, cloned = 3, 0x200
		body := []byte{0: family, 4: table, 9: cloned >> 8, 11: 0}
		h := netlink.Header{Type: rtnl.RTMGetRoute, Flags: netlink.Request | netlink.Dump, Sequence: uint32(i)}
		if diff := d.ask(t, h, body, body); diff != "" {
			t.Errorf("family %d differs (- kernel, + ours)\n%s", family, diff)
		}
	}
}
