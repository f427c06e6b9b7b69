package netns_test

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// Old kernels lack settings, and tell fewer of them.
func TestSettingsOfOldKernels(t *testing.T) {
	for _, c := range []struct {
		release string
		has     []string
		lacks   []string
		told6   int // IFLA_INET6_CONF
	}{
		{
			"5.10.0",
			[]string{"net/ipv4/ip_forward", "net/ipv4/nexthop_compat_mode", "net/ipv6/conf/lo/rpl_seg_enabled"},
			[]string{"net/ipv4/fib_multipath_hash_fields", "net/ipv6/conf/all/force_forwarding", "net/ipv4/conf/lo/arp_evict_nocarrier"},
			52,
		},
		{
			"6.12.3",
			[]string{"net/ipv4/fib_multipath_hash_seed", "net/ipv6/conf/lo/ra_honor_pio_pflag"},
			[]string{"net/ipv6/conf/default/force_forwarding", "net/ipv4/tcp_ecn_option"},
			59,
		},
		{"6.18", []string{"net/ipv6/conf/default/force_forwarding", "net/ipv4/tcp_ecn_option"}, nil, 60},
		{"", []string{"net/ipv6/conf/default/force_forwarding"}, nil, 60},
	} {
		ns := netns.NewWorld(netns.Config{Kernel: rpdb.Kernel{Release: c.release}}).New()
		listed := map[string]bool{}
		for _, n := range ns.Sysctls() {
			listed[n] = true
		}
		for _, n := range c.has {
			if _, err := ns.Sysctl(n); err != nil || !listed[n] {
				t.Errorf("%q: %s: %v, listed %v", c.release, n, err, listed[n])
			}
		}
		for _, n := range c.lacks {
			if _, err := ns.Sysctl(n); !errors.Is(err, rpdb.ENOENT) || listed[n] {
				t.Errorf("%q: %s: %v, listed %v", c.release, n, err, listed[n])
			}
		}
		if got := conf6Told(t, ns); got != c.told6 {
			t.Errorf("%q: messages tell %d IPv6 settings, want %d", c.release, got, c.told6)
		}
	}
}

// conf6Told counts the settings in IFLA_AF_SPEC of lo.
func conf6Told(t *testing.T, ns *netns.Namespace) int {
	t.Helper()
	s := ns.Dial()
	defer s.Close()
	for m, err := range s.Do(rtnl.DumpRequest(rtnl.Links)) {
		if err != nil {
			t.Fatal(err)
		}
		b := m.Data[16:]
		for _, typ := range []uint16{26, 10, 2} {
			b = inside(b, typ)
		}
		return len(b) / 4
	}
	return 0
}

// inside returns the payload of an attribute of a list.
func inside(b []byte, typ uint16) []byte {
	for len(b) >= 4 {
		n := int(binary.NativeEndian.Uint16(b))
		if binary.NativeEndian.Uint16(b[2:]) == typ {
			return b[4:n]
		}
		b = b[min((n+3)&^3, len(b)):]
	}
	return nil
}
