package conformance

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

const smallCase = `title two answers

$ ip rule add pref 5 lookup 9
! carrier v0 off
@ 1
$ ip route get 1.1.1.1
1.1.1.1 via 10.0.0.1 dev v0
| output
|   5      matched      9
~ nobody knows
$ ip route get 2.2.2.2
RTNETLINK answers: Network is unreachable
[exit 2]

-- 1: settings --
custom-rules4 yes
`

// recitation is an implementation that answers from a list.
type recitation map[string]Answer

func (recitation) Name() string { return "recitation" }

func (r recitation) Decide(_ *Case, n int, args []string) (Answer, error) {
	a, ok := r[strings.Join(args, " ")]
	if !ok || n != 1 {
		return Answer{}, errors.New("not in the list")
	}
	return a, nil
}

// parrot is a host that prints its script, and takes note of what happened.
type parrot struct {
	answers map[string]Result
	events  []string
}

func (*parrot) Name() string { return "parrot" }

func (p *parrot) NewHost(*Case) (Host, error) { return p, nil }

func (p *parrot) Exec(command string) (Result, error) { return p.answers[command], nil }

func (p *parrot) Event(text string) error { p.events = append(p.events, text); return nil }

func (p *parrot) Close() error { return nil }

func runSmallCase(t *testing.T, impl Implementation) []Outcome {
	t.Helper()
	c, err := ParseCase("small", []byte(smallCase))
	if err != nil {
		t.Fatal(err)
	}
	outcomes, err := Run(c, impl)
	if err != nil {
		t.Fatal(err)
	}
	return outcomes
}

func TestRunDecider(t *testing.T) {
	right := Answer{Result{Output: "1.1.1.1 via 10.0.0.1 dev v0"}, []string{"output", "  5      matched      9"}}
	for _, test := range []struct {
		name   string
		answer Answer
		want   string // in the diff
	}{
		{"right", right, ""},
		{"no walk", Answer{Result: right.Result}, ""},
		{"wrong text", Answer{Result{Output: "1.1.1.1 dev v1"}, right.Walk}, "dev v1"},
		{"wrong status", Answer{Result{Output: right.Output, Exit: 2}, right.Walk}, "[exit 2]"},
		{"wrong walk", Answer{right.Result, []string{"output", "  5      missed       9"}}, "missed"},
	} {
		outcomes := runSmallCase(t, recitation{"1.1.1.1": test.answer})
		if len(outcomes) != 2 {
			t.Fatalf("%s: %d outcomes, want 2", test.name, len(outcomes))
		}
		if o := &outcomes[0]; o.OK() != (test.want == "") || !strings.Contains(o.String(), test.want) {
			t.Errorf("%s: %s", test.name, o)
		}
		if o := &outcomes[1]; o.Skipped != "nobody knows" || !o.OK() {
			t.Errorf("%s: the step beyond the state: %s", test.name, o)
		}
	}
	if o := runSmallCase(t, recitation{})[0]; o.OK() || !strings.Contains(o.String(), "small:6") {
		t.Errorf("an implementation that fails: %s", &o)
	}
}

func TestRunCommander(t *testing.T) {
	p := &parrot{answers: map[string]Result{
		"ip route get 1.1.1.1": {Output: "1.1.1.1 via 10.0.0.1 dev v0"},
		"ip route get 2.2.2.2": {Output: "RTNETLINK answers: Network is down", Exit: 2},
	}}
	outcomes := runSmallCase(t, p)
	var ok []bool
	for i := range outcomes {
		ok = append(ok, outcomes[i].OK())
	}
	if want := []bool{true, true, false}; !slices.Equal(ok, want) {
		t.Errorf("steps ok: %v, want %v\n%v", ok, want, outcomes)
	}
	if !slices.Equal(p.events, []string{"carrier v0 off"}) {
		t.Errorf("events %q", p.events)
	}
}

// Every tricky case of the specification has at least one file.
func TestCorpusComplete(t *testing.T) {
	names := map[string]bool{}
	for _, c := range loadCorpus(t) {
		names[strings.TrimRight(c.Name, "abcdefgh")] = true
	}
	for n := 1; n <= 55; n++ {
		if name := fmt.Sprintf("ipv4/C%02d", n); !names[name] {
			t.Errorf("%s is missing", name)
		}
	}
	for n := 1; n <= 47; n++ {
		if name := fmt.Sprintf("ipv6/N%02d", n); !names[name] {
			t.Errorf("%s is missing", name)
		}
	}
}
