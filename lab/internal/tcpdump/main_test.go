package tcpdump

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
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rulewalk/rulewalk/lab/internal/capture"
	"github.com/rulewalk/rulewalk/lab/internal/packettest"
)

// host is a source of packets that are there already.
type host struct {
	packets []capture.Packet
	opened  string
	open    int  // taps that are not closed
	wait    bool // after the packets, until the context ends
}

var (
	eth0 = capture.Interface{Name: "eth0", Index: 2, Hardware: capture.HardwareEthernet}
	lo   = capture.Interface{Name: "lo", Index: 1, Hardware: capture.HardwareLoopback}
)

func (h *host) Interfaces() []Interface {
	return []Interface{
		{Interface: lo, LinkType: capture.Ethernet, Up: true, Running: true, Loopback: true},
		{Interface: eth0, LinkType: capture.Ethernet, Up: true, Running: true},
		{Interface: capture.Interface{Name: "tun0", Index: 3, Hardware: capture.HardwareNone}, LinkType: capture.Raw, Up: true},
		{Interface: capture.Interface{Name: "v1", Index: 4}, LinkType: capture.Ethernet},
	}
}

func (h *host) Open(ctx context.Context, name string) (Packets, error) {
	h.opened = name
	h.open++
	return &tap{ctx: ctx, host: h, left: h.packets}, nil
}

type tap struct {
	ctx  context.Context
	host *host
	left []capture.Packet
}

func (t *tap) Next() (capture.Packet, error) {
	if len(t.left) > 0 {
		p := t.left[0]
		t.left = t.left[1:]
		return p, nil
	}
	if !t.host.wait {
		return capture.Packet{}, io.EOF
	}
	<-t.ctx.Done()
	return capture.Packet{}, t.ctx.Err()
}

func (t *tap) Dropped() int { return 3 }

func (t *tap) Close() error {
	t.host.open--
	return nil
}

// seed is a TCP handshake on lo, from 127.0.0.1 to 127.0.0.2.
func seed() []capture.Packet {
	frame := func(s string) []byte {
		var b []byte
		for _, w := range strings.Fields(s) {
			var v byte
			for i := 0; i < len(w); i += 2 {
				if _, err := fmt.Sscanf(w[i:i+2], "%02x", &v); err != nil {
					panic(err)
				}
				b = append(b, v)
			}
		}
		return b
	}
	const link = "000000000000 000000000000 0800 "
	frames := []string{
		"4500003c40004000 40063ab9 7f0000017f000002 9c4004d2 00000064 00000000 a002ffd7fe310000 0204ffd70402080a0000000a000000000103030a",
		"4500003c0000400040063ab97f0000027f000001 04d29c40 000003e8 00000065 a012ffcbfe310000 0204ffd70402080a0000000b0000000a0103030a",
		"4500003400004000400600007f0000017f000002 9c4004d2 00000065 000003e9 80100040fe290000 0101080a0000000c0000000b",
	}
	var pkts []capture.Packet
	at := time.Date(2026, 1, 2, 3, 4, 5, 678901234, time.UTC)
	for i, f := range frames {
		b := frame(link + f)
		d := capture.In
		pkts = append(pkts, capture.Packet{
			Time: at.Add(time.Duration(i) * time.Millisecond), LinkType: capture.Ethernet, Data: b, Length: len(b), Interface: lo, Direction: d,
			Comment: fmt.Sprintf("packet %d", i),
		})
	}
	pkts[1].Interface, pkts[1].Direction = eth0, capture.Out
	return pkts
}

// run runs the command, and stops it once it has printed what it can.
func run(h *host, stdin string, args ...string) (status int, stdout, stderr string) {
	var out, err strings.Builder
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if h.wait {
		time.AfterFunc(20*time.Millisecond, cancel)
	}
	status = Main(ctx, args, h, IO{Stdin: strings.NewReader(stdin), Stdout: &out, Stderr: &err})
	return status, out.String(), err.String()
}

