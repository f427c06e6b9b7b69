package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rulewalk/rulewalk/explain"
	"github.com/rulewalk/rulewalk/fib"
	"github.com/rulewalk/rulewalk/iproute2"
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

func (a *app) verify() *cobra.Command {
	var n int
	var seed uint64
	var all bool
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Compare the model with this host's kernel at the edges of its own state",
		Long: `Ask the kernel about N flows at the edges of this host's own prefixes, rules and
addresses, and compare every field of its answers with what the model says: the
first and last address of each prefix and the ones just outside, the values that
rules select and the next ones, each own address as source, each device in and
out. Nothing is changed, and no packet is sent.

A mismatch is checked again on a state that is read anew, so that a route that
changed meanwhile is not blamed. Those that stay are printed with both answers.

Exit status: 0 no mismatch, 1 usage, 2 the state could not be read, 3 mismatches.`,
		Example: `  rulewalk verify
  rulewalk verify -n 100000
  rulewalk verify --netns blue -4
  rulewalk verify --seed 7 --json`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if n < 1 {
				return errors.New("-n: at least 1")
			}
			if !cmd.Flags().Changed("seed") {
				seed = rand.Uint64N(1 << 32)
			}
			return a.runVerify(cmd.Context(), n, seed, all)
		},
	}
	cmd.Flags().IntVarP(&n, "flows", "n", 10_000, "how many flows to ask about")
	cmd.Flags().Uint64Var(&seed, "seed", 0, "seed of the choice of flows (default: another one each time)")
	cmd.Flags().BoolVar(&all, "all", false, "print every mismatch")
	return cmd
}

func (a *app) runVerify(ctx context.Context, n int, seed uint64, all bool) error {
	if len(a.flags.snapshots) > 0 {
		return errors.New("verify compares with the running kernel: it takes no --snapshot")
	}
	src, err := a.openKernel()
	if err != nil {
		return err
	}
	defer src.close()
	families := []rpdb.Family{rpdb.IPv4, rpdb.IPv6}
	if f := a.family(); f != rpdb.Unspec {
		families = []rpdb.Family{f}
	}
	v := &verification{Schema: verifySchema, Seed: seed, Kernel: src.state.Kernel.String(), LeftOut: map[string]int{}}
	flows := newEdges(src.state, seed, families, uint32(max(os.Getuid(), 0)))
	p := a.newProgress("asking the kernel", int64(n))
	suspects, err := v.compare(ctx, src, n, flows, p)
	p.end()
	if err != nil {
		return err
	}
	if err := a.recheck(v, src, suspects); err != nil {
		return err
	}
	if len(v.Mismatches) > 0 {
		a.status = statusDisagree
	}
	if a.flags.json {
		return a.writeJSON(explain.Document(v))
	}
	return v.text(a.env.Stdout, all)
}

const verifySchema = "rulewalk.verify/v1"

// verification is the outcome of verify, and its JSON document.
type verification struct {
	Schema     string         `json:"schema"`
	Kernel     string         `json:"kernel"`
	Seed       uint64         `json:"seed"`
	Flows      int            `json:"flows"`
	Agree      int            `json:"agree"`
	Mismatches []mismatch     `json:"mismatches"`
	LeftOut    map[string]int `json:"left_out"`
}

// mismatch is a flow that the kernel and the model answer differently.
type mismatch struct {
	Flow    string   `json:"flow"`
	Kernel  string   `json:"kernel"`
	Model   string   `json:"model"`
	Differs []string `json:"differs"`

	flow    rpdb.Flow
	leftOut string // why it does not count, empty if it does
}

// Reasons to leave a flow out.
const (
	outChanged   = "the state changed meanwhile"
	outException = "answered from a path MTU or redirect exception, which no dump shows"
	outCache     = "that the kernel may have answered with what a nexthop keeps from an earlier packet"
)

