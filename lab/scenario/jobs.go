package scenario

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// job is a command that was sent to the background. What it prints is kept until it is
// waited for.
type job struct {
	number  int
	command string
	out     output
	stop    context.CancelCauseFunc
	done    chan struct{}
	status  int
}

// readyTime is how long a new job is waited for until it prints something, ends, or waits
// for something itself. It is time of the machine.
const readyTime = time.Second

// signal is what a job was stopped with.
type signal struct {
	name   string
	number int
}

// Error implements error.
func (s signal) Error() string { return s.name }

var signals = []signal{{"HUP", 1}, {"INT", 2}, {"QUIT", 3}, {"KILL", 9}, {"TERM", 15}}

// begin starts a job and waits until it is ready.
func (s *shell) begin(stmt *syntax.Stmt) error {
	fore := *stmt
	fore.Background = false
	var text strings.Builder
	if err := syntax.NewPrinter(syntax.SingleLine(true)).Print(&text, &fore); err != nil {
		return err
	}
	j := &job{number: len(s.jobs) + 1, command: text.String(), done: make(chan struct{})}
	wrote := make(chan struct{})
	j.out.wrote = wrote
	sub := s.runner.Subshell()
	if err := interp.StdIO(nil, &j.out, &j.out)(sub); err != nil {
		return err
	}
	ctx, stop := context.WithCancelCause(s.world.ctx)
	j.stop = stop
	s.jobs = append(s.jobs, j)
	go func() {
		defer close(j.done)
		defer stop(nil)
		var err error
		j.status, err = statusOf(sub.Run(ctx, &fore))
		if err != nil && ctx.Err() == nil {
			fmt.Fprintf(&j.out, "sh: %v\n", err)
		}
		var sig signal
		if errors.As(context.Cause(ctx), &sig) && (err != nil || j.status == 0 && sig.name == "KILL") {
			j.status = 128 + sig.number
		}
	}()
	rests := make(chan struct{})
	go func() {
		defer close(rests)
		s.world.Server.Rest(readyTime)
	}()
	select {
	case <-wrote:
	case <-j.done:
	case <-rests:
	}
	return nil
}

// waitAll ends what still runs.
func (s *shell) waitAll() {
	for _, j := range s.jobs {
		if j != nil {
			j.stop(nil)
			<-j.done
		}
	}
}

// ownBuiltin marks the builtins of a shell that are ours: those that know jobs.
const ownBuiltin = "builtin-"

func ownBuiltins(_ context.Context, args []string) ([]string, error) {
	switch args[0] {
	case "wait", "fg", "kill", "jobs":
		return append([]string{ownBuiltin + args[0]}, args[1:]...), nil
	}
	return args, nil
}

// find returns the job that a word names: %N, %% or %+ for the last one, %WORD for the
// last one whose command begins with the word.
func (s *shell) find(word string) (*job, error) {
	name, ok := strings.CutPrefix(word, "%")
	n, err := strconv.Atoi(name)
	for i := len(s.jobs) - 1; ok && i >= 0; i-- {
		j := s.jobs[i]
		if j == nil {
			continue
		}
		if name == "" || name == "%" || name == "+" || err == nil && n == j.number || err != nil && strings.HasPrefix(j.command, name) {
			return j, nil
		}
	}
	return nil, fmt.Errorf("%s: no such job", word)
}

// builtin runs wait, fg, kill or jobs.
func (s *shell) builtin(ctx context.Context, p *Process, name string, args []string) int {
	switch name {
	case "wait", "fg":
		return s.wait(ctx, p, name, args)
	case "kill":
		return s.kill(p, args)
	}
	for _, j := range s.jobs {
		if j == nil {
			continue
		}
		state := "Running"
		select {
		case <-j.done:
			state = "Done"
		default:
		}
		fmt.Fprintf(p.Out, "[%d]  %-8s %s\n", j.number, state, j.command)
	}
	return 0
}

// wait waits for jobs, shows what they have printed, and passes the status of the last
// one on; wait without a job waits for all and returns 0.
func (s *shell) wait(ctx context.Context, p *Process, name string, args []string) int {
	if len(args) == 0 && name == "fg" {
		args = []string{"%%"}
	}
	all := len(args) == 0
	var jobs []*job
	for _, j := range s.jobs {
		if all && j != nil {
			jobs = append(jobs, j)
		}
	}
	for _, a := range args {
		j, err := s.find(a)
		if err != nil {
			return p.fail(127, "%s: %v", name, err)
		}
		jobs = append(jobs, j)
	}
	status := 0
	for _, j := range jobs {
		select {
		case <-j.done:
		case <-ctx.Done():
			_, _ = fmt.Fprint(p.Out, j.out.take())
			return p.fail(130, "%s: job %d (%s) goes on", name, j.number, j.command)
		}
		_, _ = fmt.Fprint(p.Out, j.out.take())
		status = j.status
		s.jobs[j.number-1] = nil
	}
	if all {
		return 0
	}
	return status
}

// kill sends a signal to jobs: kill [-SIGNAL] %JOB...
func (s *shell) kill(p *Process, args []string) int {
	sig := signals[len(signals)-1]
	if len(args) > 0 && strings.HasPrefix(args[0], "-") {
		word := strings.TrimPrefix(strings.ToUpper(args[0][1:]), "SIG")
		found := false
		for _, x := range signals {
			if word == x.name || word == strconv.Itoa(x.number) {
				sig, found = x, true
			}
		}
		if !found {
			return p.fail(1, "kill: %s: no signal that a scenario sends", args[0])
		}
		args = args[1:]
	}
	if len(args) == 0 {
		return p.fail(2, "kill: usage: kill [-SIGNAL] %%JOB...")
	}
	for _, a := range args {
		j, err := s.find(a)
		if err != nil {
			return p.fail(1, "kill: %v", err)
		}
		j.stop(sig)
	}
	return 0
}
