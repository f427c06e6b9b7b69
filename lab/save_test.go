package lab_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rulewalk/rulewalk/lab"
	"github.com/rulewalk/rulewalk/rpdb"
)

// savedWorld plays commands in a world, saves it, and returns its file.
func savedWorld(t testing.TB, lines ...string) (c served, file string) {
	t.Helper()
	c = world(t, rpdb.Kernel{Release: "6.12"})
	for _, line := range lines {
		if out, status := run(t, c, lab.Root, line); status != 0 {
			t.Fatalf("%s: status %d: %s", line, status, out)
		}
	}
	file = filepath.Join(t.TempDir(), "w.world")
	if _, err := c.Save(file); err != nil {
		t.Fatal(err)
	}
	return c, file
}

// again serves a saved world under another name.
func again(t testing.TB, name, file string) served {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	s, err := lab.LoadServer(name, f, nil)
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, name, s)
}

var story = []string{
	"ip netns add a", "ip netns add b", "ip netns del a", "ip netns add c",
	"ip link add v0 type veth peer name v1 netns c", "ip link add br0 type bridge", "ip link set v0 master br0",
	"ip link set v0 up", "ip -n c link set v1 up", "ip link set br0 up",
	"ip addr add 192.0.2.1/24 dev br0", "ip addr add 192.0.2.2/24 dev br0", "ip -6 addr add 2001:db8::1/64 dev br0 nodad",
	"ip -n c addr add 192.0.2.9/24 dev v1", "ip route add 198.51.100.0/24 via 192.0.2.9 table 7",
	"ip rule add fwmark 7 lookup 7", "ip nexthop add id 3 via 192.0.2.9 dev br0", "ip route add 203.0.113.0/24 nhid 3",
	"ip tuntap add tun0 mode tun", "ip tuntap add tap7 mode tap", "ip tuntap del tap7 mode tap",
	"ip neigh add 192.0.2.9 lladdr 02:00:00:00:00:09 dev br0", "sysctl -w net.ipv4.ip_forward=1",
}

var shows = []string{
	"ip netns", "ip -d link", "ip addr", "ip route show table all", "ip -6 route show table all", "ip rule", "ip nexthop",
	"ip neigh", "sysctl -a", "ip -n c addr", "ip -n c route show table all",
}

// taught is what hangs on the packets of a world and on the moment, and is not saved.
var taught = regexp.MustCompile(`(gc_timer|fdb_n_learned) +[0-9.]+`)

// TestSaveAndLoad saves a world and loads it: everything looks the same, and a world
// made from that one's file does too.
func TestSaveAndLoad(t *testing.T) {
	c, file := savedWorld(t, story...)
	for _, name := range []string{"again", "oncemore"} {
		d := again(t, name, file)
		for _, line := range shows {
			want, _ := run(t, c, lab.Root, line)
			got, _ := run(t, d, lab.Root, line)
			if got, want = taught.ReplaceAllString(got, "$1"), taught.ReplaceAllString(want, "$1"); got != want {
				t.Errorf("%s:\n%s\nwant\n%s", line, got, want)
			}
		}
		file = filepath.Join(t.TempDir(), "next.world")
		if _, err := d.Save(file); err != nil {
			t.Fatal(err)
		}
	}
	st, err := os.Stat(file)
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
}

// TestNamelessEnd checks that a namespace that only a socket kept when its world was saved
// ends when the world is loaded, and takes its leg of a veth pair along.
func TestNamelessEnd(t *testing.T) {
	c, _ := savedWorld(t, "ip netns add a", "ip link add v0 type veth peer name v1 netns a")
	sock, err := c.DialName("a")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sock.Close() }()
	if out, status := run(t, c, lab.Root, "ip netns del a"); status != 0 {
		t.Fatal(out)
	}
	if out, status := run(t, c, lab.Root, "ip link show v0"); status != 0 {
		t.Fatalf("the socket does not keep the namespace: %s", out)
	}
	file := filepath.Join(t.TempDir(), "w.world")
	if _, err := c.Save(file); err != nil {
		t.Fatal(err)
	}
	d := again(t, "nameless", file)
	if out, status := run(t, d, lab.Root, "ip link show v0"); status != 1 {
		t.Errorf("v0 is there though its peer's namespace has ended: %s", out)
	}
}

// TestSaveErrors checks what the user is told when the file cannot be written.
func TestSaveErrors(t *testing.T) {
	c, _ := savedWorld(t)
	_, err := c.Save(filepath.Join(t.TempDir(), "nowhere", "w.world"))
	if err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("%v, want the path", err)
	}
}

// TestLoadErrors checks that damaged files are told from whole ones, and where.
func TestLoadErrors(t *testing.T) {
	_, file := savedWorld(t, story...)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head := bytes.IndexByte(whole[20:], '\n') + 21
	bent := bytes.Clone(whole)
	bent[head+60] ^= 0x10
	for _, tt := range []struct {
		name, want string
		data       []byte
	}{
		{"empty", "no world", nil},
		{"foreign", "no world", []byte("#!/bin/sh\nip link set lo up\nexit 0\n")},
		{"newer", "newer rulewalk", []byte("rulewalk world 2\n{}\n")},
		{"header", "line 2", []byte("rulewalk world 1\nhello\n")},
		{"cut in the header", "line 2", whole[:30]},
		{"cut", "unexpected EOF", whole[:len(whole)-40]},
		{"bent", "change", bent},
		{"fewer changes", "saved", bytes.Replace(whole, []byte(`"changes":`), []byte(`"changes":9`), 1)},
	} {
		_, err := lab.LoadServer("x", bytes.NewReader(tt.data), nil)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

// FuzzLoad feeds the reader of worlds with anything.
func FuzzLoad(f *testing.F) {
	_, file := savedWorld(f, story[:6]...)
	whole, err := os.ReadFile(file)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add([]byte("rulewalk world 1\n{}\n"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		if len(data) > 1<<14 {
			return
		}
		if s, err := lab.LoadServer("x", bytes.NewReader(data), nil); err == nil {
			s.Close()
		}
	})
}
