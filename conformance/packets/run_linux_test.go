package packets_test

import (
	"testing"

	"github.com/rulewalk/rulewalk/conformance/packets"
	"github.com/rulewalk/rulewalk/internal/testns"
)

func TestMain(m *testing.M) { testns.Main(m) }

// TestPacketsLikeKernel is a short run of the comparison with the kernel.
func TestPacketsLikeKernel(t *testing.T) {
	testns.New(t) // skips where there are none
	compare(t, packets.Config{Seed: 1, Packets: 240, Reproduce: 2, NoMacvlans: true})
}

// TestKernelLikeItself proves that what is masked is enough: two copies of one network in
// one kernel send the same frames.
func TestKernelLikeItself(t *testing.T) {
	testns.New(t)
	compare(t, packets.Config{Seed: 3, Packets: 360, Kernel: true, NoMacvlans: true})
}

// compare fails only if the sides differ in each of three tries, so it does not find what
// differs now and then; the long run counts every difference.
func compare(t *testing.T, c packets.Config) {
	t.Helper()
	var r *packets.Report
	for range 3 {
		var err error
		if r, err = packets.Run(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		if r.Mismatches == 0 {
			break
		}
		t.Logf("%d mismatches: %v; asked again", r.Mismatches, r.Kinds)
	}
	for _, m := range r.Found {
		t.Error(m)
	}
	if r.Mismatches > 0 || r.Packets != c.Packets || r.Frames == 0 {
		t.Errorf("%d packets, %d frames, %d mismatches: %v", r.Packets, r.Frames, r.Mismatches, r.Kinds)
	}
}
