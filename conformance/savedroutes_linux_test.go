package conformance

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rulewalk/rulewalk/internal/testns"
)

// savedSetup is what both hosts have before routes are restored; savedRoutes is what
// the kernel's has besides, as commands of the real ip.
var savedSetup = []string{
	"ip link set lo up",
	"ip link add v0 index 10 address 02:00:00:00:00:10 type veth peer name v1 index 11 address 02:00:00:00:00:11",
	"ip link set v0 addrgenmode none", "ip link set v1 addrgenmode none", "ip link set v0 up", "ip link set v1 up",
	"ip addr add 192.0.2.1/24 dev v0", "ip -6 addr add 2001:db8::1/64 dev v0 nodad",
}

var savedRoutes = []string{
	"ip route add default via 192.0.2.9 metric 100 mtu lock 1400 advmss 1000",
	"ip route add 198.51.100.0/24 nexthop via 192.0.2.8 weight 3 nexthop via 192.0.2.9 onlink dev v0",
	"ip route add 198.51.101.0/24 via inet6 2001:db8::9 dev v0",
	"ip route add 203.0.113.0/25 dev v0 scope link src 192.0.2.1 tos 0x10 proto bird",
	"ip route add unreachable 203.0.113.128/25 metric 7", "ip route add throw 203.0.114.0/24", "ip route add blackhole 203.0.115.0/24 realm 4/5",
	"ip route add 203.0.116.0/24 encap ip id 7 dst 10.9.9.9 dev v0", "ip route add prohibit 203.0.117.0/24 table 7",
	"ip -6 route add default via 2001:db8::9 metric 100 pref high", "ip -6 route add 2001:db8:1::/48 nexthop via 2001:db8::8 nexthop via 2001:db8::9 weight 4",
	"ip -6 route add 2001:db8:2::/48 from 2001:db8::/32 dev v0 expires 500", "ip -6 route add unreachable 2001:db8:3::/48 metric 9",
	"ip -6 route add 2001:db8:4::/48 encap seg6 mode encap segs 2001:db8::5,2001:db8::6 dev v0",
	"ip -6 route add 2001:db8:5::/48 via 2001:db8::9 src 2001:db8::1 table 7",
}

// TestSavedRoutes takes what the real ip saves on the kernel into an emulated host and
// what that one saves back to the kernel: byte for byte the same, but for the sequence
// number and the port of each message, which are those of whoever asked. Both say the
// same about the routes that are there already.
func TestSavedRoutes(t *testing.T) {
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("no ip: install iproute2")
	}
	for _, list := range []string{"-4 route save", "-6 route save", "-4 route save table 7", "-6 route save table 7"} {
		t.Run(list, func(t *testing.T) {
			restore := strings.Fields(list)[0] + " route restore"
			first, _ := realIP(t, slices.Concat(savedSetup, savedRoutes), list, nil, "")

			h := newGoldenHost(t)
			for _, line := range savedSetup {
				if _, errs, status := h.shell(line); status != 0 {
					t.Fatalf("%s: %s", line, errs)
				}
			}
			_, said, status := h.ip(context.Background(), strings.Fields(restore), string(first))
			if status != 0 {
				t.Fatalf("ip %s: status %d: %s", restore, status, said)
			}
			out, _, _ := h.ip(context.Background(), strings.Fields(list), "")
			compareSaved(t, "kernel", first, "emulation", []byte(out))

			back, realSaid := realIP(t, savedSetup, list, []byte(out), restore)
			compareSaved(t, "kernel", first, "kernel again", back)
			if said != realSaid {
				t.Errorf("ip %s says %q, the real one %q", restore, said, realSaid)
			}
		})
	}
}

// realIP plays commands in a fresh namespace of the kernel, restores what is given, and
// returns what is saved.
func realIP(t *testing.T, lines []string, list string, given []byte, restore string) (saved []byte, said string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "saved")
	script := "set -e\n" + strings.Join(lines, "\n") + "\n"
	if given != nil {
		if err := os.WriteFile(file, given, 0o600); err != nil {
			t.Fatal(err)
		}
		script += "ip " + restore + " <" + file + "\n"
	}
	var out, errs bytes.Buffer
	err := testns.New(t).Do(func() error {
		cmd := exec.Command("sh", "-c", script+"ip "+list+" | cat")
		cmd.Stdout, cmd.Stderr = &out, &errs
		return cmd.Run()
	})
	if err != nil {
		t.Fatalf("%v: %s", err, &errs)
	}
	return out.Bytes(), errs.String()
}

func compareSaved(t *testing.T, nameA string, a []byte, nameB string, b []byte) {
	t.Helper()
	x, y := savedMessages(t, nameA, a), savedMessages(t, nameB, b)
	for i := range max(len(x), len(y)) {
		var p, q []byte
		if i < len(x) {
			p = x[i]
		}
		if i < len(y) {
			q = y[i]
		}
		if !bytes.Equal(p, q) {
			t.Errorf("message %d:\n%s: %s\n%s: %s", i, nameA, describe(p), nameB, describe(q))
		}
	}
}

// savedMessages cuts a file into its messages, without what is another one each time.
func savedMessages(t *testing.T, name string, b []byte) [][]byte {
	t.Helper()
	if len(b) < 4 {
		t.Fatalf("%s saved %d bytes", name, len(b))
	}
	out := [][]byte{append(bytes.Repeat([]byte{0}, nlHeader), b[:4]...)} // the magic number
	list, err := splitMessages(nil, b[4:])
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range list {
		binary.NativeEndian.PutUint64(m[8:], 0) // sequence number and port
		mask(m)
		out = append(out, m)
	}
	return out
}
