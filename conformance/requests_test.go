//go:build linux

package conformance

import (
	"context"
	"errors"
	"testing"
)

// TestKernelAgreesWithItself proves that what the comparison of requests leaves out is
// enough: two namespaces of the running kernel say the same to the same programs.
func TestKernelAgreesWithItself(t *testing.T) {
	r, err := RunRequests(context.Background(), RequestsConfig{Seed: 1, Requests: 4000, Kernel: true})
	if errors.Is(err, ErrNoNamespace) || errors.Is(err, ErrNoFilter) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range r.Found {
		report(t, m, true)
	}
}

// report fails the test for a mismatch that comes again. One that does not is of work
// that the kernel puts off and that a busy machine let come late.
func report(t *testing.T, m *ReqMismatch, kernel bool) {
	for range 3 {
		again, err := RunRequests(context.Background(), RequestsConfig{
			Seed: m.Seed, Requests: 1, Only: []string{m.Area}, First: m.Program, Workers: 1, Kernel: kernel,
		})
		if err != nil {
			t.Fatal(err)
		}
		if again.Kinds[m.Kind] == 0 {
			t.Logf("did not come again: %s", m)
			return
		}
	}
	t.Error(m)
}

// TestRequests is a short run of what cmd/conformance does at length: random programs
// of requests, the kernel against netns, area by area.
func TestRequests(t *testing.T) {
	n := 3000
	if testing.Short() {
		n = 600
	}
	for _, area := range ReqAreas() {
		t.Run(area, func(t *testing.T) {
			r, err := RunRequests(context.Background(), RequestsConfig{
				Seed: 1, Requests: n, Only: []string{area}, Reproduce: 2,
			})
			if errors.Is(err, ErrNoNamespace) || errors.Is(err, ErrNoFilter) {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			if missing := r.NotBuilt[area]; missing != "" {
				t.Skipf("netns lacks %s", missing)
			}
			t.Logf("%d requests, %d mismatches, excluded: %v", r.Requests, r.Mismatches, r.Excluded)
			for _, m := range r.Found {
				report(t, m, false)
			}
		})
	}
}
