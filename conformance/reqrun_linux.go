package conformance

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// RequestsConfig says what [RunRequests] does.
type RequestsConfig struct {
	Seed     uint64
	Requests int      // how many, in all, shared by the areas
	Only     []string // areas (see [ReqAreas]); empty: all
	First    uint64   // number of the first program
	Workers  int      // 0: four for each CPU, as much of the time is spent waiting
	// Reproduce bounds the mismatches that are minimised, one of each kind.
	Reproduce int
	// Kernel compares the kernel with itself: what differs then, nobody can foresee.
	Kernel bool
	// Progress is called now and then with the number of requests sent.
	Progress func(done int)
}

// RequestsReport is the outcome of [RunRequests].
type RequestsReport struct {
	Requests   int
	Mismatches int
	Excluded   map[string]int // by reason, see docs/exclusions.md
	Found      []*ReqMismatch // the first of each kind
	Kinds      map[string]int // mismatches by what differs
	Areas      map[string]int // requests by area
	// NotBuilt tells, of the areas that were left out, which requests netns does not
	// have yet.
	NotBuilt map[string]string
}

// ExcludedTotal is the number of mismatches that were left out.
func (r *RequestsReport) ExcludedTotal() int {
	n := 0
	for _, c := range r.Excluded {
		n += c
	}
	return n
}

// reqRun is a RunRequests under way.
type reqRun struct {
	cfg   RequestsConfig
	areas []*reqArea

	mu     sync.Mutex
	next   uint64
	report RequestsReport
}

// RunRequests sends random programs of rtnetlink requests to a fresh network namespace
// of the running kernel and to an emulated one, and compares everything that both
// answer: every message of every answer, and every notification, in order and byte for
// byte but for what [reqMasks] lists. Programs depend on seed and number alone.
func RunRequests(ctx context.Context, cfg RequestsConfig) (*RequestsReport, error) {
	if cfg.Workers <= 0 {
		cfg.Workers = 4 * runtime.NumCPU()
	}
	r := &reqRun{cfg: cfg}
	r.report = RequestsReport{
		Excluded: map[string]int{}, Kinds: map[string]int{}, Areas: map[string]int{}, NotBuilt: map[string]string{},
	}
	if err := r.chooseAreas(); err != nil || len(r.areas) == 0 {
		return &r.report, err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var wg sync.WaitGroup
	for range cfg.Workers {
		wg.Go(func() {
			if err := r.work(ctx); err != nil {
				stop(err)
			}
		})
	}
	wg.Wait()
	return &r.report, context.Cause(ctx)
}

// chooseAreas leaves out those that netns has not built.
func (r *reqRun) chooseAreas() error {
	for _, name := range r.cfg.Only {
		if !slices.Contains(ReqAreas(), name) {
			return fmt.Errorf("no area %q: %s", name, strings.Join(ReqAreas(), ", "))
		}
	}
	for i := range reqAreas {
		a := &reqAreas[i]
		if len(r.cfg.Only) > 0 && !slices.Contains(r.cfg.Only, a.name) {
			continue
		}
		if r.cfg.Kernel {
			r.areas = append(r.areas, a)
			continue
		}
		missing, err := notBuilt(a)
		if err != nil {
			return err
		}
		if missing != "" {
			r.report.NotBuilt[a.name] = missing
			continue
		}
		r.areas = append(r.areas, a)
	}
	return nil
}

// notBuilt names the requests of an area that an emulated namespace does not know.
func notBuilt(a *reqArea) (string, error) {
	e := newEmulated(netns.Config{})
	defer func() { _ = e.Close() }()
	var missing []string
	for _, t := range a.needs {
		m := netlink.Message{Header: netlink.Header{Type: t, Flags: netlink.Request | netlink.Acknowledge}, Data: make([]byte, reqHeaderLen(t))}
		m.Data[0] = byte(rpdb.IPv4)
		if t&3 == 2 {
			m.Header.Flags |= netlink.Dump
		}
		answers, err := e.send(sockStrict, datagram(m, 1))
		if err != nil {
			return "", err
		}
		for _, b := range answers {
			if o, ok := ending(b); ok && o.errno == rpdb.EOPNOTSUPP {
				missing = append(missing, typeName(t))
			}
		}
	}
	if a.name != "rules" && e.sysctl("net/ipv6/conf/default/accept_dad", "0") != nil {
		missing = append(missing, "sysctl")
	}
	return strings.Join(missing, ", "), nil
}

func (r *reqRun) work(ctx context.Context) error {
	for ctx.Err() == nil {
		r.mu.Lock()
		n := r.next
		r.next++
		enough := r.report.Requests >= r.cfg.Requests
		r.mu.Unlock()
		if enough {
			return nil
		}
		area := r.areas[n%uint64(len(r.areas))]
		p := drawProgram(area, r.cfg.Seed, r.cfg.First+n/uint64(len(r.areas)))
		found, played, err := r.play(p, p.steps)
		if err != nil {
			return fmt.Errorf("area %s, seed %d, program %d: %w", p.area, p.seed, p.number, err)
		}
		r.mu.Lock()
		r.report.Requests += played
		r.report.Areas[p.area] += played
		r.mu.Unlock()
		if r.cfg.Progress != nil {
			r.cfg.Progress(r.report.Requests)
		}
		for _, m := range found {
			r.note(m)
		}
	}
	return nil
}

// hosts makes the two namespaces that are compared.
func (r *reqRun) hosts() (a, b reqHost, err error) {
	k, err := newRunning()
	if err != nil {
		return nil, nil, err
	}
	if !r.cfg.Kernel {
		return k, newEmulated(k.make()), nil
	}
	other, err := newRunning()
	if err != nil {
		return nil, nil, errors.Join(err, k.Close())
	}
	return k, other, nil
}

// play runs steps on both hosts and returns what differs, each kind once. It ends
// early when the states have parted.
func (r *reqRun) play(p *reqProgram, steps []reqStep) (found []*ReqMismatch, played int, err error) {
	a, b, err := r.hosts()
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, a.Close(), b.Close()) }()
	seen := map[string]bool{}
	for i := range steps {
		s := &steps[i]
		x, err := perform(a, s)
		if err != nil {
			return found, played, fmt.Errorf("step %d: %w", i, err)
		}
		y, err := perform(b, s)
		if err != nil {
			return found, played, fmt.Errorf("step %d: %w", i, err)
		}
		if s.data != nil {
			played++
		}
		x.blank()
		y.blank()
		diffs := differences(s, &x, &y)
		for _, d := range diffs {
			if !seen[d] {
				seen[d] = true
				found = append(found, &ReqMismatch{
					Area: p.area, Seed: p.seed, Program: p.number, Kind: d, steps: steps[:i+1], kernel: x, netns: y,
				})
			}
		}
		if diffs != nil && parted(s, &x, &y) {
			break
		}
	}
	return found, played, nil
}

