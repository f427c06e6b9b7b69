package cli

import (
	"fmt"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/rulewalk/rulewalk/rtnl"
)

// patience is how long something may take before a terminal shows its progress.
const patience = 700 * time.Millisecond

// progress shows on a terminal how far something has come. All its methods do
// nothing on a nil progress, which is what there is without a terminal.
type progress struct {
	bars *mpb.Progress
	bar  *mpb.Bar
	what string
	n    int64
}

// newProgress starts a bar, a spinner where total is 0.
func (a *app) newProgress(what string, total int64) *progress {
	f := terminal(a.env.Stderr)
	if f == nil {
		return nil
	}
	p := &progress{what: what}
	p.bars = mpb.New(mpb.WithOutput(f), mpb.WithWidth(40), mpb.WithRenderDelay(after(patience)))
	label := mpb.PrependDecorators(decor.Any(func(decor.Statistics) string { return p.what + " " }))
	count := mpb.AppendDecorators(decor.Any(func(s decor.Statistics) string { return fmt.Sprintf(" %d", s.Current) }))
	if total == 0 {
		p.bar = p.bars.AddSpinner(0, label, count, mpb.BarRemoveOnComplete())
	} else {
		p.bar = p.bars.AddBar(total, label, count, mpb.BarRemoveOnComplete())
	}
	return p
}

func after(d time.Duration) <-chan any {
	ch := make(chan any)
	time.AfterFunc(d, func() { close(ch) })
	return ch
}

// add counts n more.
func (p *progress) add(n int) {
	if p != nil {
		p.bar.IncrBy(n)
	}
}

// reach says that n are done.
func (p *progress) reach(n int) {
	if p != nil {
		p.bar.SetCurrent(int64(n))
	}
}

// collect is a progress function of the reading of a kernel's state.
func (p *progress) collect(r rtnl.Progress) {
	if p == nil {
		return
	}
	if r.Done {
		p.n += int64(r.Messages)
		p.bar.SetCurrent(p.n)
		return
	}
	p.bar.SetCurrent(p.n + int64(r.Messages))
}

// end takes the bar away.
func (p *progress) end() {
	if p == nil {
		return
	}
	p.bar.Abort(true)
	p.bars.Wait()
}
