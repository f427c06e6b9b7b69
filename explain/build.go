package explain

import (
	"github.com/rulewalk/rulewalk/rpdb"
)

// NewView makes the view of a report. The report is only read; calls for different
// reports may run at the same time. It costs as much as the walk is long, and one
// Build of the database for each setting tried if WhatIf is set.
func NewView(r *Report) *View {
	b := &builder{r: r, walk: r.Walk, st: r.DB.State(), w: newWords(r.Words, r.DB.State())}
	b.view.Schema = Schema
	b.view.State = r.Source
	b.view.Warnings = r.Warnings
	b.view.Notes = append(b.view.Notes, r.Notes...)
	b.flow()
	b.lookups()
	b.checks()
	b.decision()
	b.legs()
	b.source()
	b.alternatives()
	if r.WhatIf {
		b.wouldPass()
	}
	b.kernel()
	b.unknown()
	b.outside()
	b.view.Answer = b.answer(&b.walk.Decision, &b.walk.Flow)
	return &b.view
}

// builder makes one view.
type builder struct {
	r    *Report
	walk *rpdb.Walk
	st   *rpdb.State
	w    *words
	view View
}

func (b *builder) input() bool { return b.walk.Flow.IIF != 0 }

func (b *builder) flow() {
	f := &b.walk.Flow
	v := FlowView{
		Family: f.Family().String(), Direction: "output", Dst: f.Dst.String(), Src: address(f.Src),
		Mark: f.Mark, TOS: f.TOS, UID: f.UID, SPort: f.SPort, DPort: f.DPort,
		FlowLabel: f.FlowLabel, TunID: f.TunID, Unknown: fieldNames(f.Unknown),
	}
	if b.input() {
		v.Direction, v.IIF = "input", b.w.dev(f.IIF)
	}
	if f.OIF != 0 {
		v.OIF = b.w.dev(f.OIF)
	}
	if f.IPProto != 0 {
		v.IPProto = b.w.proto(f.IPProto)
	}
	b.view.Flow = v
}

func (b *builder) decision() {
	d := &b.walk.Decision
	v := DecisionView{
		Src: address(d.Src), Via: address(d.Gateway), Drop: d.Drop.String(),
		Undetermined: d.Undetermined, Depends: fieldNames(d.Depends),
	}
	if d.Err != rpdb.OK {
		v.Error = d.Err.Name()
	}
	if d.Type != rpdb.TypeUnspec {
		v.Type = d.Type.String()
	}
	if d.OIF != 0 {
		v.Dev = b.w.dev(d.OIF)
	}
	if d.Table != 0 {
		v.Table = b.w.table(d.Table)
	}
	if d.Route != nil {
		v.Prefix, v.Metric = prefix(d.Route.Dst), d.Route.Priority
		v.Table = b.w.table(d.Route.Table)
	}
	switch step := b.decidingStep(); {
	case d.Rule != nil:
		v.Rule = &d.Rule.Pref
	case step != nil:
		v.Rule = step.Pref
	}
	b.view.Decision = v
}

// decidingStep returns the step that ended the packet's own lookup, nil if none
// did.
func (b *builder) decidingStep() *StepView {
	for i := range b.view.Steps {
		s := &b.view.Steps[i]
		if s.Verdict != rpdb.Matched.String() {
			continue
		}
		if s.Table != "" || s.Error != "" {
			return s
		}
	}
	return nil
}

func (b *builder) legs() {
	d := &b.walk.Decision
	for _, l := range b.r.DB.Legs(&b.walk.Flow, d) {
		b.view.Legs = append(b.view.Legs, LegView{
			Via: address(l.Hop.Gateway), Dev: b.w.dev(l.Hop.Dev), Src: address(l.Src),
			Share: l.Share, Skipped: l.Skipped, Chosen: !d.Undetermined && l.Index == d.Leg,
		})
	}
}

func (b *builder) kernel() {
	k := b.r.Kernel
	b.view.Kernel = KernelView{
		Asked: k.Asked, Agrees: k.Agrees, Reply: k.Reply, Why: k.Why, Release: k.Release,
		Differs: k.Differs,
	}
	if k.Asked && !k.Agrees {
		b.view.Kernel.Expected = k.Expected
	}
}