// compare asks the kernel about n flows and returns those that it answers
// differently.
func (v *verification) compare(ctx context.Context, src *source, n int, flows *edges, p *progress) ([]mismatch, error) {
	db, err := src.buildFor(n)
	if err != nil {
		return nil, err
	}
	var suspects []mismatch
	for range n {
		if err := ctx.Err(); err != nil {
			return nil, errors.New("interrupted")
		}
		f := flows.flow()
		m, err := compareOne(src, db, f)
		if err != nil {
			return nil, unreadable(fmt.Errorf("asking the kernel: %w", err))
		}
		v.Flows++
		switch {
		case m == nil:
			v.Agree++
		case m.leftOut != "":
			v.LeftOut[m.leftOut]++
		default:
			suspects = append(suspects, *m)
		}
		p.add(1)
	}
	return suspects, nil
}

// buildFor is build for n lookups. Where that is less work, the database is one that
// package fib compiled.
func (s *source) buildFor(n int) (*rpdb.Database, error) {
	db, err := s.build()
	if err != nil || n < 2000+len(db.State().Routes) {
		return db, err
	}
	f, err := fib.Compile(db)
	if err != nil { // too many routes for it
		return db, nil
	}
	return f.Database(), nil
}

// compareOne asks about one flow, and returns nil if the answers are the same.
func compareOne(src *source, db *rpdb.Database, f rpdb.Flow) (*mismatch, error) {
	reply, err := src.conn.Ask(f, rtnl.GetOptions{})
	if err != nil {
		return nil, err
	}
	d := db.Lookup(&f)
	differs := rtnl.Compare(db, f, &d, rtnl.GetOptions{}, reply)
	if len(differs) == 0 {
		return nil, nil
	}
	expected := rtnl.ExpectedOf(f, &d, rtnl.GetOptions{})
	m := &mismatch{
		Flow: iproute2.FormatGet(&f, 0, &src.words), Differs: differs,
		Kernel: replyText(&reply, &src.words), Model: replyText(&expected, &src.words), flow: f,
	}
	switch {
	case reply.Cache.Set && reply.Cache.V.Expires > 0:
		m.leftOut = outException
	case fromCache(&d, &reply, &expected, differs):
		m.leftOut = outCache
	}
	return m, nil
}

// recheck reads the state anew and asks again about the flows that differed.
func (a *app) recheck(v *verification, src *source, suspects []mismatch) error {
	v.Mismatches = []mismatch{}
	if len(suspects) == 0 {
		return nil
	}
	st, err := src.conn.State(nil)
	if err != nil {
		return unreadable(fmt.Errorf("reading the state of the kernel again: %w", err))
	}
	src.state = st
	src.words.Links = iproute2.NewLinkTable(st.Links)
	db, err := src.buildFor(v.Flows)
	if err != nil {
		return err
	}
	for i := range suspects {
		m, err := compareOne(src, db, suspects[i].flow)
		switch {
		case err != nil:
			return unreadable(err)
		case m == nil:
			v.LeftOut[outChanged]++
		case m.leftOut != "":
			v.LeftOut[m.leftOut]++
		default:
			v.Mismatches = append(v.Mismatches, *m)
		}
	}
	return nil
}

// text prints the outcome for people.
func (v *verification) text(w io.Writer, all bool) error {
	const most = 10
	var b strings.Builder
	left := 0
	for _, n := range v.LeftOut {
		left += n
	}
	for i, m := range v.Mismatches {
		if i == most && !all {
			fmt.Fprintf(&b, "and %d more (--all prints them)\n\n", len(v.Mismatches)-most)
			break
		}
		fmt.Fprintf(&b, "rulewalk why %s\n  kernel    %s\n  rulewalk  %s\n  differs   %s\n\n",
			m.Flow, m.Kernel, m.Model, strings.Join(m.Differs, ", "))
	}
	for _, why := range sortedKeys(v.LeftOut) {
		fmt.Fprintf(&b, "left out %d: %s\n", v.LeftOut[why], why)
	}
	fmt.Fprintf(&b, "%d flows, %d mismatches, %d left out (kernel %s, seed %d)\n",
		v.Flows, len(v.Mismatches), left, v.Kernel, v.Seed)
	_, err := io.WriteString(w, b.String())
	return err
}

func sortedKeys(m map[string]int) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
