package packets_test

import (
	"testing"

	"github.com/rulewalk/rulewalk/conformance/packets"
	"github.com/rulewalk/rulewalk/internal/testns"
)

func TestMain(m *testing.M) { testns.Main(m) }

// TestPacketsLikeKernel is a short run of the comparison with the kernel: every difference
// that comes again fails.
func TestPacketsLikeKernel(t *testing.T) {
	for _, seed := range []uint64{1, 7} {
		compare(t, packets.Config{Seed: seed, Packets: 360, Reproduce: 2})
	}
}

// TestKernelLikeItself proves that what is masked is enough: two copies of one network in
// one kernel send the same frames.
func TestKernelLikeItself(t *testing.T) {
	compare(t, packets.Config{Seed: 3, Packets: 360, Kernel: true})
}

func compare(t *testing.T, c packets.Config) {
	t.Helper()
	testns.New(t) // skips where there are none
	r, err := packets.Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range r.Found {
		t.Error(m)
	}
	if r.Mismatches > 0 || r.Packets != c.Packets || r.Frames < c.Packets {
		t.Errorf("seed %d: %d packets, %d frames, %d mismatches: %v", c.Seed, r.Packets, r.Frames, r.Mismatches, r.Kinds)
	}
	if n := r.ExcludedTotal(); n > c.Packets/20 {
		t.Errorf("seed %d: %d of %d packets excluded: %v", c.Seed, n, c.Packets, r.Excluded)
	}
}
