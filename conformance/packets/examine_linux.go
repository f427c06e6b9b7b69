package packets

import (
	"context"
	"slices"
	"time"

	"github.com/rulewalk/rulewalk/conformance/internal/delta"
)

// minimiseTime bounds how long one mismatch is made smaller.
const minimiseTime = 20 * time.Second

// Reasons for which a difference does not count.
const (
	onlyOnce = "it does not differ again when the network is played with long pauses"
	twoWays  = "the kernel also answers as the lab does when it is asked again"
)

// examine plays a topology in which something differed again, patiently and twice, so that
// only frames count that really differ; it counts and minimises what does.
func (r *run) examine(ctx context.Context, t *Topology, first []*Mismatch) error {
	found, _, err := play(ctx, t, patient, r.cfg.Kernel, nil)
	if err != nil {
		return err
	}
	if len(found) > 0 {
		again, _, err := play(ctx, t, patient, r.cfg.Kernel, nil)
		if err != nil {
			return err
		}
		found = slices.DeleteFunc(found, func(m *Mismatch) bool { return !hasProbe(again, m.probe) })
	}
	for _, m := range first {
		if !hasProbe(found, m.probe) {
			r.exclude(onlyOnce)
		}
	}
	twice := map[*Mismatch]bool{}
	if !r.cfg.Kernel && len(found) > 0 {
		if twice, err = answersTwice(ctx, t, found); err != nil {
			return err
		}
	}
	for _, m := range found {
		if twice[m] {
			r.exclude(twoWays)
			continue
		}
		r.note(ctx, m)
	}
	return nil
}

func hasProbe(ms []*Mismatch, probe int) bool {
	return slices.ContainsFunc(ms, func(m *Mismatch) bool { return m.probe == probe })
}

func (r *run) exclude(why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Excluded[why]++
}

// answersTwice tells the mismatches in which the kernel does not do the same every time: in
// one of several plays of the same network it does, in every frame, what the lab did.
func answersTwice(ctx context.Context, t *Topology, found []*Mismatch) (map[*Mismatch]bool, error) {
	twice := map[*Mismatch]bool{}
	for range 3 {
		_, _, err := play(ctx, t, patient, true, func(probe int, got []result) {
			for _, m := range found {
				if m.probe != probe {
					continue
				}
				for _, kernel := range got {
					if compare(t, probe, []result{kernel, m.got[1]}) == nil {
						twice[m] = true
					}
				}
			}
		})
		if err != nil {
			return nil, err
		}
		if len(twice) == len(found) {
			break
		}
	}
	return twice, nil
}

// note counts a mismatch, and minimises the first of a kind.
func (r *run) note(ctx context.Context, m *Mismatch) {
	r.mu.Lock()
	r.report.Kinds[m.Kind]++
	r.report.Mismatches++
	first := r.report.Kinds[m.Kind] == 1 && len(r.report.Found) < r.cfg.Reproduce
	if first {
		r.report.Found = append(r.report.Found, m)
	}
	r.mu.Unlock()
	if first && m.probe >= 0 {
		r.minimise(ctx, m)
	}
}

// minimise looks for the fewest probes and steps that still bring the same kind of mismatch
// about.
func (r *run) minimise(ctx context.Context, m *Mismatch) {
	deadline := time.Now().Add(minimiseTime)
	kind, best := m.Kind, *m
	try := func(steps []Step, probes []Probe) bool {
		if time.Now().After(deadline) || ctx.Err() != nil {
			return false
		}
		t := part(m.t, steps, probes)
		found, _, err := play(ctx, t, patient, r.cfg.Kernel, nil)
		if err != nil {
			return false
		}
		for _, x := range found {
			if x.Kind == kind && x.probe == len(probes)-1 {
				best = *x
				best.Minimised = true
				return true
			}
		}
		return false
	}
	last := m.t.Probes[m.probe]
	steps, before := m.t.Steps, m.t.Probes[:m.probe]
	with := func(ps []Probe) []Probe { return append(slices.Clone(ps), last) }
	if try(steps, with(nil)) {
		before = nil
	} else {
		before = delta.Shrink(before, func(Probe) bool { return false }, func(ps []Probe) bool { return try(steps, with(ps)) })
	}
	delta.Shrink(steps, func(s Step) bool { return s.Basic }, func(ss []Step) bool { return try(ss, with(before)) })
	r.mu.Lock()
	defer r.mu.Unlock()
	*m = best
}

// part is a topology with some of its steps and other probes, and only the hosts that these
// name.
func part(t *Topology, steps []Step, probes []Probe) *Topology {
	named := map[string]bool{}
	for i := range probes {
		named[probes[i].Host] = true
	}
	for _, s := range steps {
		if s.Basic {
			continue
		}
		named[s.Host] = true
		for _, m := range hostName.FindAllStringSubmatch(s.Args, -1) {
			named[m[1]] = true
		}
	}
	return &Topology{
		Seed: t.Seed, Number: t.Number, Probes: probes,
		Hosts: slices.DeleteFunc(slices.Clone(t.Hosts), func(h string) bool { return !named[h] }),
		Steps: slices.DeleteFunc(slices.Clone(steps), func(s Step) bool { return !named[s.Host] }),
	}
}
