package packets

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Mismatch is a probe that has other consequences in the lab than in the kernel.
type Mismatch struct {
	Kind      string // what differs
	Minimised bool

	t     *Topology
	probe int // -1: a step is refused on one side alone
	step  int
	why   string
	got   []result
}

// compare returns what differs between the results of a probe, nil if nothing does.
func compare(t *Topology, probe int, got []result) *Mismatch {
	m := &Mismatch{t: t, probe: probe, got: got}
	if got[0].errno != got[1].errno {
		m.Kind = fmt.Sprintf("%s: the sender gets %v in the kernel, %v in the lab", family(&t.Probes[probe]), got[0].errno, got[1].errno)
		return m
	}
	for _, place := range places(got) {
		_, what, _ := strings.Cut(place, " ")
		if kind := kindOf(what, comparableFrames(got[0].frames[place]), comparableFrames(got[1].frames[place])); kind != "" {
			m.Kind = kind
			return m
		}
	}
	return nil
}

func family(p *Probe) string {
	name := [...]string{UDP: "UDP", Echo: "echo", Packet: "packet", SYN: "SYN"}[p.Kind]
	if p.Dst.Is6() {
		return name + " IPv6"
	}
	return name + " IPv4"
}

func places(got []result) []string {
	all := map[string]bool{}
	for _, g := range got {
		for p := range g.frames {
			all[p] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// refusal is the mismatch of a step that one side refuses, nil if there is none.
func refusal(t *Topology, refused [2]map[int]string) *Mismatch {
	for i := range t.Steps {
		_, k := refused[0][i]
		_, l := refused[1][i]
		if k == l {
			continue
		}
		words := strings.Fields(t.Steps[i].Args)
		who := "the kernel"
		if l {
			who = "the lab"
		}
		what := strings.Join(words[:min(2, len(words))], " ")
		if t.Steps[i].Tool == "sysctl" {
			what = t.Steps[i].Args
		}
		return &Mismatch{Kind: who + " refuses " + what, t: t, probe: -1, step: i, why: strings.TrimSpace(refused[0][i] + refused[1][i])}
	}
	return nil
}

// String tells the mismatch: how to bring it about, and what both sides do.
func (m *Mismatch) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "MISMATCH %s\n  seed %d, topology %d\n", m.Kind, m.t.Seed, m.t.Number)
	if !m.Minimised {
		b.WriteString("  (not minimised)\n")
	}
	if m.probe < 0 {
		fmt.Fprintf(&b, "  %s\n%s\n", m.t.Steps[m.step], m.why)
		return b.String()
	}
	if m.Minimised {
		for _, s := range m.t.Steps {
			if !s.Basic {
				fmt.Fprintf(&b, "  %s\n", s)
			}
		}
	}
	for i := range m.t.Probes[:m.probe+1] {
		if m.Minimised || i == m.probe {
			fmt.Fprintf(&b, "  %s\n", &m.t.Probes[i])
		}
	}
	for _, p := range places(m.got) {
		m.place(&b, p)
	}
	if m.got[0].errno != m.got[1].errno {
		fmt.Fprintf(&b, "kernel: %v\nlab:    %v\n", m.got[0].errno, m.got[1].errno)
	}
	return b.String()
}

// place writes the frames of a place, those in common once.
func (m *Mismatch) place(b *strings.Builder, place string) {
	k, l := m.got[0].frames[place], m.got[1].frames[place]
	kc, lc := comparableFrames(k), comparableFrames(l)
	for i := range max(len(kc), len(lc)) {
		var x, y []byte
		if i < len(kc) {
			x = kc[i]
		}
		if i < len(lc) {
			y = lc[i]
		}
		switch {
		case slices.Equal(x, y):
			fmt.Fprintf(b, "both:   %s: %s\n", place, describe(x))
			continue
		case x != nil && y != nil && describe(x) == describe(y):
			at := firstDiff(x, y)
			fmt.Fprintf(b, "kernel: %s: %s\n        from byte %d on %x\nlab:    from byte %[3]d on %[5]x\n", place, describe(x), at, x[at:min(at+16, len(x))], y[at:min(at+16, len(y))])
			continue
		}
		if x != nil {
			fmt.Fprintf(b, "kernel: %s: %s\n", place, describe(x))
		}
		if y != nil {
			fmt.Fprintf(b, "lab:    %s: %s\n", place, describe(y))
		}
	}
}
