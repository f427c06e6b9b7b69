package lab_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/rulewalk/rulewalk/lab"
	"github.com/rulewalk/rulewalk/netns"
)

// chain is a world of hosts in a row, h0 and the last one at its ends and routers between
// them.
func chain(t testing.TB, hosts int) (*lab.Server, []*lab.Host) {
	t.Helper()
	world, row := openChain(t, hosts)
	t.Cleanup(world.Close)
	return world, row
}

// openChain is chain for who closes the world.
func openChain(t testing.TB, hosts int) (*lab.Server, []*lab.Host) {
	t.Helper()
	world, err := lab.NewServer("chain", netns.Config{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	row := make([]*lab.Host, hosts)
	for i := range row {
		name := fmt.Sprint("h", i)
		if _, err := world.AddHost(name); err != nil {
			t.Fatal(err)
		}
		if row[i], err = world.Host(name); err != nil {
			t.Fatal(err)
		}
		command(t, row[i], "ip link set lo up", "sysctl -w net.ipv4.ip_forward=1")
	}
	for i := range hosts - 1 {
		if err := lab.Link(row[i], "right", row[i+1], "left"); err != nil {
			t.Fatal(err)
		}
		command(t, row[i], fmt.Sprintf("ip addr add 10.0.%d.1/24 dev right", i))
		command(t, row[i+1], fmt.Sprintf("ip addr add 10.0.%d.2/24 dev left", i))
	}
	for i := range hosts {
		if i < hosts-2 {
			command(t, row[i], fmt.Sprintf("ip route add 10.0.%d.0/24 via 10.0.%d.2", hosts-2, i))
		}
		if i > 1 {
			command(t, row[i], fmt.Sprintf("ip route add 10.0.0.0/24 via 10.0.%d.1", i-1))
		}
	}
	return world, row
}

func command(t testing.TB, h *lab.Host, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if _, err := h.Command(line); err != nil {
			t.Fatal(err)
		}
	}
}

// transfer sends n bytes from the first host to the last and checks that they arrive.
func transfer(t testing.TB, row []*lab.Host, n int64) {
	t.Helper()
	last := fmt.Sprintf("10.0.%d.2", len(row)-2)
	l, err := row[len(row)-1].Listen("tcp", last+":9000")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	sums := make(chan string, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			sums <- err.Error()
			return
		}
		defer func() { _ = c.Close() }()
		h := sha256.New()
		if got, err := io.Copy(h, c); err != nil || got != n {
			sums <- fmt.Sprint(got, " bytes: ", err)
			return
		}
		sums <- hex.EncodeToString(h.Sum(nil))
	}()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, err := row[0].DialContext(ctx, "tcp", last+":9000")
	if err != nil {
		t.Fatal(err)
	}
	h := sha256.New()
	data := rand.NewChaCha8([32]byte{1})
	if _, err := io.Copy(io.MultiWriter(c, h), io.LimitReader(data, n)); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if got, want := <-sums, hex.EncodeToString(h.Sum(nil)); got != want {
		t.Errorf("arrived: %s, sent: %s", got, want)
	}
}

// TestTransfer sends data through ten routers whose cables lose and reorder frames, while
// the route in the middle goes back and forth between two cables. RULEWALK_TRANSFER is the number of
// bytes, 4 MiB if it is not set.
func TestTransfer(t *testing.T) {
	n := int64(4 << 20)
	if s := os.Getenv("RULEWALK_TRANSFER"); s != "" {
		var err error
		if n, err = strconv.ParseInt(s, 0, 64); err != nil {
			t.Fatal(err)
		}
	}
	_, row := chain(t, 12)
	for i, h := range row[:len(row)-1] {
		if err := h.Impair("right", lab.Impairment{Loss: 0.00002, Reorder: 0.0001, Delay: 20 * time.Microsecond, Seed: uint64(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := lab.Link(row[5], "other", row[6], "other"); err != nil {
		t.Fatal(err)
	}
	command(t, row[5], "ip addr add 10.1.5.1/24 dev other")
	command(t, row[6], "ip addr add 10.1.5.2/24 dev other")
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(100 * time.Millisecond):
			}
			_, _ = row[5].IP(fmt.Sprintf("route replace 10.0.10.0/24 via 10.%d.5.2", (i+1)%2))
		}
	}()
	transfer(t, row, n)
	close(stop)
	<-done
}

// BenchmarkHosts is what 1,000 hosts take that have a cable and an address and do nothing.
func BenchmarkHosts(b *testing.B) {
	for b.Loop() {
		before := heap()
		world, err := lab.NewServer("hosts", netns.Config{})
		if err != nil {
			b.Fatal(err)
		}
		var last *lab.Host
		for i := range 1000 {
			name := fmt.Sprint("h", i)
			if _, err := world.AddHost(name); err != nil {
				b.Fatal(err)
			}
			h, err := world.Host(name)
			if err != nil {
				b.Fatal(err)
			}
			command(b, h, "ip link set lo up")
			if last != nil {
				if err := lab.Link(last, "right", h, "left"); err != nil {
					b.Fatal(err)
				}
				command(b, h, fmt.Sprintf("ip addr add 10.%d.%d.2/24 dev left", i>>8, i&255))
			}
			last = h
		}
		b.ReportMetric((heap()-before)/1000, "B/host")
		world.Close()
	}
}

// heap is the memory that is in use, in bytes.
func heap() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}
