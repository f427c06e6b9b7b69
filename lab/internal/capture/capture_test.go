package capture

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
)

var (
	eth0 = Interface{Name: "eth0", Index: 2, Hardware: HardwareEthernet}
	lo   = Interface{Name: "lo", Index: 1, Hardware: HardwareLoopback}
)

// arpFrame is an ARP request on Ethernet.
func arpFrame() []byte {
	return []byte("\xff\xff\xff\xff\xff\xff\x02\x00\x00\x00\x00\x01\x08\x06" +
		"\x00\x01\x08\x00\x06\x04\x00\x01\x02\x00\x00\x00\x00\x01\x0a\x00\x00\x01\x00\x00\x00\x00\x00\x00\x0a\x00\x00\x02")
}

func packets() []Packet {
	at := time.Date(2026, 1, 2, 3, 4, 5, 123456789, time.UTC)
	frame := arpFrame()
	p := func(i Interface, d Direction, comment string) Packet {
		at = at.Add(time.Second)
		return Packet{Time: at, LinkType: Ethernet, Data: frame, Length: len(frame), Interface: i, Direction: d, Comment: comment}
	}
	cut := p(eth0, Multicast, "cut")
	cut.Truncate(20)
	return []Packet{
		p(eth0, Out, "rule 0: table local, local 10.0.0.1 dev lo"), p(eth0, In, ""), p(lo, Broadcast, "two\nlines, “quoted”"), p(eth0, OtherHost, "x"), p(lo, Unknown, ""), cut,
	}
}

func write(t *testing.T, pkts []Packet) []byte {
	t.Helper()
	var file bytes.Buffer
	w := NewWriter(&file, WriterOptions{Application: "rulewalk", Filter: "arp", SnapLength: 262144})
	for i := range pkts {
		before := file.Len()
		if err := w.Write(&pkts[i]); err != nil {
			t.Fatal(err)
		}
		if file.Len() == before {
			t.Fatalf("packet %d is not in the file after it was written", i)
		}
	}
	return file.Bytes()
}

func readAll(t *testing.T, file []byte) (*Reader, []Packet) {
	t.Helper()
	r, err := NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	var pkts []Packet
	for {
		p, err := r.Next()
		if errors.Is(err, io.EOF) {
			return r, pkts
		}
		if err != nil {
			t.Fatal(err)
		}
		pkts = append(pkts, p)
	}
}

func TestWrittenIsRead(t *testing.T) {
	want := packets()
	r, got := readAll(t, write(t, want))
	for i := range want {
		// The file does not keep these: a cooked header does.
		want[i].Interface.Index, want[i].Interface.Hardware = 0, 0
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("read differs (-written +read):\n%s", diff)
	}
	if r.LinkType() != Ethernet || r.SnapLength() != 262144 {
		t.Errorf("link type %v, snapshot length %d", r.LinkType(), r.SnapLength())
	}
}

func TestCookedKeepsInterfaceAndDirection(t *testing.T) {
	var cooked []Packet
	for _, p := range packets() {
		cooked = append(cooked, p.Cook())
	}
	_, got := readAll(t, write(t, cooked))
	for i := range got {
		want := cooked[i]
		if want.Direction == Unknown {
			want.Direction = In // a cooked header has no word for it
		}
		if diff := cmp.Diff(want, got[i]); diff != "" {
			t.Errorf("packet %d (-written +read):\n%s", i, diff)
		}
	}
	header := cooked[0].Data[:SLL2Len]
	want := "\x08\x06\x00\x00\x00\x00\x00\x02\x00\x01\x04\x06\x02\x00\x00\x00\x00\x01\x00\x00"
	if string(header) != want {
		t.Errorf("header %x, want %x", header, want)
	}
}

func TestCookOthers(t *testing.T) {
	for _, c := range []struct {
		name   string
		packet Packet
		want   string // the protocol and what follows the header
	}{
		{"IPv4 without header", Packet{LinkType: Raw, Data: []byte("\x45xyz")}, "\x08\x00\x45xyz"},
		{"IPv6 without header", Packet{LinkType: Raw, Data: []byte("\x60xyz")}, "\x86\xdd\x60xyz"},
		{"802.2", Packet{LinkType: Ethernet, Data: []byte("123456abcdef\x00\x03\x42\x42\x03")}, "\x00\x04\x42\x42\x03"},
		{"802.3", Packet{LinkType: Ethernet, Data: []byte("123456abcdef\x00\x03\xff\xff\x03")}, "\x00\x01\xff\xff\x03"},
	} {
		c.packet.Length = len(c.packet.Data)
		got := c.packet.Cook()
		if b := string(got.Data[:2]) + string(got.Data[SLL2Len:]); b != c.want || got.LinkType != LinuxSLL2 || got.Length != len(got.Data) {
			t.Errorf("%s: %q of %d bytes, want %q", c.name, b, got.Length, c.want)
		}
	}
	short := Packet{LinkType: Ethernet, Data: []byte("short")}
	if got := short.Cook(); got.LinkType != Ethernet {
		t.Error("a frame without a whole header was cooked")
	}
}

