package dissect

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rulewalk/rulewalk/lab/internal/capture"
	"github.com/rulewalk/rulewalk/lab/internal/packettest"
)

// The oracle is tcpdump 4.99 itself, reading the same packets.

// flagSets are the options under which the corpus is printed.
var flagSets = []struct {
	flags   string
	options Options
}{
	{"-n", Options{}},
	{"-nv", Options{Verbose: 1}},
	{"-nvv", Options{Verbose: 2}},
	{"-nvvv", Options{Verbose: 3}},
	{"-ne", Options{LinkHeader: true}},
	{"-nev", Options{LinkHeader: true, Verbose: 1}},
	{"-nq", Options{Quiet: true}},
	{"-nqe", Options{Quiet: true, LinkHeader: true}},
	{"-nqv", Options{Quiet: true, Verbose: 1}},
	{"-nS", Options{AbsoluteSeq: true}},
	{"-nvK", Options{Verbose: 1, NoChecksums: true}},
	{"-nx", Options{Hex: DumpPayload}},
	{"-nxx", Options{Hex: DumpAll}},
	{"-nX", Options{HexASCII: DumpPayload}},
	{"-nXX", Options{HexASCII: DumpAll}},
	{"-nA", Options{ASCII: DumpPayload}},
	{"-nAA", Options{ASCII: DumpAll}},
	{"-nt", Options{Stamp: NoStamp}},
	{"-ntt", Options{Stamp: UnixTime}},
	{"-nttt", Options{Stamp: SinceLast}},
	{"-ntttt", Options{Stamp: Date}},
	{"-nttttt", Options{Stamp: SinceFirst}},
}

func needTcpdump(t *testing.T) {
	t.Helper()
	out, err := exec.Command("tcpdump", "--version").CombinedOutput()
	if err != nil {
		t.Skip("this test compares with tcpdump: install tcpdump 4.99")
	}
	if !strings.Contains(string(out), "tcpdump version 4.99.") {
		t.Skipf("this test compares with tcpdump 4.99, and %q is installed", strings.SplitN(string(out), "\n", 2)[0])
	}
}

// oracle returns what tcpdump prints for each packet.
func oracle(t *testing.T, flags string, pkts []capture.Packet) []string {
	t.Helper()
	cmd := exec.Command("tcpdump", flags+"#", "-r", "-")
	cmd.Env = append(os.Environ(), "TZ=UTC")
	file, err := packettest.Pcap(pkts)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdin = bytes.NewReader(file)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("tcpdump %s: %v\n%s", flags, err, stderr.String())
	}
	return split(string(out), len(pkts))
}

// split cuts numbered output into the texts of n packets.
func split(out string, n int) []string {
	texts := make([]string, 0, n)
	for i := range n {
		next := fmt.Sprintf("\n%5d  ", i+2)
		end := strings.Index(out, next)
		if end < 0 || i == n-1 {
			end = len(out) - 1
		}
		texts = append(texts, out[:end+1])
		out = out[end+1:]
	}
	return texts
}

// ours returns what the printer prints for each packet.
func ours(o Options, pkts []capture.Packet) []string {
	o.Number = true
	o.Location = time.UTC
	o.InterfaceOf = func(index int) string {
		if index == 1 {
			return "lo"
		}
		i, err := net.InterfaceByIndex(index)
		if err != nil {
			return ""
		}
		return i.Name
	}
	p := New(o)
	texts := make([]string, len(pkts))
	for i := range pkts {
		texts[i] = string(p.Append(nil, &pkts[i]))
	}
	return texts
}

func compare(t *testing.T, flags string, o Options, pkts []capture.Packet) (differ, further int) {
	t.Helper()
	for _, group := range packettest.ByLinkType(pkts) {
		want, got := oracle(t, flags, group), ours(o, group)
		for i := range want {
			switch {
			case want[i] == got[i]:
			case decodedFurther(&group[i], got[i], want[i]):
				further++
			default:
				if differ++; differ <= 3 {
					t.Errorf("tcpdump %s, %s\nwant %s got %s", flags, packettest.Describe(&group[i]), want[i], got[i])
				}
			}
		}
	}
	return differ, further
}

