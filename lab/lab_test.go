package lab_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rulewalk/rulewalk/lab"
	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rpdb"
)

// served is a world with its server and a client of it.
type served struct {
	*lab.Client
	server *lab.Server
}

// world serves a world with the example host for a test.
func world(t testing.TB, k rpdb.Kernel) served {
	t.Helper()
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	s, err := lab.NewServer("test", netns.Config{Kernel: k})
	if err != nil {
		t.Fatal(err)
	}
	if err := lab.SetUpExample(s.Root()); err != nil {
		t.Fatal(err)
	}
	return serve(t, "test", s)
}

// serve answers for a world until the test ends.
func serve(t testing.TB, name string, s *lab.Server) served {
	t.Helper()
	l, err := lab.Listen(name)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	c := lab.NewClient(l.Addr().String())
	t.Cleanup(func() {
		_ = c.Close()
		s.Close()
		if err := <-ended; !errors.Is(err, lab.ErrClosed) {
			t.Errorf("the server ended with %v", err)
		}
	})
	return served{c, s}
}

// run runs a command of the world, of words without spaces.
func run(t testing.TB, c served, id lab.ID, line string) (string, int) {
	t.Helper()
	var out bytes.Buffer
	status := c.server.Run(context.Background(), lab.Command{
		Args: strings.Fields(line), Env: []string{fmt.Sprintf("%s=%d", lab.EnvNetNS, id)}, Out: &out, Err: &out,
	})
	return out.String(), status
}

// The listings of the seed, as 6.18 and as an old kernel print them.
func TestSeed(t *testing.T) {
	for _, tt := range []struct{ kernel, line, want string }{
		{"", "ip rule show", "0:\tfrom all lookup local\n32766:\tfrom all lookup main\n32767:\tfrom all lookup default\n"},
		{"", "ip route show table local", `local 10.0.2.15 dev eth0 proto kernel scope host src 10.0.2.15 
broadcast 10.0.2.255 dev eth0 proto kernel scope link src 10.0.2.15 
local 127.0.0.0/8 dev lo proto kernel scope host src 127.0.0.1 
local 127.0.0.1 dev lo proto kernel scope host src 127.0.0.1 
broadcast 127.255.255.255 dev lo proto kernel scope link src 127.0.0.1 
`},
		{"5.10", "ip route show table local", `broadcast 10.0.2.0 dev eth0 proto kernel scope link src 10.0.2.15 
local 10.0.2.15 dev eth0 proto kernel scope host src 10.0.2.15 
broadcast 10.0.2.255 dev eth0 proto kernel scope link src 10.0.2.15 
broadcast 127.0.0.0 dev lo proto kernel scope link src 127.0.0.1 
local 127.0.0.0/8 dev lo proto kernel scope host src 127.0.0.1 
local 127.0.0.1 dev lo proto kernel scope host src 127.0.0.1 
broadcast 127.255.255.255 dev lo proto kernel scope link src 127.0.0.1 
`},
		{"", "ip route get 127.0.0.2", "local 127.0.0.2 dev lo src 127.0.0.1 uid 0 \n    cache <local> \n"},
	} {
		t.Run(tt.line+tt.kernel, func(t *testing.T) {
			got, status := run(t, world(t, rpdb.Kernel{Release: tt.kernel}), lab.Root, tt.line)
			if got != tt.want || status != 0 {
				t.Errorf("status %d, got\n%swant\n%s", status, got, tt.want)
			}
		})
	}
}

func TestNamespaces(t *testing.T) {
	c := world(t, rpdb.Kernel{})
	for _, tt := range []struct {
		line, want string
		status     int
	}{
		{"ip netns add a", "", 0},
		{"ip netns add a", "Cannot create namespace file \"/run/netns/a\": File exists\n", 1},
		{"ip -n a link set lo up", "", 0},
		{"ip -n a -br link", "lo               UNKNOWN        00:00:00:00:00:00 <LOOPBACK,UP,LOWER_UP> \n", 0},
		{"ip link add v0 type veth peer name v1 netns a", "", 0},
		{"ip -n a -br link show v1", "v1@if3           DOWN           ", 0},
		{"sysctl net.ipv4.ip_forward", "net.ipv4.ip_forward = 0\n", 0},
		{"sysctl -qw net.ipv4.ip_forward=1", "", 0},
		{"sysctl -n net.ipv4.conf.eth0.forwarding", "1\n", 0},
		{"sysctl net.ipv4.nonsense", "sysctl: cannot stat /proc/sys/net/ipv4/nonsense: No such file or directory\n", 1},
		{"ip netns del a", "", 0},
		{"ip netns", "", 0},
	} {
		got, status := run(t, c, lab.Root, tt.line)
		if !strings.HasPrefix(got, tt.want) || tt.want == "" && got != "" || status != tt.status {
			t.Errorf("%s: status %d, %q, want %d, %q", tt.line, status, got, tt.status, tt.want)
		}
	}
}

// The socket is for its user alone, and what one client sends harms no other.
func TestGarbage(t *testing.T) {
	c := world(t, rpdb.Kernel{})
	info, err := c.Info()
	if err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(info.Socket); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
	for _, junk := range []string{"GET / HTTP/1.1\r\n\r\n", "\xff\xff\xff\xff", strings.Repeat("\x00", 4096), ""} {
		conn, err := net.Dial("unix", info.Socket)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, junk)
		_ = conn.(*net.UnixConn).CloseWrite()
		_, _ = io.Copy(io.Discard, conn)
		_ = conn.Close()
	}
	if got, status := run(t, c, lab.Root, "ip rule"); status != 0 || !strings.HasPrefix(got, "0:") {
		t.Errorf("afterwards: status %d, %q", status, got)
	}
}

func TestShims(t *testing.T) {
	dir := t.TempDir()
	if err := lab.MakeShims(dir, "/bin/true"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ip", "sysctl", "ping"} {
		cmd := exec.Command(filepath.Join(dir, name))
		cmd.Env = append(os.Environ(), lab.EnvSocket+"="+filepath.Join(dir, "none.sock"))
		out, err := cmd.CombinedOutput()
		to, _ := os.Readlink(filepath.Join(dir, name))
		if to != "/bin/true" && (err == nil || !strings.HasPrefix(string(out), name+": no world of rulewalk lab answers")) {
			t.Errorf("%s, which leads to %q, says %q, %v", name, to, out, err)
		}
	}
}

func BenchmarkCall(b *testing.B) {
	c := world(b, rpdb.Kernel{})
	for b.Loop() {
		if _, status := run(b, c, lab.Root, "ip rule"); status != 0 {
			b.Fatal(status)
		}
	}
}
