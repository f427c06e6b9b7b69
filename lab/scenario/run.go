package scenario

import (
	"context"
	"time"

	"github.com/rulewalk/rulewalk/lab/topology"
)

// stepTime bounds a command of a transcript, in time of the machine.
const stepTime = 60 * time.Second

// Result is how a step of a transcript went.
type Result struct {
	Step   *topology.Step
	Got    []string // the lines that it printed
	Status int
	// Same tells whether output and status are what the transcript says. Diff is the
	// difference of the outputs as a unified diff, without the lines that name files;
	// empty if they are the same.
	Same bool
	Diff string

	compared *comparison
}

// Run types the commands of the transcript, one after the other, and tells of each how it
// went; see may be nil. It goes on after a difference. The error is one of the context.
func (w *World) Run(ctx context.Context, see func(Result)) ([]Result, error) {
	names := topology.Names{}
	var results []Result
	for i := range w.topology.Run {
		r, err := w.step(ctx, &w.topology.Run[i], names)
		if err != nil {
			return results, err
		}
		if see != nil {
			see(r)
		}
		results = append(results, r)
	}
	return results, nil
}

func (w *World) step(ctx context.Context, s *topology.Step, names topology.Names) (Result, error) {
	limited, stop := context.WithTimeout(ctx, stepTime)
	defer stop()
	out, status := w.shells[s.Host].run(limited, s.Command)
	if ctx.Err() != nil {
		return Result{}, ctx.Err()
	}
	if limited.Err() != nil {
		out += "[stopped: it ran for longer than " + stepTime.String() + "]\n"
	}
	r := Result{Step: s, Got: splitLines(out), Status: status}
	var err error
	if r.compared, err = compare(s.Want, r.Got, names); err != nil {
		return r, w.topology.Errorf(s.Pos, "%v", err)
	}
	if r.compared.bad {
		r.Diff = r.compared.diff()
	}
	r.Same = !r.compared.bad && status == s.Status
	return r, nil
}

// Updated returns the file of the topology with the transcript as it went. Lines that
// held stay as they were written.
func (w *World) Updated(results []Result) []byte {
	outputs := map[int]topology.Output{}
	for i, r := range results {
		if !r.Same {
			outputs[i] = topology.Output{Lines: r.compared.lines(w.topology), Status: r.Status}
		}
	}
	return w.topology.Rewrite(outputs)
}