func TestEmptyFile(t *testing.T) {
	var file bytes.Buffer
	if err := NewWriter(&file, WriterOptions{}).Describe("eth0", Raw); err != nil {
		t.Fatal(err)
	}
	if r, got := readAll(t, file.Bytes()); len(got) != 0 || r.LinkType() != Raw {
		t.Errorf("%d packets of link type %v", len(got), r.LinkType())
	}
}

func TestReadsPcap(t *testing.T) {
	for _, w := range map[string]func(io.Writer) *pcapgo.Writer{"micro": pcapgo.NewWriter, "nano": pcapgo.NewWriterNanos} {
		var file bytes.Buffer
		pw := w(&file)
		if err := pw.WriteFileHeader(65535, layers.LinkTypeEthernet); err != nil {
			t.Fatal(err)
		}
		at := time.Date(2026, 1, 2, 3, 4, 5, 123456000, time.UTC)
		if err := pw.WritePacket(gopacket.CaptureInfo{Timestamp: at, CaptureLength: 42, Length: 99}, arpFrame()); err != nil {
			t.Fatal(err)
		}
		r, got := readAll(t, file.Bytes())
		want := []Packet{{Time: at, LinkType: Ethernet, Data: arpFrame(), Length: 99}}
		if diff := cmp.Diff(want, got); diff != "" || r.SnapLength() != 65535 {
			t.Errorf("snapshot length %d (-want +got):\n%s", r.SnapLength(), diff)
		}
	}
}

func TestWrongFiles(t *testing.T) {
	for content, want := range map[string]string{
		"":               "truncated dump file; tried to read 4 file header bytes, only got 0",
		"abc":            "truncated dump file; tried to read 4 file header bytes, only got 3",
		"neither of two": "unknown file format",
	} {
		if _, err := NewReader(strings.NewReader(content)); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", content, err, want)
		}
	}
}

// TestTshark lets tshark read a file: what was written must be there for others too.
func TestTshark(t *testing.T) {
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Skip("this test reads files with tshark: install tshark")
	}
	for _, c := range []struct {
		name string
		cook bool
		want string
	}{
		{"Ethernet", false, "eth0|0x00000002|rule 0: table local, local 10.0.0.1 dev lo|1767323047.123456789|42\n" +
			"eth0|0x00000005||1767323048.123456789|42\n" +
			"lo|0x0000000d|two\\nlines, “quoted”|1767323049.123456789|42\n" +
			"eth0|0x00000011|x|1767323050.123456789|42\n" +
			"lo|||1767323051.123456789|42\n" +
			"eth0|0x00000009|cut|1767323046.123456789|42\n"},
		{"cooked", true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			pkts := packets()
			if c.cook {
				for i := range pkts {
					pkts[i] = pkts[i].Cook()
				}
			}
			name := filepath.Join(t.TempDir(), "x.pcapng")
			if err := os.WriteFile(name, write(t, pkts), 0o644); err != nil {
				t.Fatal(err)
			}
			fields := []string{"frame.interface_name", "frame.packet_flags", "frame.comment", "frame.time_epoch", "frame.len"}
			if c.cook {
				fields = []string{"frame.interface_name", "sll.ifindex", "sll.pkttype", "arp.dst.proto_ipv4"}
			}
			got := tshark(t, name, fields)
			if c.cook {
				c.want = "eth0|2|4|10.0.0.2\neth0|2|0|10.0.0.2\nlo|1|1|10.0.0.2\neth0|2|3|10.0.0.2\nlo|1|0|10.0.0.2\neth0|2|2|\n"
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("tshark reads (-want +got):\n%s", diff)
			}
		})
	}
}

func tshark(t *testing.T, name string, fields []string) string {
	t.Helper()
	args := []string{"-n", "-r", name, "-T", "fields", "-E", "separator=|"}
	for _, f := range fields {
		args = append(args, "-e", f)
	}
	cmd := exec.Command("tshark", args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("tshark: %v\n%s", err, stderr.String())
	}
	return string(out)
}

// FuzzReader looks for files that end the reader.
func FuzzReader(f *testing.F) {
	var file bytes.Buffer
	w := NewWriter(&file, WriterOptions{})
	for _, p := range packets() {
		if err := w.Write(&p); err != nil {
			f.Fatal(err)
		}
	}
	f.Add(file.Bytes())
	f.Fuzz(func(_ *testing.T, b []byte) {
		r, err := NewReader(bytes.NewReader(b))
		for i := 0; err == nil && i < 1000; i++ {
			_, err = r.Next()
		}
	})
}
