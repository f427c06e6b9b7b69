package conformance

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/google/go-cmp/cmp"
)

// ErrSkip is wrapped by the error of a [Commander] that cannot run a case, or not
// on this machine; its text says why, and what to install or allow.
var ErrSkip = errors.New("skipped")

// Implementation is something whose answers can be compared with the corpus. It
// is a [Commander], a [Decider], or both.
type Implementation interface {
	Name() string
}

// Commander is an implementation that can be set up by commands: a kernel in a
// namespace of its own, or an emulated one.
type Commander interface {
	Implementation
	// NewHost makes the host that the case starts on: lo and c.Devices, up. An error
	// that wraps ErrSkip says what the implementation cannot do here.
	NewHost(c *Case) (Host, error)
}

// Host is one host of a Commander. It is used by one goroutine.
type Host interface {
	// Exec runs a command, such as "ip route get 8.8.8.8". A command that fails is a
	// Result, not an error.
	Exec(command string) (Result, error)
	// Event makes something happen around the host: "carrier DEV on|off",
	// "wait DURATION", "send ADDRESS BYTES", "neighbour COMMAND" (in the namespace of the other veth ends).
	Event(text string) error
	Close() error
}

// Decider is an implementation that only answers questions about a state.
type Decider interface {
	Implementation
	// Decide answers "ip route get ARGS" in the recorded state n of the case. The
	// walk is nil if the implementation cannot tell one.
	Decide(c *Case, n int, args []string) (Answer, error)
}

// Answer is the reply to a query and how it came about.
type Answer struct {
	Result
	Walk []string // as FormatWalk writes it
}

// Outcome is what became of one command of a case.
type Outcome struct {
	Case *Case
	Step *Step
	// Diff shows the expected text (-) against the actual one (+), empty if they agree.
	Diff string
	// Skipped says why the step was not compared.
	Skipped string
	Err     error // the implementation itself failed
}

// OK reports whether nothing is wrong with the step.
func (o *Outcome) OK() bool { return o.Diff == "" && o.Err == nil }

// String describes the outcome with its place in the corpus.
func (o *Outcome) String() string {
	at := fmt.Sprintf("%s:%d: $ %s", o.Case.Name, o.Step.Line, o.Step.Text)
	switch {
	case o.Err != nil:
		return at + "\n" + o.Err.Error()
	case o.Diff != "":
		return at + "\n" + o.Diff
	case o.Skipped != "":
		return at + ": skipped: " + o.Skipped
	}
	return at + ": ok"
}

// Run compares an implementation with a case, command by command: all commands of
// a [Commander], the queries of a [Decider]. The outcomes are in the order of the
// case. An implementation that is both is run as a Commander.
func Run(c *Case, impl Implementation) ([]Outcome, error) {
	switch impl := impl.(type) {
	case Commander:
		return runCommands(c, impl)
	case Decider:
		return runQueries(c, impl), nil
	}
	return nil, fmt.Errorf("%s is neither a Commander nor a Decider", impl.Name())
}

func runCommands(c *Case, impl Commander) (outcomes []Outcome, err error) {
	if c.Excerpt {
		return nil, fmt.Errorf("%w: %s shows a part of a longer session", ErrSkip, c.Name)
	}
	host, err := impl.NewHost(c)
	if err != nil {
		return nil, err
	}
	defer host.Close()
	for i := range c.Steps {
		s := &c.Steps[i]
		switch s.Kind {
		case Event:
			if err := host.Event(s.Text); err != nil {
				return outcomes, fmt.Errorf("%s:%d: %w", c.Name, s.Line, err)
			}
		case Command:
			got, err := host.Exec(s.Text)
			o := Outcome{Case: c, Step: s, Err: err}
			if err == nil {
				o.Diff = diffText(steady(s.Result.String()), steady(got.String()))
			}
			outcomes = append(outcomes, o)
		}
	}
	return outcomes, nil
}

func runQueries(c *Case, impl Decider) (outcomes []Outcome) {
	for i := range c.Steps {
		s := &c.Steps[i]
		if !s.IsQuery() {
			continue
		}
		o := Outcome{Case: c, Step: s}
		switch args, _ := QueryArgs(s.Text); {
		case s.Beyond != "":
			o.Skipped = s.Beyond
		case s.State == 0:
			o.Skipped = "no state is recorded"
		default:
			var got Answer
			if got, o.Err = impl.Decide(c, s.State, args); o.Err == nil {
				o.Diff = diffAnswer(s, got)
			}
		}
		outcomes = append(outcomes, o)
	}
	return outcomes
}

func diffAnswer(s *Step, got Answer) string {
	diff := diffText(s.Result.String(), got.Result.String())
	if s.Walk != nil && got.Walk != nil {
		diff += diffText(strings.Join(s.Walk, "\n"), strings.Join(got.Walk, "\n"))
	}
	return diff
}

var remaining = regexp.MustCompile(`expires -?\d+sec`)

// steady hides what depends on when a command ran: the seconds that a route has
// left.
func steady(s string) string { return remaining.ReplaceAllString(s, "expires …sec") }

// diffText compares two texts line by line; empty if they are equal.
func diffText(want, got string) string {
	if want == got {
		return ""
	}
	return cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n"))
}

// trimLines removes blanks at the ends of lines and empty lines at the end.
func trimLines(s string) string {
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " ")
	}
	return strings.Join(lines, "\n")
}
