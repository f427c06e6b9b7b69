package packets

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

// Config says what [Run] does.
type Config struct {
	Seed    uint64
	Packets int    // how many probes
	First   uint64 // number of the first topology
	Workers int    // topologies at a time; 0: three for each CPU, as much time is spent waiting
	// Reproduce bounds the mismatches that are minimised, one of each kind.
	Reproduce int
	// Kernel compares the kernel with itself: what differs then, nobody can foresee.
	Kernel   bool
	Progress func(done int) // called now and then with the number of probes
}

// Report is the outcome of [Run].
type Report struct {
	Packets    int
	Frames     int // that the kernel's devices sent and received
	Mismatches int
	Excluded   map[string]int // by reason, see docs/exclusions.md
	Found      []*Mismatch    // the first of each kind
	Kinds      map[string]int // mismatches by what differs
}

// ExcludedTotal is the number of mismatches that were left out.
func (r *Report) ExcludedTotal() int {
	n := 0
	for _, c := range r.Excluded {
		n += c
	}
	return n
}

// run is a Run under way.
type run struct {
	cfg   Config
	vlans bool // the kernel has them

	mu     sync.Mutex
	next   uint64
	drawn  int
	report Report
}

// Run builds random topologies in network namespaces of the running kernel and in a lab,
// sends the same probes in both, and compares the frames at every device and what the
// senders are told. Topologies and probes depend on the seed alone.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	if cfg.Workers <= 0 {
		cfg.Workers = 3 * runtime.NumCPU()
	}
	r := &run{cfg: cfg, report: Report{Excluded: map[string]int{}, Kinds: map[string]int{}}}
	var err error
	if r.vlans, err = hasVLANs(); err != nil {
		return &r.report, err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var wg sync.WaitGroup
	for i := range cfg.Workers {
		wg.Go(func() {
			// Never unlocked: the thread changes its namespace and dies with the goroutine.
			runtime.LockOSThread()
			pin(i)
			if err := r.work(ctx); err != nil {
				stop(err)
			}
		})
	}
	wg.Wait()
	return &r.report, context.Cause(ctx)
}

// pin binds the thread to one processor, which then handles frame after frame in order.
func pin(n int) {
	var all, one unix.CPUSet
	if unix.SchedGetaffinity(0, &all) != nil {
		return
	}
	n %= max(all.Count(), 1)
	for i := range 1024 {
		if !all.IsSet(i) {
			continue
		}
		if n == 0 {
			one.Set(i)
			_ = unix.SchedSetaffinity(0, &one)
			return
		}
		n--
	}
}

func (r *run) work(ctx context.Context) error {
	for ctx.Err() == nil {
		r.mu.Lock()
		n, quota := r.next, min(probesPerTopology, r.cfg.Packets-r.drawn)
		r.next++
		r.drawn += max(quota, 0)
		r.mu.Unlock()
		if quota <= 0 {
			return nil
		}
		t := Draw(r.cfg.Seed, r.cfg.First+n, r.vlans)
		t.Probes = t.Probes[:quota]
		if err := r.play(ctx, t); err != nil {
			return fmt.Errorf("seed %d, topology %d: %w", t.Seed, t.Number, err)
		}
	}
	return nil
}

// play plays a topology, and looks into what differs.
func (r *run) play(ctx context.Context, t *Topology) error {
	found, frames, err := play(ctx, t, quick, r.cfg.Kernel, nil)
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.report.Packets += len(t.Probes)
	r.report.Frames += frames
	if r.cfg.Progress != nil {
		r.cfg.Progress(r.report.Packets)
	}
	r.mu.Unlock()
	if len(found) > 0 {
		return r.examine(ctx, t, found)
	}
	return nil
}

// sides makes what is compared.
func sides(t *Topology, kernel bool) ([]side, error) {
	k, err := newRunning(t)
	if err != nil {
		return nil, err
	}
	var other side
	if kernel {
		other, err = newRunning(t)
	} else {
		other, err = newEmulated(t)
	}
	if err != nil {
		return nil, errors.Join(err, k.close())
	}
	return []side{k, other}, nil
}

// play builds a topology on both sides, sends its probes, and returns what differs. see, if
// not nil, is shown the results of each probe.
func play(ctx context.Context, t *Topology, pc pace, kernel bool, see func(probe int, got []result)) (found []*Mismatch, frames int, err error) {
	both, err := sides(t, kernel)
	if err != nil {
		return nil, 0, err
	}
	defer func() {
		for _, s := range both {
			err = errors.Join(err, s.close())
		}
	}()
	var refused [2]map[int]string
	for i, s := range both {
		if refused[i], err = s.build(t.Steps); err != nil {
			return nil, 0, err
		}
		if err := s.ready(); err != nil {
			return nil, 0, err
		}
	}
	if m := refusal(t, refused); m != nil {
		return []*Mismatch{m}, 0, nil
	}
	for i := range t.Probes {
		if ctx.Err() != nil {
			return found, frames, nil
		}
		got, err := exchange(both, &t.Probes[i], pc)
		if err != nil {
			return found, frames, fmt.Errorf("%s: %w", &t.Probes[i], err)
		}
		for _, fs := range got[0].frames {
			frames += len(fs)
		}
		if see != nil {
			see(i, got)
		}
		if m := compare(t, i, got); m != nil {
			found = append(found, m)
		}
	}
	return found, frames, nil
}