// further lists what tcpdump decodes and this package does not, as docs/lab.md says. A
// lone port or protocol may be wrong in a damaged packet, so they are looked for in what
// was printed.
var further = struct{ tcp, udp, ip, ether []int }{
	tcp: []int{23, 139, 179, 323, 445, 554, 639, 646, 1723, 2049, 6379, 6633, 6653, 8554, 10288},
	udp: []int{
		69, 88, 123, 137, 138, 161, 162, 319, 320, 496, 500, 514, 520, 521, 525, 546, 547, 646, 654, 698, 701, 750, 921, 1589, 1645, 1646, 1700, 1701,
		1812, 1813, 1985, 2049, 2103, 2104, 3456, 3503, 3784, 3785, 3799, 4342, 4500, 4567, 4784, 4790, 5060, 5359, 6081, 6343, 6635, 6696, 6697, 6784, 7000, 7001, 7002,
		7003, 7004, 7005, 7006, 7007, 7008, 7009, 7500, 8231, 8500, 12222, 12223, 17754, 30490, 49152,
	},
	ether: []int{
		0x0707, 0x1111, 0x3c12, 0x3c13, 0x6003, 0x809b, 0x80f3, 0x8137, 0x8808, 0x8809, 0x880b, 0x8847, 0x8848, 0x8863, 0x8864, 0x886f, 0x8870, 0x888e,
		0x8899, 0x88a2, 0x88ca, 0x88cc, 0x88e5, 0x88f7, 0x8902, 0x8947, 0x894f, 0x9000, 0xabcd, 0xd28b, 0xfefe,
	},
	ip: []int{8, 9, 33, 46, 55, 62, 77, 88, 89, 103, 108, 112, 113, 132, 135},
}

var (
	portsOf    = regexp.MustCompile(`(?:^|[.: ])(\d+) > (?:[0-9a-f:.]*\.)?(\d+): (Flags|UDP|\[|NFS|BOOTP|VXLAN|\d)`)
	recordOf   = regexp.MustCompile(` (A6|TSIG|UNSPECA)( |,|\n)`)
	groupOf    = regexp.MustCompile(`igmp-(19|20|30|31)\b`)
	protocolOf = regexp.MustCompile(` ip-proto-(\d+)`)
)

// decodedFurther says whether a packet holds something that tcpdump alone decodes, and
// the texts agree before it.
func decodedFurther(p *capture.Packet, got, want string) bool {
	if slices.Contains(further.ether, etherTypeOf(p)) || radiotap(p) || groupOf.MatchString(got) || recordOf.MatchString(got) || bridged(p) || strings.Contains(strings.ToLower(want), "ipx") {
		return true
	}
	const must = 12
	common := 0
	for common < min(len(got), len(want)) && got[common] == want[common] {
		common++
	}
	if common < must {
		return false
	}
	before := got[:common]
	for _, m := range portsOf.FindAllStringSubmatch(got, -1) {
		list := further.udp
		if m[3] == "Flags" {
			list = further.tcp
		}
		for _, port := range m[1:3] {
			if slices.ContainsFunc(list, func(p int) bool { return fmt.Sprint(p) == port }) && strings.Contains(before, port) {
				return true
			}
		}
	}
	for _, m := range protocolOf.FindAllStringSubmatch(got, -1) {
		if slices.ContainsFunc(further.ip, func(p int) bool { return fmt.Sprint(p) == m[1] }) {
			return true
		}
	}
	for _, what := range []string{"router renumbering", "who-are-you", "ICMP6, RPL", "802.1s", "802.1aq"} {
		if strings.Contains(before, what) {
			return true
		}
	}
	return strings.Contains(got, "gre-proto-0x880b") || strings.Contains(want, "BOOTP/DHCP") && strings.Contains(got, "BOOTP/DHCP")
}

