package snapshot

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"testing"

	"github.com/rulewalk/rulewalk/internal/fulltable"
)

func gateway(i int) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, byte(i%32 + 1)}) }

// randomPrefix returns the i'th of as many different prefixes as are asked for.
func randomPrefix(rnd *rand.Rand, i int) netip.Prefix {
	bits := 24
	a := uint32(i) << 8
	if rnd.IntN(4) == 0 {
		bits, a = 32, a|uint32(rnd.IntN(255)+1)
	}
	a += 1 << 24
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(a >> 24), byte(a >> 16), byte(a >> 8), byte(a)}), bits)
}

// millionRoutes is the real table, filled up to a million, as ip route shows it.
func millionRoutes(b *testing.B) []byte {
	var w bytes.Buffer
	w.WriteString("1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536\n2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500\n")
	n := 0
	prefixes, err := fulltable.Of(true)
	if err != nil {
		b.Skip(err)
	}
	for _, p := range prefixes {
		fmt.Fprintf(&w, "%s via %s dev eth0 proto bgp metric 20 \n", p, gateway(n))
		n++
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for ; n < 1_000_000; n++ {
		fmt.Fprintf(&w, "%s via %s dev eth0 table 100 proto bgp metric 20 \n", randomPrefix(rnd, n), gateway(n))
	}
	return w.Bytes()
}

// loading reports, beside the time, the memory that the state of data holds and
// the most that the heap grew to on the way.
func loading(b *testing.B, data []byte, routes int) {
	b.SetBytes(int64(len(data)))
	var held, peak uint64
	for b.Loop() {
		runtime.GC()
		before := heap()
		r := &watched{r: bytes.NewReader(data)}
		s, err := (&Options{Stdin: r}).Open("-")
		if err != nil {
			b.Fatal(err)
		}
		if len(s.State.Routes) < routes { // table local is derived
			b.Fatalf("%d routes of %d", len(s.State.Routes), routes)
		}
		peak = max(r.peak, heap()) - before
		runtime.GC()
		held = heap() - before
		runtime.KeepAlive(s)
	}
	b.ReportMetric(float64(held)/(1<<20), "held-MiB")
	b.ReportMetric(float64(peak)/(1<<20), "peak-MiB")
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// watched notes the heap's size every few megabytes.
type watched struct {
	r    io.Reader
	n    int
	peak uint64
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if w.n += n; w.n > 4<<20 || err != nil {
		w.n = 0
		w.peak = max(w.peak, heap())
	}
	return n, err
}

func BenchmarkMillionRoutesText(b *testing.B) { loading(b, millionRoutes(b), 1_000_000) }

func BenchmarkMillionRoutesArchive(b *testing.B) {
	var w bytes.Buffer
	if err := Write(&w, randomCapture(b, 1_000_000)); err != nil {
		b.Fatal(err)
	}
	loading(b, w.Bytes(), 1_000_000)
}
