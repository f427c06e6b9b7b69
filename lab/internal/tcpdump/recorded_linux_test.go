package tcpdump

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rulewalk/rulewalk/internal/testns"
	"github.com/rulewalk/rulewalk/lab/internal/capture"
	"github.com/rulewalk/rulewalk/lab/internal/packettest"
)

func TestMain(m *testing.M) { testns.Main(m) }

// recordedFlags are the options under which recorded captures are compared.
var recordedFlags = []string{"-n", "-nv", "-nvv", "-ne", "-nq", "-nS", "-nX", "-nA"}

// TestRecorded compares with tcpdump on captures that tcpdump itself makes, of two
// namespaces that talk to one another by the kernel's own stack.
func TestRecorded(t *testing.T) {
	needTcpdump(t)
	if testing.Short() {
		t.Skip("this test waits for hosts that are not there")
	}
	for _, tool := range []string{"ip", "ping", "nc", "traceroute"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("this test records what %s sends: install iproute2, iputils-ping, netcat-openbsd and traceroute", tool)
		}
	}
	files := record(t)
	for name, file := range files {
		for _, flags := range recordedFlags {
			args := []string{flags + "r", "-"}
			want := tcpdump(t, file, args...)
			status, stdout, stderr := run(&host{}, string(file), args...)
			got := result{status, withoutNames(name, stdout), stderr}
			want.stdout = withoutNames(name, want.stdout)
			want.stderr = strings.ReplaceAll(want.stderr, "Warning: interface names might be incorrect\n", "")
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(result{})); diff != "" {
				t.Errorf("%s %s (-tcpdump +ours):\n%s", name, flags, diff)
			}
			if n := strings.Count(want.stdout, "\n"); n < 4 {
				t.Errorf("%s: only %d lines", name, n)
			}
		}
	}
}

// TestNames compares names of ports, hosts and makers of cards with tcpdump's. It runs in
// a namespace of its own, where tcpdump cannot ask a name server.
func TestNames(t *testing.T) {
	needTcpdump(t)
	ns := testns.New(t)
	pkts := packettest.ByLinkType(packettest.Packets())[capture.Ethernet]
	var some []capture.Packet
	for i := 0; i < len(pkts); i += 9 {
		some = append(some, pkts[i])
	}
	file, err := packettest.Pcap(some)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "x.pcap")
	if err := os.WriteFile(name, file, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, flags := range []string{"-r", "-er", "-vr"} {
		want, err := ns.Run("tcpdump", flags, name)
		if err != nil {
			t.Fatal(err)
		}
		_, got, _ := run(&host{}, "", flags, name)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-tcpdump +ours):\n%s", flags, diff)
		}
	}
}

// withoutNames leaves out the interfaces of a capture on any, whose names tcpdump asks
// the machine for.
func withoutNames(name, out string) string {
	if name != Any {
		return out
	}
	lines := strings.Split(out, "\n")
	for i, l := range lines {
		if f := strings.Fields(l); len(f) > 3 && strings.Count(f[0], ":") == 2 && strings.Contains(f[0], ".") {
			rest := strings.TrimPrefix(strings.TrimLeft(l[len(f[0]):], " "), f[1])
			lines[i] = f[0] + " " + strings.TrimLeft(rest, " ")
		}
	}
	return strings.Join(lines, "\n")
}