// bridged says whether a frame holds a bridged one of Token Ring or FDDI.
func bridged(p *capture.Packet) bool {
	for _, protocol := range []string{"\x00\x80\xc2\x00\x03", "\x00\x80\xc2\x00\x09", "\x00\x80\xc2\x00\x04", "\x00\x80\xc2\x00\x0a"} {
		if bytes.Contains(p.Data[:min(len(p.Data), 40)], []byte("\xaa\xaa\x03"+protocol)) {
			return true
		}
	}
	return false
}

// radiotap says whether the interface was a wireless monitor.
func radiotap(p *capture.Packet) bool {
	at := map[capture.LinkType]int{capture.LinuxSLL: 2, capture.LinuxSLL2: 8}[p.LinkType]
	return at > 0 && len(p.Data) >= at+2 && u16(p.Data, at) == 803
}

// etherTypeOf is the EtherType of a packet, behind VLAN tags, or 0.
func etherTypeOf(p *capture.Packet) int {
	at := map[capture.LinkType]int{capture.Ethernet: 12, capture.LinuxSLL: 14, capture.LinuxSLL2: 0}[p.LinkType]
	if p.LinkType == capture.Raw {
		return 0
	}
	for ; at+2 <= len(p.Data); at += 4 {
		if t := u16(p.Data, at); !isVLAN(t) {
			return int(t)
		}
		if p.LinkType == capture.LinuxSLL2 && at == 0 {
			at = 18
		}
	}
	return 0
}

func TestAgainstTcpdump(t *testing.T) {
	needTcpdump(t)
	base := packettest.Packets()
	seed := uint64(1)
	if s, err := strconv.ParseUint(os.Getenv("SEED"), 10, 64); err == nil {
		seed = s
	}
	r := rand.New(rand.NewPCG(seed, 2))
	cuts, changes := 8, 8
	if testing.Short() {
		cuts, changes = 1, 1
	}
	pkts := slices.Concat(base, packettest.Cut(base, r, cuts), packettest.Damage(base, r, changes))
	for i, set := range flagSets {
		t.Run(set.flags, func(t *testing.T) {
			if i > 8 {
				pkts = pkts[:min(len(pkts), len(base)*2)]
			}
			differ, further := compare(t, set.flags, set.options, pkts)
			t.Logf("%d packets, %d differ, %d of protocols that tcpdump decodes further", len(pkts), differ, further)
		})
	}
}

var update = os.Getenv("UPDATE_GOLDEN") != ""

// golden are the packets whose texts are kept: all under -vv, which tells the most, and
// some under each of the other sets.
func golden(link capture.LinkType, flags string) []capture.Packet {
	all := packettest.ByLinkType(packettest.Packets())[link]
	if flags == "-nvv" && link == capture.Ethernet {
		return all
	}
	var some []capture.Packet
	for i := 0; i < len(all); i += 23 {
		some = append(some, all[i])
	}
	return some
}

// TestGolden compares with what tcpdump printed when the files in testdata were
// written, so that it needs no tcpdump. UPDATE_GOLDEN=1 asks it again.
func TestGolden(t *testing.T) {
	for link := range packettest.ByLinkType(packettest.Packets()) {
		for _, set := range flagSets {
			pkts := golden(link, set.flags)
			name := filepath.Join("testdata", strings.ToLower(link.String())+set.flags+".txt")
			t.Run(filepath.Base(name), func(t *testing.T) {
				if update {
					needTcpdump(t)
					if err := os.WriteFile(name, []byte(strings.Join(oracle(t, set.flags, pkts), "")), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				file, err := os.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				got := ours(set.options, pkts)
				for i, want := range split(string(file), len(pkts)) {
					if got[i] != want && !decodedFurther(&pkts[i], got[i], want) {
						t.Errorf("%s\nwant %s got %s", packettest.Describe(&pkts[i]), want, got[i])
					}
				}
			})
		}
	}
}
