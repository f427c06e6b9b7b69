package lab_test

import (
	"testing"

	"github.com/rulewalk/rulewalk/rpdb"
)

// TestListings plays commands whose listings a new world answers always alike.
func TestListings(t *testing.T) {
	c := world(t, rpdb.Kernel{})
	for _, line := range []string{
		"ip link set lo up", "ip link add d0 address 02:00:00:00:00:05 type dummy", "ip link set d0 up", "ip link add red type vrf table 10",
	} {
		if text, status := run(t, c, 0, line); status != 0 {
			t.Fatalf("%s: %d\n%s", line, status, text)
		}
	}
	for _, test := range []struct {
		line, want string
		status     int
	}{
		{"ip vrf", "Name              Table\n-----------------------\nred                  10\n", 0},
		{"ip -j vrf", `[{"name":"red","table":10}]` + "\n", 0},
		{"ip vrf show red", "red 10\n", 0},
		{"ip vrf show d0", "Invalid VRF\n", 255},
		{"ip vrf identify", "", 0},
		{"ip vrf exec d0 true", "Invalid VRF name\n", 255},
		{"ip -4 maddr show dev lo", "1:\tlo\n\tinet  224.0.0.1\n", 0},
		{"ip -6 -o maddr show lo", "1:\tlo\\\tinet6 ff02::1\n1:\tlo\\\tinet6 ff01::1\n", 0},
		{"ip -4 -j maddr show lo", `[{"ifindex":1,"ifname":"lo","maddr":[{"family":"inet","address":"224.0.0.1"}]}]` + "\n", 0},
		{"ip -j maddr show nosuch", "[]\n", 0},
		{"ip addrlabel add prefix 2001:db8::/32 label 7", "", 0},
		{"ip addrlabel add prefix 2001:db8::/32 label 7", "RTNETLINK answers: File exists\n", 2},
		{"ip addrlabel del prefix 2001:db8::/48 label 7", "RTNETLINK answers: No such process\n", 2},
		{"ip ntable", "Object \"ntable\" is unknown, try \"ip help\".\n", 1},
	} {
		got, status := run(t, c, 0, test.line)
		if got != test.want || status != test.status {
			t.Errorf("%s: status %d, want %d\n%q\nwant\n%q", test.line, status, test.status, got, test.want)
		}
	}
}
