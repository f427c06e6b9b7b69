package ipcmd

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fileDevices is what the commands of the files of testdata/side begin with. An ifb
// is up at once, so that its routes come in the same order each time.
var fileDevices = []string{
	"link set lo up",
	"link add eth0 index 10 address 02:00:00:00:00:10 type ifb",
	"link add eth1 index 11 address 02:00:00:00:00:11 type ifb",
	"link add far0 index 20 address 02:00:00:00:00:20 type ifb",
	"link add far1 index 21 address 02:00:00:00:00:21 type ifb",
	"link set eth0 up",
	"link set eth1 up",
	"link set far0 up",
	"link set far1 up",
	"addr add 192.0.2.1/24 dev eth0",
	"addr add 192.0.2.2/24 dev eth0",
	"addr add 198.51.100.1/25 dev eth1",
	"addr add 2001:db8:0:1::1/64 dev eth0 nodad",
	"addr add 2001:db8:0:2::1/64 dev eth1 nodad",
}

// TestFilesAsIP runs the commands of each file with both tools, each in a namespace of
// its own, and compares all that they print. The output of a command before a bar is
// the input of the one after it.
func TestFilesAsIP(t *testing.T) {
	files, err := filepath.Glob("testdata/side/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files of commands: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			p := pair{theirs: newFileSide(t), ours: newFileSide(t)}
			for i, line := range strings.Split(string(text), "\n") {
				if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
					p.same(t, i+1, line)
				}
			}
		})
	}
}

func newFileSide(t *testing.T) *side {
	s := newSide(t)
	for _, all := range []string{"all", "default"} {
		if err := s.ns.Sysctl("net/ipv6/conf/"+all+"/accept_dad", "0"); err != nil {
			t.Skipf("this test needs IPv6 and to set sysctls: %v", err)
		}
	}
	for _, cmd := range fileDevices {
		if r := s.real(t, cmd); r.Status != 0 {
			t.Skipf("ip %s: this kernel cannot: %s", cmd, r.Err)
		}
	}
	return s
}

// pair are two namespaces that are alike.
type pair struct{ theirs, ours *side }

func (p *pair) same(t *testing.T, n int, line string) {
	t.Helper()
	p.theirs.in, p.ours.in = "", ""
	for _, cmd := range strings.Split(line, "|") {
		want, got := p.theirs.real(t, cmd), p.ours.ours(cmd)
		p.theirs.in, p.ours.in = want.Out, got.Out
		for _, r := range []*ran{&want, &got} {
			if i := strings.Index(r.Err, "Usage:"); i >= 0 {
				r.Err = r.Err[:i] + "Usage:"
			}
			r.Out = lifetime.ReplaceAllString(maskDump(r.Out), "${1}N")
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("line %d: ip %s (-ip +ours)\n%s", n, cmd, diff)
		}
	}
}

// lifetime is what a clock tells, which is later for the one that runs later: the rest
// of a route's life, and since when a bucket is idle.
var lifetime = regexp.MustCompile(`(expires |"expires":|idle_time |"idle_time": ?)[0-9.]+`)

// maskDump makes a saved dump independent of who asked for it: the sequence numbers
// and ports of its messages are 0.
func maskDump(s string) string {
	b := []byte(s)
	if len(b) < 4 {
		return s
	}
	switch binary.NativeEndian.Uint32(b) {
	case magicRoute, magicRule, addrDumpMagic:
	default:
		return s
	}
	for at := 4; at+16 <= len(b); {
		clear(b[at+8 : at+16])
		n := int(binary.NativeEndian.Uint32(b[at:]))
		if n < 16 {
			break
		}
		at += (n + 3) &^ 3
	}
	return string(b)
}
