package netns_test

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/internal/testns"
	"github.com/rulewalk/rulewalk/netns"
)

// Requests about multicast databases are refused as by the kernel, where the device has
// none.
func TestMulticastDatabaseRefusals(t *testing.T) {
	for _, strict := range []bool{false, true} {
		d := newDuel(t, testns.New(t), netns.New(), 1, strict)
		seq := uint32(0)
		ask := func(typ netlink.HeaderType, flags netlink.HeaderFlags, body []byte) {
			t.Helper()
			seq++
			h := netlink.Header{Type: typ, Flags: netlink.Request | flags, Sequence: seq}
			if diff := d.ask(t, h, slices.Clone(body), slices.Clone(body)); diff != "" {
				t.Errorf("type %d flags 0x%x body %x (-kernel +netns):\n%s", typ, flags, body, diff)
			}
		}
		head := func(index int) []byte { return append([]byte{7, 0, 0, 0}, word(index)...) }
		sound := make([]byte, 28)
		sound[0], sound[8] = 5, 239
		binary.BigEndian.PutUint16(sound[24:], 0x0800)
		bodies := [][]byte{{7}, head(1)[:6], head(0), head(1), head(99), append(head(1), 1, 2), attribute(head(1), 1, sound[:20]), attribute(head(1), 1, append(sound, 0)), attribute(head(1), 3, sound)}
		for at := range sound {
			for _, v := range []byte{0, 1, 2, 8, 224, 255} {
				e := slices.Clone(sound)
				e[at] = v
				bodies = append(bodies, attribute(head(1), 1, e))
			}
		}
		zero := make([]byte, 28)
		six := slices.Clone(zero)
		six[8], six[9], six[23] = 0xff, 2, 1
		binary.BigEndian.PutUint16(six[24:], 0x86dd)
		bodies = append(bodies, attribute(head(1), 1, zero), attribute(head(1), 1, append(word(5), six[4:]...)), attribute(head(1), 1, six))
		for _, b := range bodies {
			for typ := netlink.HeaderType(84); typ <= 86; typ++ {
				ask(typ, netlink.Acknowledge, b)
			}
			ask(85, netlink.Acknowledge|0x200, b)
			ask(86, netlink.Dump, b)
		}
	}
}