// parted reports whether two hosts may have other states after a step that they
// answered differently.
func parted(s *reqStep, a, b *reqOutcome) bool {
	if t, _ := s.typ(); s.data != nil && t&3 == 2 {
		return false
	}
	return a.refused() != b.refused() || a.err != b.err || len(a.notes) != len(b.notes)
}

// timerTime is by when a timer that is due at once has run, of 100 Hz kernels too.
const timerTime = 25 * time.Millisecond

// perform plays one step on one host.
func perform(h reqHost, s *reqStep) (reqOutcome, error) {
	var o reqOutcome
	var err error
	if s.grace {
		time.Sleep(graceTime)
	}
	if s.data == nil {
		w := s.op.(SysctlOp)
		o.err = sysctlError(h.sysctl(w.Path, w.Value))
	} else if o.answers, err = h.send(s.sock, s.data); err != nil {
		return o, err
	}
	if s.pause {
		time.Sleep(timerTime)
	}
	if s.settle {
		t, _ := s.typ()
		if err := h.settle(t == rtnl.RTMNewAddr && !o.refused()); err != nil {
			return o, err
		}
	}
	o.notes, err = h.notes()
	return o, err
}

// sysctlError is the kernel's part of an error.
func sysctlError(err error) string {
	var path *fs.PathError
	var errno syscall.Errno
	switch {
	case err == nil:
		return ""
	case errors.As(err, &errno):
		return rpdb.Errno(errno).Error()
	case errors.As(err, &path):
		return path.Err.Error()
	}
	return err.Error()
}

// note counts a mismatch, and minimises the first of a kind.
func (r *reqRun) note(m *ReqMismatch) {
	r.mu.Lock()
	r.report.Kinds[m.Kind]++
	first := r.report.Kinds[m.Kind] == 1
	r.report.Mismatches++
	minimise := first && len(r.report.Found) < r.cfg.Reproduce
	if first {
		r.report.Found = append(r.report.Found, m)
	}
	r.mu.Unlock()
	if minimise {
		r.minimise(m)
	}
	if first && !r.cfg.Kernel && !r.steady(m) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.report.Excluded["the kernel does not agree with itself: "+m.Kind] += r.report.Kinds[m.Kind]
		r.report.Mismatches -= r.report.Kinds[m.Kind]
		delete(r.report.Kinds, m.Kind)
		r.report.Found = slices.DeleteFunc(r.report.Found, func(x *ReqMismatch) bool { return x == m })
	}
}

// steady reports whether the kernel says the same again to the program of a mismatch,
// in the step that differs: four times of four.
func (r *reqRun) steady(m *ReqMismatch) bool {
	if !r.cameAgain(m) {
		return false
	}
	again := reqRun{cfg: RequestsConfig{Kernel: true}}
	for range 3 {
		found, _, err := again.play(&reqProgram{area: m.Area}, m.steps)
		if err != nil || slices.ContainsFunc(found, func(x *ReqMismatch) bool { return len(x.steps) == len(m.steps) }) {
			return false
		}
	}
	return true
}

// cameAgain plays the program of a mismatch once more. If it does not differ this time,
// though the emulation says what it said, the kernel has given two answers.
func (r *reqRun) cameAgain(m *ReqMismatch) bool {
	p := &reqProgram{area: m.Area, seed: m.Seed, number: m.Program}
	found, _, err := r.play(p, m.steps)
	if err != nil || slices.ContainsFunc(found, func(x *ReqMismatch) bool { return len(x.steps) == len(m.steps) }) {
		return true
	}
	now, err := r.emulate(m.steps)
	return err != nil || now.err != m.netns.err || diffLists(now.answers, m.netns.answers) != "" || diffLists(now.notes, m.netns.notes) != ""
}

// emulate returns what an emulated namespace says to the last of some steps.
func (r *reqRun) emulate(steps []reqStep) (last reqOutcome, err error) {
	a, b, err := r.hosts()
	if err != nil {
		return last, err
	}
	defer func() { err = errors.Join(err, a.Close(), b.Close()) }()
	for i := range steps {
		if last, err = perform(b, &steps[i]); err != nil {
			return last, err
		}
	}
	last.blank()
	return last, nil
}
