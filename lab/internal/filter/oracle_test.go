package filter

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rulewalk/rulewalk/lab/internal/capture"
	"github.com/rulewalk/rulewalk/lab/internal/netdb"
	"github.com/rulewalk/rulewalk/lab/internal/packettest"
)

// The oracle is tcpdump with libpcap, choosing from the same packets by the same
// expression.

func needTcpdump(t *testing.T) {
	t.Helper()
	out, err := exec.Command("tcpdump", "--version").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "libpcap version 1.10.") {
		t.Skip("this test compares with libpcap 1.10: install tcpdump")
	}
}

// systemNames are the names of this machine, which tcpdump uses too.
func systemNames() *netdb.Names {
	var files [2]io.Reader
	for i, name := range []string{"/etc/services", "/etc/hosts"} {
		if b, err := os.ReadFile(name); err == nil {
			files[i] = bytes.NewReader(b)
		}
	}
	return netdb.New(files[0], files[1])
}

// numbered marks each packet with its place, as its time.
func numbered(pkts []capture.Packet) []capture.Packet {
	out := slices.Clone(pkts)
	for i := range out {
		out[i].Time = packettest.Second(i)
	}
	return out
}

// oracle returns which packets of a file tcpdump chooses, or its error. With -O it makes
// the tests in the order of the expression, which matters for packets that were cut.
func oracle(file, expression string, flags ...string) ([]int, error) {
	cmd := exec.Command("tcpdump", append(flags, "-r", file, "-w", "-", "--", expression)...)
	cmd.Stdin = nil
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		_, message, _ := strings.Cut(strings.TrimSpace(lastLine(stderr.String())), "tcpdump: ")
		return nil, errors.New(message)
	}
	r, err := capture.NewReader(bytes.NewReader(out))
	if err != nil {
		return nil, err
	}
	var chosen []int
	for {
		p, err := r.Next()
		if errors.Is(err, io.EOF) {
			return chosen, nil
		}
		if err != nil {
			return nil, err
		}
		chosen = append(chosen, packettest.Place(p.Time))
	}
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	for _, l := range lines {
		if strings.HasPrefix(l, "tcpdump: ") {
			return l
		}
	}
	return lines[len(lines)-1]
}

func ours(link capture.LinkType, expression string, pkts []capture.Packet) ([]int, error) {
	p, err := Compile(expression, Options{LinkType: link, Savefile: true, Names: names})
	if err != nil {
		return nil, err
	}
	var chosen []int
	for i := range pkts {
		if p.Match(&pkts[i]) {
			chosen = append(chosen, i)
		}
	}
	return chosen, nil
}

var names = systemNames()

// file is the packets of one link type, and the file of them for tcpdump.
type file struct {
	name string
	link capture.LinkType
	pkts []capture.Packet
}

func files(t *testing.T, r *rand.Rand) []file {
	t.Helper()
	base := packettest.Packets()
	all := slices.Concat(base, packettest.Cut(base, r, 2), packettest.Damage(base, r, 2))
	var fs []file
	for link, pkts := range packettest.ByLinkType(all) {
		f := file{filepath.Join(t.TempDir(), link.String()), link, numbered(pkts)}
		b, err := packettest.Pcap(f.pkts)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(f.name, b, 0o644); err != nil {
			t.Fatal(err)
		}
		fs = append(fs, f)
	}
	slices.SortFunc(fs, func(a, b file) int { return int(a.link) - int(b.link) })
	return fs
}

// check compares what an expression chooses from a file, and says whether it was valid.
func check(t *testing.T, f file, expression string) bool {
	t.Helper()
	got, err := ours(f.link, expression, f.pkts)
	flags := []string{"-O"}
	if err != nil && strings.Contains(err.Error(), "rejects all packets") {
		flags = nil // it takes the optimizer to see it
	}
	want, wantErr := oracle(f.name, expression, flags...)
	switch {
	case wantErr != nil && err != nil:
		if wantErr.Error() != err.Error() && !strings.Contains(err.Error(), "not supported here") {
			t.Errorf("%s: %s\nwant error %v\n got error %v", f.link, expression, wantErr, err)
		}
		return false
	case wantErr != nil || err != nil:
		t.Errorf("%s: %s\nwant error %v\n got error %v", f.link, expression, wantErr, err)
		return false
	case !slices.Equal(want, got):
		t.Errorf("%s: %s\nwant %d packets, got %d%s", f.link, expression, len(want), len(got), firstDifference(f, want, got))
	}
	return true
}

func firstDifference(f file, want, got []int) string {
	for i := range f.pkts {
		if w, g := slices.Contains(want, i), slices.Contains(got, i); w != g {
			return fmt.Sprintf("\nthe first that differs (want %v): %s", w, packettest.Describe(&f.pkts[i]))
		}
	}
	return ""
}

// TestWritten compares expressions that people write.
func TestWritten(t *testing.T) {
	needTcpdump(t)
	fs := files(t, rand.New(rand.NewPCG(1, 1)))
	for i, e := range written {
		if testing.Short() {
			check(t, fs[i%len(fs)], e)
			continue
		}
		for _, f := range fs {
			check(t, f, e)
		}
	}
}

// TestRandom compares random expressions; N and SEED in the environment choose how many
// and which.
func TestRandom(t *testing.T) {
	needTcpdump(t)
	n, seed := 300, uint64(1)
	if testing.Short() {
		n = 60
	}
	if v, err := strconv.Atoi(os.Getenv("N")); err == nil {
		n = v
	}
	if v, err := strconv.ParseUint(os.Getenv("SEED"), 10, 64); err == nil {
		seed = v
	}
	r := rand.New(rand.NewPCG(seed, 2))
	fs := files(t, r)
	valid := 0
	for range n {
		g := generator{r}
		e := g.expression(3)
		if check(t, fs[r.IntN(len(fs))], e) {
			valid++
		}
	}
	t.Logf("%d expressions, of which %d are valid", n, valid)
	if valid < n/2 {
		t.Errorf("only %d of %d expressions are valid", valid, n)
	}
}