// record lets hosts talk and returns what tcpdump saw on each interface of the first.
func record(t *testing.T) map[string][]byte {
	t.Helper()
	a, b := testns.New(t), testns.New(t)
	must := func(ns *testns.NS, line string) {
		t.Helper()
		f := strings.Fields(line)
		if _, err := ns.Run(f[0], f[1:]...); err != nil {
			t.Fatal(err)
		}
	}
	may := func(ns *testns.NS, line string) {
		f := strings.Fields(line)
		_, _ = ns.Run(f[0], f[1:]...)
	}
	must(a, fmt.Sprintf("ip link add v0 type veth peer name v1 netns %s", b.Path()))
	for i, ns := range []*testns.NS{a, b} {
		v := fmt.Sprintf("v%d", i)
		for _, line := range []string{
			"ip link set lo up", "ip addr add 10.0.0." + fmt.Sprint(i+1) + "/24 dev " + v, "ip addr add 2001:db8::" + fmt.Sprint(i+1) + "/64 dev " + v + " nodad",
			"ip link set " + v + " up",
		} {
			must(ns, line)
		}
		// Not every kernel has VLANs.
		may(ns, "ip link add link "+v+" name vlan5 type vlan id 5")
		may(ns, "ip addr add 10.5.0."+fmt.Sprint(i+1)+"/24 dev vlan5")
		may(ns, "ip link set vlan5 up")
	}
	// Addresses of hosts that are not there, behind the other one.
	must(a, "ip route add 198.51.100.0/24 via 10.0.0.2")
	must(a, "ip -6 route add 2001:db8:1::/48 via 2001:db8::2")
	must(b, "ip route add unreachable 198.51.100.0/24")
	for _, s := range []string{"net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"} {
		if err := b.Sysctl(s, "1"); err != nil {
			t.Fatal(err)
		}
	}

	stop := map[string]func() []byte{}
	for _, name := range []string{"v0", "lo", Any} {
		stop[name] = sniff(t, a, name)
	}
	listen := background(t, b, "nc", "-l", "10.0.0.2", "1234")
	time.Sleep(200 * time.Millisecond)
	must(a, "ping -c 2 -i 0.2 10.0.0.2")
	must(a, "ping -c 1 2001:db8::2")
	may(a, "ping -c 1 -W 1 198.51.100.1")
	may(a, "ping -c 1 -W 1 2001:db8:1::1")
	may(a, "ping -c 1 -s 3000 10.0.0.2")
	may(a, "ping -c 1 -s 3000 2001:db8::2")
	may(a, "ping -c 1 -R 10.0.0.2")
	may(a, "ping -c 1 -W 1 10.5.0.2")
	may(a, "ping -c 1 -W 1 10.0.0.77")
	may(a, "traceroute -n -m 3 -q 1 -w 0.2 198.51.100.1")
	may(a, "traceroute -n -T -m 2 -q 1 -w 0.2 10.0.0.2")
	converse(t, a, "hello\n", "nc", "-N", "10.0.0.2", "1234")
	may(a, "nc -z -w 1 10.0.0.2 4321")
	may(a, "nc -z -w 1 2001:db8::2 4321")
	converse(t, a, "datagram\n", "nc", "-u", "-w", "1", "10.0.0.2", "9999")
	may(a, "ping -c 1 127.0.0.2")
	may(a, "ping -c 1 ::1")
	may(a, "nc -z -w 1 127.0.0.2 1234")
	may(a, "nc -z -w 1 ::1 1234")
	listen()
	time.Sleep(300 * time.Millisecond)
	files := map[string][]byte{}
	for name, s := range stop {
		files[name] = s()
	}
	return files
}

// sniff starts tcpdump on an interface; the function that it returns stops it and
// returns its file.
func sniff(t *testing.T, ns *testns.NS, name string) func() []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), name+".pcap")
	var stderr bytes.Buffer
	cmd := exec.Command("tcpdump", "-i", name, "-Z", "root", "-U", "--immediate-mode", "-w", file)
	cmd.Stderr = &stderr
	if err := ns.Do(cmd.Start); err != nil {
		t.Fatal(err)
	}
	for range 200 {
		if s, err := os.Stat(file); err == nil && s.Size() > 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	return func() []byte {
		_ = cmd.Process.Signal(syscall.SIGINT)
		if err := cmd.Wait(); err != nil {
			t.Fatalf("tcpdump -i %s: %v\n%s", name, err, stderr.String())
		}
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
}

// background starts a command; the function that it returns ends it.
func background(t *testing.T, ns *testns.NS, name string, args ...string) func() {
	t.Helper()
	cmd := exec.Command(name, args...)
	if err := ns.Do(cmd.Start); err != nil {
		t.Fatal(err)
	}
	return func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
}

// converse runs a command with something to say.
func converse(t *testing.T, ns *testns.NS, say, name string, args ...string) {
	t.Helper()
	err := ns.Do(func() error {
		cmd := exec.Command(name, args...)
		cmd.Stdin = strings.NewReader(say)
		return cmd.Run()
	})
	if err != nil {
		t.Logf("%s %s: %v", name, strings.Join(args, " "), err)
	}
}
