package ipcmd

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rulewalk/rulewalk/internal/testns"
	"github.com/rulewalk/rulewalk/kernel"
)

func TestMain(m *testing.M) { testns.Main(m) }

// ran is what a command did.
type ran struct {
	Status   int
	Out, Err string
}

// side runs commands with this host's ip and with ours in two namespaces that were
// made alike.
type side struct {
	ns  *testns.NS
	ver int
	in  string // the standard input
}

func newSide(t *testing.T, setup ...string) *side {
	t.Helper()
	out, err := exec.Command("ip", "-V").Output()
	if err != nil {
		t.Skipf("this test needs the ip command (package iproute2): %v", err)
	}
	if !strings.Contains(string(out), "iproute2-6.1.0") {
		t.Skipf("this test compares with iproute2 6.1.0; this host has %s", out)
	}
	s := &side{ns: testns.New(t), ver: Version6}
	for _, cmd := range setup {
		if r := s.real(t, cmd); r.Status != 0 {
			t.Skipf("ip %s: this kernel cannot: %s", cmd, r.Err)
		}
	}
	return s
}

func (s *side) real(t *testing.T, line string) ran {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.Command("ip", words(line)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.input(t), &out, &errs
	err := s.ns.Do(cmd.Run)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return ran{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// input returns the standard input as a file, which can be read again.
func (s *side) input(t *testing.T) *os.File {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "")
	if err == nil {
		_, err = f.WriteString(s.in)
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func (s *side) ours(line string) ran {
	var out, errs bytes.Buffer
	tool := &Tool{
		Dial: func(netns string) (Conn, error) {
			if netns != "" {
				return nil, os.ErrNotExist
			}
			return kernel.Dial(kernel.Config{NetNS: s.ns.Path()})
		},
		In: strings.NewReader(s.in), Out: &out, Err: &errs, Version: s.ver,
		Env: func(string) string { return "" },
	}
	status := tool.Run(context.Background(), words(line))
	return ran{status, out.String(), errs.String()}
}

// words splits a line at blanks; ” is an empty word.
func words(line string) []string {
	w := strings.Fields(line)
	for i := range w {
		if w[i] == "''" {
			w[i] = ""
		}
	}
	return w
}

// same runs a line with both and compares. Of a usage text, only the first word is
// compared: ours lists what is there.
func (s *side) same(t *testing.T, line string) {
	t.Helper()
	want, got := s.real(t, line), s.ours(line)
	// A counter may have moved between the two: then the real one shows that, too.
	for i := 0; i < 5 && got != want && strings.Contains(" "+line, " -s "); i++ {
		want, got = s.real(t, line), s.ours(line)
	}
	for _, r := range []*ran{&want, &got} {
		if i := strings.Index(r.Err, "Usage:"); i >= 0 {
			r.Err = r.Err[:i] + "Usage:"
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ip %s: (-ip +ours)\n%s", line, diff)
	}
}

var sideDevices = []string{
	"link set lo up",
	"link add v0 address 02:00:00:00:00:01 type veth peer name v1 address 02:00:00:00:00:02",
	"link add br0 address 02:00:00:00:00:03 type bridge",
	"link set v0 master br0",
	"link set v0 alias uplink group 7",
	"link property add dev v0 altname a-long-alternative-name",
	"link set v1 addrgenmode none",
	"link set v1 up",
	"addr add 10.1.0.1/24 dev v1",
	"addr add 10.1.0.2/24 brd + dev v1 label v1:x",
	"addr add 10.2.0.1 peer 10.2.0.2/32 dev v1 metric 9",
	"addr add 2001:db8::1/64 dev v1 nodad",
}

// TestShowAsIP compares what is listed.
func TestShowAsIP(t *testing.T) {
	s := newSide(t, sideDevices...)
	for _, opts := range []string{"", "-o", "-d", "-br", "-j", "-j -p -d", "-s", "-s -s", "-h -s", "-c", "-c -br", "-4", "-6", "-N", "-d -4", "-j -s -s", "-br -j"} {
		for _, cmd := range []string{
			"addr", "link", "link show dev v0", "addr show v1", "link show up", "addr show up", "link show master br0",
			"link show type veth", "link show type bridge_slave", "link show group 7", "link show nomaster",
			"addr show primary", "addr show secondary", "addr show to 10.1.0.0/24", "addr show label v1:*",
			"addr show scope host", "addr show -tentative", "addr show permanent", "link show a-long-alternative-name",
			"addr show dynamic", "link show group 5",
		} {
			line := strings.TrimSpace(opts + " " + cmd)
			t.Run(line, func(t *testing.T) { s.same(t, line) })
		}
	}
}

// TestKindsAsIP compares the details of the kinds that this kernel has.
func TestKindsAsIP(t *testing.T) {
	for _, kind := range []string{
		"veth", "bridge", "macvlan mode bridge", "macvlan mode private", "ifb",
		"vxlan id 5 dstport 4789 local 10.0.0.1 remote 10.0.0.2", "vxlan external dstport 4790",
		"vxlan id 6 group ff05::1 dev v1 dstport 0", "vxlan id 7 dstport 1 ttl 5 tos 4 nolearning proxy",
		"gre local 10.0.0.1", "ipip local 10.0.0.1", "sit local 10.0.0.1", "ip6tnl local ::1", "vlan id 5", "vrf table 5", "dummy",
	} {
		t.Run(kind, func(t *testing.T) {
			s := newSide(t, "link add v0 type veth peer name v1")
			if r := s.real(t, "link add dev k0 link v1 type "+kind); r.Status != 0 {
				t.Skipf("this kernel cannot: %s", r.Err)
			}
			for _, opts := range []string{"-d", "-d -j", "-d -o", "-d -j -p"} {
				s.same(t, opts+" link show k0")
				s.same(t, opts+" addr show k0")
			}
		})
	}
}

// TestErrorsAsIP compares command lines that are refused.
func TestErrorsAsIP(t *testing.T) {
	s := newSide(t, sideDevices...)
	for _, line := range strings.Split(strings.TrimSpace(sideErrors), "\n") {
		t.Run(line, func(t *testing.T) { s.same(t, line) })
	}
}

const sideErrors = `
addr add 10.9.9.9/24
addr add 10.1.0.1/24 dev v1
addr add 10.1.0.999/24 dev v1
addr add 10.1.0.9/33 dev v1
addr add dev v1
addr add 10.9.9.9/24 dev nosuch
addr add 10.9.9.9/24 dev v1 scope foo
addr add 10.9.9.9/24 dev v1 metric foo
addr add 10.9.9.9/24 dev v1 valid_lft 0
addr add 10.9.9.9/24 dev v1 valid_lft 5 preferred_lft 6
addr add 10.9.9.9/24 dev v1 valid_lft foo
addr add 10.9.9.9/24 10.9.9.8/24 dev v1
addr add 10.9.9.9/24 brd 1.2.3.4 brd 1.2.3.5 dev v1
addr add 10.9.9.9/24 peer 1.2.3.4 peer 1.2.3.5 dev v1
addr add 2001:db8::5 brd + dev v1
addr add 10.9.9.9/24 autojoin dev v1
addr add 10.9.9.9/24 dev
addr del 10.77.0.1/24 dev v1
addr del 10.77.0.1 dev v1
addr bogus
addr help
addr flush
addr show dev nosuch
addr show dev v1 dev v0
addr show scope foo
addr show group foo
addr show master foo
addr show vrf v1
addr show to foo
addr show dev
addr save dev nosuch
addr restore
-0 addr flush v1
link frob
link add x0
link add type nosuch
link add d0 type nosuchtype
link add v0 type veth peer name zzz
link add '' type veth
link add a/b type veth
link add aaaaaaaaaaaaaaaaaaaa type veth
link add name x dev y type veth
link add x index -1 type veth
link add dev b1 type bridge forward_delay xx
link add dev b1 type bridge foo
link add dev z0 type veth foo
link add dev z0 type veth peer name
link add dev z0 link nosuch type macvlan
link add dev z0 type wireguard foo
link add dev z0 type vrf table foo
link add dev z0 type vrf foo
link add dev z0 group 5 type vrf
link add dev z0 type dummy
link set
link set nosuch up
link set v0 mtu foo
link set v0 mtu 50
link set v0 mtu 1 mtu 2
link set v0 txqueuelen x
link set v0 name ''
link set v0 name aaaaaaaaaaaaaaaaaaaa
link set v0 multicast xx
link set v0 arp xx
link set v0 dynamic xx
link set v0 carrier xx
link set v0 carrier on
link set v0 protodown xx
link set v0 master nosuch
link set v0 master v1
link set v0 vrf v1
link set v0 netns nosuch
link set v0 address 02:00
link set v0 address zz
link set v0 index 5
link set v0 group foo
link set v0 mode foo
link set v0 state foo
link set v0 addrgenmode foo
link set v0 link-netnsid foo
link set v0 type bridge_slave hairpin xx
link set v0 type bridge_slave state 99999
link set v0 type bridge_slave foo
link set v0 v1
link set dev
link del
link del nosuch
link del lo
link del group 77
link show nosuch
link show dev v0 dev v1
link show master nosuch
link show vrf v1
link property
link property frob
link property add
link property add dev v0 altname ''
link property add dev nosuch altname x
link property add dev v0 altname a-long-alternative-name
link afstats
link afstats dev zz
link afstats foo
`

// TestChangesAsIP makes the same changes with both, each in a namespace of its own,
// and compares what is there after each.
func TestChangesAsIP(t *testing.T) {
	a, b := newSide(t), newSide(t)
	for _, line := range strings.Split(strings.TrimSpace(sideChanges), "\n") {
		want, got := a.real(t, line), b.ours(line)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("ip %s: (-ip +ours)\n%s", line, diff)
		}
		for _, show := range []string{"-d link", "addr"} {
			want, got := a.real(t, show), b.real(t, show)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("after ip %s: ip %s: (-ip +ours)\n%s", line, show, diff)
			}
		}
	}
}

const sideChanges = `
link set lo up
link add v0 index 10 address 02:00:00:00:00:01 mtu 1400 type veth peer name v1 index 11 address 02:00:00:00:00:02
link add br0 index 12 address 02:00:00:00:00:03 txqueuelen 77 type bridge forward_delay 1000 stp_state 1 mcast_snooping 0 no_linklocal_learn 1
link set dev v0 master br0
link set v0 type bridge_slave cost 5 hairpin on priority 3
link set v0 alias uplink group 7
link set v0 mtu 1300 txqueuelen 55
link set v1 addrgenmode none
link set v1 multicast off arp off
link set v1 multicast on arp on promisc on
link set v1 promisc off
link set v1 name vx
link property add dev vx altname one altname two
link property del dev vx altname one
link set two name v1
link set group 7 down
link set v0 nomaster
link set v0 group default alias new
addr add 10.1.0.1/24 dev v1
addr add 10.1.0.2/24 brd + dev v1 label v1:x
addr add 10.1.1.2/24 brd - dev v1
addr add local 10.2.0.1 peer 10.2.0.2/32 dev v1 metric 9
addr add 127.0.0.5 dev lo
addr add 10.5.0.1/16 scope link noprefixroute dev v1
addr add 2001:db8::1/64 dev v1 nodad home
addr add 10.1.0.7/24 dev v1 nodad
addr add 10.1.0.8/24 dev v1 permanent
addr add 10.9.9.9/24 dev v1 label foo
addr replace 10.1.0.8/24 dev v1 metric 5
addr change 10.1.0.8/24 dev v1 metric 6
addr del 10.1.0.8/24 dev v1
addr del 10.1.0.2 dev v1
addr flush dev v1 scope link
-s addr flush dev v1 to 10.1.1.0/24
-s -s addr flush dev v1
-s addr flush dev v1
link add dev mv0 link v1 index 15 address 02:00:00:00:00:05 type ifb
link del mv0
link del v0
link del dev br0
`
