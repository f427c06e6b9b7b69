package conformance

import (
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rpdb"
)

// goldenNames are the name files of the machine that recorded the transcripts, as far
// as they differ from what is built in.
var goldenNames = map[string]string{
	"rt_protos":  "99 openr\n",
	"rt_tables":  "0 unspec\n",
	"rt_realms":  "0 cosmos\n",
	"rt_dsfield": goldenDSFields,
}

const goldenDSFields = `0x0 default
0x28 AF11
0x30 AF12
0x38 AF13
0x48 AF21
0x50 AF22
0x58 AF23
0x68 AF31
0x70 AF32
0x78 AF33
0x88 AF41
0x90 AF42
0x98 AF43
0x20 CS1
0x40 CS2
0x60 CS3
0x80 CS4
0xA0 CS5
0xC0 CS6
0xE0 CS7
0xB8 EF
`

// goldenEntry is a command of a transcript with what it left behind.
type goldenEntry struct {
	Name, Command string
	Status        string
	Out, Err      string
}

func readGolden(t *testing.T, file string) (entries []goldenEntry) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	heading := regexp.MustCompile(`(?m)^######## .*\n(#.*\n)*\n`)
	for _, text := range strings.Split("\n"+heading.ReplaceAllString(string(b), ""), "\n=== ")[1:] {
		var e goldenEntry
		e.Name, text, _ = strings.Cut(text, "\n$ ")
		e.Command, text, _ = strings.Cut(text, "\nrc=")
		e.Status, text, _ = strings.Cut(text, "\n")
		text, e.Err, _ = strings.Cut(text, "--- stderr\n")
		_, e.Out, _ = strings.Cut(text, "--- stdout\n")
		entries = append(entries, e)
	}
	return entries
}

// TestGoldenReplay replays the transcript of the real tool on the running kernel with
// our ip on emulated namespaces, and compares all that it printed.
func TestGoldenReplay(t *testing.T) {
	for _, tool := range []string{"sed", "od", "sort", "grep", "head", "cat", "sh", "true"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("the commands of the transcript need %s: %v", tool, err)
		}
	}
	h := newGoldenHost(t)
	for _, line := range goldenSetup {
		if _, errs, status := h.shell(line); status != 0 {
			t.Fatalf("%s: status %d: %s", line, status, errs)
		}
	}
	for name, settings := range map[string][]string{
		"h3-g": {"net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.default.accept_dad=0", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"},
		"h3-p": {"net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.default.accept_dad=0"},
	} {
		for _, s := range settings {
			key, value, _ := strings.Cut(s, "=")
			if err := h.spaces[name].SetSysctl(key, value); err != nil {
				t.Fatal(err)
			}
		}
	}
	h.self = "h3-g"
	entries := readGolden(t, "testdata/iproute2-6.1.txt")
	if len(entries) != 456 {
		t.Fatalf("%d commands in the transcript, want 456", len(entries))
	}
	same := 0
	for _, want := range entries {
		if want.Name == "441" {
			h.narrowPath(t)
		}
		got := goldenEntry{Name: want.Name, Command: want.Command}
		var status int
		got.Out, got.Err, status = h.shell(want.Command)
		got.Status = strconv.Itoa(status)
		if strings.HasPrefix(want.Err, "Usage:") {
			// The words of usage texts are our own.
			want.Err, got.Err = want.Err[:6], got.Err[:min(6, len(got.Err))]
		}
		if diff := cmp.Diff(masked(want), masked(got)); diff != "" {
			t.Errorf("%s: (-kernel +emulator)\n%s", want.Name, diff)
			continue
		}
		same++
	}
	t.Logf("%d of %d commands as recorded", same, len(entries))
}

var goldenSetup = []string{
	"ip netns add h3-g",
	"ip netns add h3-p",
	"ip -n h3-p link set lo up",
	"ip netns set h3-g 0",
	"ip -n h3-g netns set h3-p 1",
	"ip -n h3-p netns set h3-g 1",
}

// narrowPath is what the transcript says of the time before its last part: an ICMP error
// came that told of an MTU of 1300 on the way to 172.20.0.2 via 192.0.2.254, by a route
// that the transcript does not show the making of.
func (h *goldenHost) narrowPath(t *testing.T) {
	t.Helper()
	if _, errs, status := h.shell("ip route add 172.20.0.0/24 via 192.0.2.254"); status != 0 {
		t.Fatal(errs)
	}
	ns, dst := h.spaces[h.self], netip.MustParseAddr("172.20.0.2")
	d := ns.View().Database.Lookup(&rpdb.Flow{Dst: dst})
	ns.Except(dst, &d, func(x *netns.Exception) {
		x.MTU, x.Expires = 1300, h.world.Now().Add(10*time.Minute)
	})
}

// goldenVolatile are the fields that the header of the transcript names as different in
// each run.
var goldenVolatile = []struct {
	re *regexp.Regexp
	to string
}{
	{regexp.MustCompile(`(gc_timer) +[0-9.]+`), "${1} T"},
	{regexp.MustCompile(`("gc_timer":)[0-9.]+`), "${1}T"},
	{regexp.MustCompile(`(idle_time )[0-9.e+-]+`), "${1}T"},
	{regexp.MustCompile(`("idle_time": ?)[0-9.e+-]+`), "${1}T"},
}

func masked(e goldenEntry) goldenEntry {
	for _, v := range goldenVolatile {
		e.Out = v.re.ReplaceAllString(e.Out, v.to)
	}
	switch {
	case strings.Contains(e.Command, "od -A d -t x1"):
		e.Out = maskOctets(e.Out)
	case strings.Contains(e.Command, "ip nei"):
		lines := strings.Split(e.Out, "\n")
		slices.Sort(lines)
		e.Out = strings.Join(lines, "\n")
	case strings.Contains(e.Command, "route show cache"):
		seen := map[string]bool{}
		e.Out = strings.Join(slices.DeleteFunc(strings.Split(e.Out, "\n"), func(line string) bool {
			again := seen[line]
			seen[line] = true
			return again
		}), "\n")
	}
	// The transcript ends the output of each command with a newline and an empty line.
	e.Out, e.Err = strings.TrimRight(e.Out, "\n"), strings.TrimRight(e.Err, "\n")
	return e
}

// maskOctets reads a saved dump from the text of od and masks it.
func maskOctets(text string) string {
	var b []byte
	for _, line := range strings.Split(text, "\n") {
		if _, octets, ok := strings.Cut(line, " "); ok {
			o, _ := hex.DecodeString(strings.ReplaceAll(octets, " ", ""))
			b = append(b, o...)
		}
	}
	return hex.EncodeToString([]byte(maskSaved(string(b))))
}

// maskSaved takes the sequence numbers and ports out of the messages of a saved dump,
// which begins with a magic number.
func maskSaved(s string) string {
	b := []byte(s)
	if len(b) < 4 {
		return s
	}
	switch binary.LittleEndian.Uint32(b) {
	case 0x45311224, 0x71706986, 0x47361222:
	default:
		return s
	}
	for at := 4; at+8 <= len(b); {
		clear(b[at+8 : min(at+16, len(b))])
		n := int(binary.LittleEndian.Uint32(b[at:]))
		if n < 16 {
			break
		}
		at += (n + 3) &^ 3
	}
	return string(b)
}
