package filter

import (
	"strings"
	"testing"

	"github.com/rulewalk/rulewalk/lab/internal/capture"
	"github.com/rulewalk/rulewalk/lab/internal/packettest"
)

var links = []capture.LinkType{capture.Ethernet, capture.Raw, capture.LinuxSLL, capture.LinuxSLL2}

// TestDirection covers what needs a live capture: tests of what a frame does not tell.
func TestDirection(t *testing.T) {
	p := capture.Packet{LinkType: capture.Ethernet, Interface: capture.Interface{Index: 7}}
	for expression, want := range map[string][]capture.Direction{
		"outbound":               {capture.Out},
		"inbound":                {capture.In, capture.Broadcast, capture.Multicast, capture.OtherHost, capture.Unknown},
		"ifindex 7 and outbound": {capture.Out},
		"ifindex 8":              nil,
	} {
		f, err := Compile(expression, Options{LinkType: capture.Ethernet})
		if err != nil {
			t.Fatal(err)
		}
		var got []capture.Direction
		for _, d := range []capture.Direction{capture.In, capture.Broadcast, capture.Multicast, capture.OtherHost, capture.Unknown, capture.Out} {
			if p.Direction = d; f.Match(&p) {
				got = append(got, d)
			}
		}
		if len(got) != len(want) {
			t.Errorf("%s: matches %v, want %v", expression, got, want)
		}
	}
}

func TestNetmask(t *testing.T) {
	f, err := Compile("ip broadcast", Options{LinkType: capture.Raw, Netmask: 0xffffff00})
	if err != nil {
		t.Fatal(err)
	}
	for dst, want := range map[string]bool{"\x0a\x00\x00\xff": true, "\x0a\x00\x00\x00": true, "\x0a\x00\x00\x01": false} {
		p := capture.Packet{LinkType: capture.Raw, Data: []byte("\x45" + strings.Repeat("\x00", 15) + dst)}
		if got := f.Match(&p); got != want {
			t.Errorf("to %x: %v, want %v", dst, got, want)
		}
	}
}

// TestDeep makes sure that no expression exhausts the stack or the clock.
func TestDeep(t *testing.T) {
	for _, e := range []string{strings.Repeat("(", 5000) + "tcp" + strings.Repeat(")", 5000), strings.Repeat("not ", 5000) + "tcp", strings.Repeat("(", 5000), "ip[" + strings.Repeat("(", 5000) + "0"} {
		if _, err := Compile(e, Options{LinkType: capture.Ethernet}); err == nil {
			t.Errorf("%.20s...: no error", e)
		}
	}
}

func TestMatchDoesNotAllocate(t *testing.T) {
	f, err := Compile("tcp port 80 and host 10.0.0.1 or tcp[tcpflags] & tcp-syn != 0 and not vlan", Options{LinkType: capture.Ethernet})
	if err != nil {
		t.Fatal(err)
	}
	pkts := packettest.ByLinkType(packettest.Packets())[capture.Ethernet]
	i := 0
	if n := testing.AllocsPerRun(1000, func() { f.Match(&pkts[i%len(pkts)]); i++ }); n != 0 {
		t.Errorf("%v allocations for a packet", n)
	}
}

func BenchmarkMatch(b *testing.B) {
	f, err := Compile("tcp port 80 and host 10.0.0.1 or udp port 53", Options{LinkType: capture.Ethernet})
	if err != nil {
		b.Fatal(err)
	}
	pkts := packettest.ByLinkType(packettest.Packets())[capture.Ethernet]
	for i := 0; b.Loop(); i++ {
		f.Match(&pkts[i%len(pkts)])
	}
}

// FuzzCompile looks for expressions that end the compiler or its program.
func FuzzCompile(f *testing.F) {
	for i, e := range written {
		f.Add(e, uint8(i))
	}
	pkts := packettest.ByLinkType(packettest.Packets())
	f.Fuzz(func(t *testing.T, expression string, n uint8) {
		link := links[int(n)%len(links)]
		p, err := Compile(expression, Options{LinkType: link, Names: names, Savefile: n&4 != 0})
		if err != nil {
			if err.Error() == "" {
				t.Error("an error without words")
			}
			return
		}
		for i := range 20 {
			all := pkts[link]
			p.Match(&all[(int(n)+i*31)%len(all)])
		}
	})
}