func TestLive(t *testing.T) {
	for _, c := range []struct {
		args           string
		wait           bool
		status         int
		stdout, stderr string
	}{
		{
			args: "-n -t -i lo", wait: true,
			stdout: "IP 127.0.0.1.40000 > 127.0.0.2.1234: Flags [S], seq 100, win 65495, options [mss 65495,sackOK,TS val 10 ecr 0,nop,wscale 10], length 0\n" +
				"IP 127.0.0.2.1234 > 127.0.0.1.40000: Flags [S.], seq 1000, ack 101, win 65483, options [mss 65495,sackOK,TS val 11 ecr 10,nop,wscale 10], length 0\n" +
				"IP 127.0.0.1.40000 > 127.0.0.2.1234: Flags [.], ack 1, win 64, options [nop,nop,TS val 12 ecr 11], length 0\n\n",
			stderr: "tcpdump: verbose output suppressed, use -v[v]... for full protocol decode\n" +
				"listening on lo, link-type EN10MB (Ethernet), snapshot length 262144 bytes\n" +
				"3 packets captured\n3 packets received by filter\n3 packets dropped by kernel\n",
		},
		{
			args: "-ntc 2 -q -i any",
			stdout: "lo    In  IP 127.0.0.1.40000 > 127.0.0.2.1234: tcp 0\n" +
				"eth0  Out IP 127.0.0.2.1234 > 127.0.0.1.40000: tcp 0\n",
			stderr: "tcpdump: data link type LINUX_SLL2\ntcpdump: verbose output suppressed, use -v[v]... for full protocol decode\n" +
				"listening on any, link-type LINUX_SLL2 (Linux cooked v2), snapshot length 262144 bytes\n" +
				"2 packets captured\n2 packets received by filter\n3 packets dropped by kernel\n",
		},
		{
			args: "-nqt -s 100 -Q out -v",
			stdout: "IP (tos 0x0, ttl 64, id 0, offset 0, flags [DF], proto TCP (6), length 60, bad cksum 3ab9 (->3cb9)!)\n" +
				"    127.0.0.2.1234 > 127.0.0.1.40000: tcp 0\n",
			stderr: "tcpdump: listening on eth0, link-type EN10MB (Ethernet), snapshot length 100 bytes\n1 packet captured\n1 packet received by filter\n3 packets dropped by kernel\n",
		},
		{
			args:   "-nqt -i 2 tcp[tcpflags] & tcp-ack == 0",
			stdout: "lo    In  IP 127.0.0.1.40000 > 127.0.0.2.1234: tcp 0\n",
			stderr: "tcpdump: data link type LINUX_SLL2\ntcpdump: verbose output suppressed, use -v[v]... for full protocol decode\n" +
				"listening on any, link-type LINUX_SLL2 (Linux cooked v2), snapshot length 262144 bytes\n" +
				"1 packet captured\n1 packet received by filter\n3 packets dropped by kernel\n",
		},
		{args: "-i v1", status: 1, stderr: "tcpdump: v1: That device is not up\n"},
		{args: "-i nosuch", status: 1, stderr: "tcpdump: nosuch: No such device exists\n(No such device exists)\n"},
		{args: "-i 99", status: 1, stderr: "tcpdump: Invalid adapter index\n"},
		{args: "-i tun0 arp", status: 1, stderr: "tcpdump: expression rejects all packets\n"},
		{args: "port", status: 1, stderr: "tcpdump: can't parse filter expression: syntax error\n"},
		{args: "-b", status: 1, stderr: "tcpdump: option -b is not supported here\n"},
		{args: "-L -i lo", stdout: "Data link types for lo (use option -y to set):\n  EN10MB (Ethernet)\n"},
		{
			args: "-D",
			stdout: "1.eth0 [Up, Running, Connected]\n2.any (Pseudo-device that captures on all interfaces) [Up, Running]\n3.lo [Up, Running, Loopback]\n" +
				"4.tun0 [Up, Disconnected]\n5.v1 [none, Disconnected]\n",
		},
	} {
		t.Run(c.args, func(t *testing.T) {
			h := &host{packets: seed(), wait: c.wait}
			status, stdout, stderr := run(h, "", strings.Fields(c.args)...)
			if status != c.status {
				t.Errorf("status %d, want %d", status, c.status)
			}
			if diff := cmp.Diff(c.stdout, stdout); diff != "" {
				t.Errorf("output (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.stderr, stderr); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
			if h.open != 0 {
				t.Errorf("%d taps are open still", h.open)
			}
		})
	}
}

// TestWrite writes what is captured and reads it again, with the same filter and text.
func TestWrite(t *testing.T) {
	for _, name := range []string{"lo", Any} {
		file := filepath.Join(t.TempDir(), "x.pcapng")
		h := &host{packets: seed()}
		if status, out, err := run(h, "", "-i", name, "-w", file, "tcp"); status != 0 || out != "" {
			t.Fatalf("status %d, output %q, errors %s", status, out, err)
		}
		_, direct, _ := run(h, "", "-n", "-i", name)
		status, read, err := run(&host{}, "", "-n", "-r", file)
		if status != 0 {
			t.Fatal(err)
		}
		if diff := cmp.Diff(direct, read); diff != "" {
			t.Errorf("%s: what was written reads otherwise (-direct +read):\n%s", name, diff)
		}
		content, e := os.ReadFile(file)
		if e != nil {
			t.Fatal(e)
		}
		r, e := capture.NewReader(bytes.NewReader(content))
		if e != nil {
			t.Fatal(e)
		}
		for i, want := range seed() {
			p, e := r.Next()
			if e != nil {
				t.Fatal(e)
			}
			if p.Comment != want.Comment || p.Direction != want.Direction || p.Interface.Name != want.Interface.Name {
				t.Errorf("%s: packet %d has comment %q, direction %d, interface %q", name, i, p.Comment, p.Direction, p.Interface.Name)
			}
		}
	}
}

// TestEmptyFile writes no packet and reads that.
func TestEmptyFile(t *testing.T) {
	for _, name := range []string{"lo", Any} {
		file := filepath.Join(t.TempDir(), "x.pcapng")
		if status, _, err := run(&host{packets: seed()}, "", "-i", name, "-w", file, "port 9"); status != 0 {
			t.Fatal(err)
		}
		if status, out, err := run(&host{}, "", "-n", "-r", file); status != 0 || out != "" {
			t.Errorf("%s: status %d, %q, %s", name, status, out, err)
		}
	}
}

// TestWriteIsReadByTcpdump lets tcpdump itself read a file of ours.
func TestWriteIsReadByTcpdump(t *testing.T) {
	needTcpdump(t)
	for _, name := range []string{"lo", Any} {
		file := filepath.Join(t.TempDir(), "x.pcapng")
		if status, _, err := run(&host{packets: seed()}, "", "-i", name, "-w", file); status != 0 {
			t.Fatal(err)
		}
		want := tcpdump(t, nil, "-ner", file)
		status, stdout, stderr := run(&host{}, "", "-ner", file)
		got := result{status, stdout, stderr}
		if name == Any {
			// tcpdump does not read the names of interfaces, but asks this machine, and
			// warns that they may be wrong.
			got.stdout = strings.ReplaceAll(got.stdout, "eth0 ", nameOf(2))
			want.stderr = strings.ReplaceAll(want.stderr, "Warning: interface names might be incorrect\n", "")
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(result{})); diff != "" {
			t.Errorf("%s: tcpdump reads otherwise (-tcpdump +ours):\n%s", name, diff)
		}
	}
}

// nameOf is the name of this machine's interface, as wide as it is shown.
func nameOf(index int) string {
	name := "?"
	if i, err := net.InterfaceByIndex(index); err == nil {
		name = i.Name
	}
	return fmt.Sprintf("%-5s", name)
}

type result struct {
	status         int
	stdout, stderr string
}

func needTcpdump(t *testing.T) {
	t.Helper()
	out, err := exec.Command("tcpdump", "--version").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "tcpdump version 4.99.") {
		t.Skip("this test compares with tcpdump 4.99: install tcpdump")
	}
}

func tcpdump(t *testing.T, stdin []byte, args ...string) result {
	t.Helper()
	cmd := exec.Command("tcpdump", args...)
	var stdout, stderr strings.Builder
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// TestCommandLines compares whole runs on a file with tcpdump: text, messages, status.
func TestCommandLines(t *testing.T) {
	needTcpdump(t)
	pkts := packettest.ByLinkType(packettest.Packets())[capture.Ethernet][60:90]
	file, err := packettest.Pcap(pkts)
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range []string{
		"-n -r -", "-nr- -c5", "-n -r - -c 2 tcp", "-nn -tttt -r -", "-nvvvr -", "-r - -nXe port 1234", "-nr - tcp -v", "-n --number -r -", "--count -r -", "-nr - -S -K -vv", "-nl -Ur - -p", "-n -r - -- tcp",
		"-n -r - --absolute", "-nr - host", "-nr - port 99999", "-r", "-c", "-c 0 -r -", "-c x", "-s -1 -r -", "-s x", "-Q foo", "--direction=foo", "-B 0", "-tttttt -r -", "-r /nonexistent/file", "-F /nonexistent/file", "--time-stamp-precision=foo", "-n -r - vlan 5000",
		"-n -r - inbound", "-n -r - -AA -c 1", "-n --nano -r - -c 1", "-nAr - -c1", "-nxr - -c1", "-nxxr - -c1", "-nXXr - -c1", "-nqr - -c4", "-nttr - -c1", "-ntttr - -c3", "-ntttttr - -c3", "-w /nonexistent/x -r -", "-nL -c1 -r -",
	} {
		t.Run(args, func(t *testing.T) {
			want := tcpdump(t, file, strings.Fields(args)...)
			status, stdout, stderr := run(&host{}, string(file), strings.Fields(args)...)
			got := result{status, stdout, stderr}
			want.stderr, got.stderr = withoutUsage(want.stderr), withoutUsage(got.stderr)
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(result{})); diff != "" {
				t.Errorf("(-tcpdump +ours):\n%s", diff)
			}
		})
	}
}

// withoutUsage leaves out the usage, which is each program's own.
func withoutUsage(s string) string {
	before, _, _ := strings.Cut(s, "tcpdump version")
	before, _, _ = strings.Cut(before, version)
	return before
}

// closer is a file that tells whether it was closed.
type closer struct {
	bytes.Buffer
	closed int
	err    error
}

func (c *closer) Close() error {
	c.closed++
	return c.err
}

func TestFileIsClosed(t *testing.T) {
	for _, args := range [][]string{{"-w", "x"}, {"-w", "x", "-c", "1"}, {"-w", "x", "-i", "any"}} {
		file := closer{err: errors.New("no space left")}
		var stderr strings.Builder
		status := Main(context.Background(), args, &host{packets: seed()}, IO{
			Stdout: io.Discard, Stderr: &stderr, Create: func(string) (io.WriteCloser, error) { return &file, nil },
		})
		if file.closed != 1 || status != 1 || !strings.HasSuffix(stderr.String(), "tcpdump: x: no space left\n") {
			t.Errorf("%v: closed %d times, status %d, %s", args, file.closed, status, stderr.String())
		}
	}
}

// TestMixedLinkTypes reads a file whose interfaces have different link types, each filtered
// as its own.
func TestMixedLinkTypes(t *testing.T) {
	var file bytes.Buffer
	w := capture.NewWriter(&file, capture.WriterOptions{})
	for i, p := range seed() {
		if i == 1 {
			p.LinkType, p.Data, p.Length = capture.Raw, p.Data[14:], p.Length-14
		}
		if err := w.Write(&p); err != nil {
			t.Fatal(err)
		}
	}
	status, stdout, stderr := run(&host{}, file.String(), "-ntq", "-r", "-", "src", "127.0.0.2")
	if want := "IP 127.0.0.2.1234 > 127.0.0.1.40000: tcp 0\n"; status != 0 || stdout != want {
		t.Errorf("status %d, output %q, want %q; %s", status, stdout, want, stderr)
	}
}

func TestHelp(t *testing.T) {
	for _, args := range []string{"-h", "--help"} {
		if status, _, stderr := run(&host{}, "", args); status != 0 || !strings.Contains(stderr, "Usage: tcpdump [-") {
			t.Errorf("%s: status %d, %s", args, status, stderr)
		}
	}
	if status, stdout, _ := run(&host{}, "", "--version"); status != 0 || !strings.Contains(stdout, "4.99") {
		t.Errorf("--version: status %d, %s", status, stdout)
	}
	for _, args := range []string{"-k", "--nosuch", "-i", "--direction"} {
		if status, _, stderr := run(&host{}, "", args); status != 1 || !strings.Contains(stderr, "Usage: tcpdump [-") {
			t.Errorf("%s: status %d, %s", args, status, stderr)
		}
	}
}

func TestFilterFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "expression")
	if err := os.WriteFile(name, []byte("tcp # all of it\n and src 127.0.0.2\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, stdout, stderr := run(&host{packets: seed()}, "", "-ntqi", "lo", "-F", name)
	if want := "IP 127.0.0.2.1234 > 127.0.0.1.40000: tcp 0\n"; stdout != want {
		t.Errorf("output %q, want %q; %s", stdout, want, stderr)
	}
}

// FuzzParse looks for command lines that end the parser.
func FuzzParse(f *testing.F) {
	f.Add("-nvi\x00lo\x00--count\x00-c5")
	f.Fuzz(func(_ *testing.T, line string) {
		_, _ = parse(strings.Split(line, "\x00"))
	})
}
