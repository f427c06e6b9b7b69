//go:build linux

package conformance

import (
	"context"
	"errors"
	"testing"

	"github.com/rulewalk/rulewalk/rpdb"
)

// TestLookups is a short run of what cmd/conformance does at length: random states
// and questions, the kernel against the engine.
func TestLookups(t *testing.T) {
	n := 60_000
	if testing.Short() {
		n = 10_000
	}
	for _, f := range []rpdb.Family{rpdb.IPv4, rpdb.IPv6} {
		t.Run(f.String(), func(t *testing.T) {
			r, err := RunLookups(context.Background(), LookupsConfig{
				Family: f, Seed: 1, Lookups: n, Reproduce: 1,
			})
			if errors.Is(err, ErrNoNamespace) {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range r.Found {
				t.Error(m)
			}
			if r.Mismatches > 0 {
				t.Errorf("%d mismatches: %v", r.Mismatches, r.Fields)
			}
			if r.TraceSkipped != nil {
				t.Logf("visited tables not compared: %v", r.TraceSkipped)
			}
			t.Logf("%d lookups, %d mismatches, excluded: %v", r.Lookups, r.Mismatches, r.Excluded)
		})
	}
}
