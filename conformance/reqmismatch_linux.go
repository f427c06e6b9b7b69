package conformance

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rulewalk/rulewalk/conformance/internal/delta"
	"github.com/rulewalk/rulewalk/rpdb"
)

// ReqMismatch is a request that kernel and emulation answer differently.
type ReqMismatch struct {
	Area          string
	Seed, Program uint64
	Kind          string // what differs
	Minimised     bool

	steps         []reqStep // the last one differs
	kernel, netns reqOutcome
}

// String tells the mismatch: how to bring it about, and what both say.
func (m *ReqMismatch) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "MISMATCH %s\n  area %s, seed %d, program %d\nin a fresh network namespace:\n", m.Kind, m.Area, m.Seed, m.Program)
	if !m.Minimised {
		b.WriteString("  (not minimised)\n")
	}
	lines := reqCommands(m.steps)
	if !m.Minimised && len(lines) > 6 {
		lines = append([]string{"..."}, lines[len(lines)-6:]...)
	}
	for _, l := range lines {
		fmt.Fprintf(&b, "  %s\n", l)
	}
	last := &m.steps[len(m.steps)-1]
	if last.data != nil && last.spoilt == "" {
		fmt.Fprintf(&b, "  the last: %s\n", describe(last.data))
	}
	m.sides(&b, "answer", m.kernel.answers, m.netns.answers)
	m.sides(&b, "notification", m.kernel.notes, m.netns.notes)
	if m.kernel.err != m.netns.err {
		fmt.Fprintf(&b, "kernel: %s\nnetns:  %s\n", m.kernel.err, m.netns.err)
	}
	return b.String()
}

// sides writes two lists of messages, those in common once.
func (m *ReqMismatch) sides(b *strings.Builder, what string, k, n [][]byte) {
	if diffLists(k, n) == "" {
		return
	}
	for i := range max(len(k), len(n)) {
		var x, y string
		if i < len(k) {
			x = describe(k[i])
		}
		if i < len(n) {
			y = describe(n[i])
		}
		if x == y {
			fmt.Fprintf(b, "both:   %s %d: %s\n", what, i, x)
			continue
		}
		if x != "" {
			fmt.Fprintf(b, "kernel: %s %d: %s\n", what, i, x)
		}
		if y != "" {
			fmt.Fprintf(b, "netns:  %s %d: %s\n", what, i, y)
		}
	}
}

// Room names the part of the emulation that the mismatch concerns most.
func (m *ReqMismatch) Room() string {
	s := &m.steps[len(m.steps)-1]
	t, f := s.typ()
	switch t &^ 3 {
	case msgLink, 108:
		return "links"
	case msgAddr:
		return "addrs"
	case msgRoute:
		if f == rpdb.IPv6 {
			return "routes6"
		}
		return "routes4"
	case msgNeigh:
		return "neighs"
	case 32:
		return "rules"
	case msgNextHop, msgBucket:
		return "nexthops"
	}
	return m.Area
}

// minimise looks for the fewest steps that still bring the same kind of mismatch about.
func (r *reqRun) minimise(m *ReqMismatch) {
	deadline := time.Now().Add(minimiseTime)
	last := m.steps[len(m.steps)-1]
	fails := func(steps []reqStep) bool {
		if time.Now().After(deadline) {
			return false
		}
		steps = append(slices.Clone(steps), last)
		found, _, err := r.play(&reqProgram{area: m.Area, seed: m.Seed, number: m.Program}, steps)
		if err != nil {
			return false
		}
		for _, x := range found {
			if x.Kind == m.Kind {
				m.steps, m.kernel, m.netns, m.Minimised = x.steps, x.kernel, x.netns, true
				return true
			}
		}
		return false
	}
	before := m.steps[:len(m.steps)-1]
	if !fails(before) {
		return
	}
	delta.Shrink(before, func(reqStep) bool { return false }, fails)
}
