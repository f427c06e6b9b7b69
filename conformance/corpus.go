package conformance

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
)

//go:embed testdata/corpus
var corpusFS embed.FS

// Corpus returns the cases that come with the package, a tree of .txtar files
// (docs/corpus.md describes their language). The same files can be run against
// any implementation, with [Run] or by a runner of one's own.
func Corpus() fs.FS {
	sub, err := fs.Sub(corpusFS, "testdata/corpus")
	if err != nil {
		panic(err) // the directory is embedded above
	}
	return sub
}

// LoadCorpus parses every case of a tree, in the order of their names.
func LoadCorpus(tree fs.FS) ([]*Case, error) {
	var cases []*Case
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".txtar") {
			return err
		}
		text, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		c, err := ParseCase(strings.TrimSuffix(name, ".txtar"), text)
		if err != nil {
			return err
		}
		cases = append(cases, c)
		return nil
	})
	return cases, err
}

// Case is one file of the corpus: a host, what is done to it, and what it answers.
type Case struct {
	Name    string   // path below the corpus without .txtar, such as ipv4/C05
	Title   string   // one line
	Refs    []string // where the story comes from: owner/repo#number or a spec section
	Kernel  string   // release that the outputs were recorded on
	Family  int      // 4: IPv6 is switched off; 6: IPv4 is not recorded; 0: both
	Devices []string // veth ends that are there and up at the start
	// KeepCache: the route cache is not flushed before each route get.
	KeepCache bool
	// Excerpt: the commands are part of a longer session and do not make the host
	// that the recorded states show; a Commander cannot run them.
	Excerpt bool

	Steps []Step
	// Sections holds the recorded states, part by part; see [Case.State].
	Sections []Section
}

// Step is one line of a case with what belongs to it.
type Step struct {
	Line int // in the file, from 1; 0 if it was not read from a file
	Kind StepKind
	Text string // the command, event, reason or comment without its mark

	// Of a command:
	Result
	State  int      // number of the recorded state it runs in; 0: none is recorded
	Walk   []string // the expected walk of a route get; nil: not given
	Beyond string   // why the answer cannot be told from the recorded state; empty: it can
	Want   []string // drafts only: the answer that the specification gives (=> lines)
}

// StepKind tells the kinds of lines apart.
type StepKind int

// The kinds of steps.
const (
	Command StepKind = iota // $ a command of this host
	Event                   // ! something that happens around it
	Comment                 // # for the reader
	Blank                   // an empty line
)

// Result is what a command printed (standard output and standard error as a
// terminal shows them, blanks at the ends of lines removed) and its exit status.
type Result struct {
	Output string // no final newline
	Exit   int
}

// String returns the result as it stands in a case.
func (r Result) String() string {
	if r.Exit == 0 {
		return r.Output
	}
	return strings.TrimPrefix(fmt.Sprintf("%s\n[exit %d]", r.Output, r.Exit), "\n")
}

// IsQuery reports whether the step asks for a route.
func (s *Step) IsQuery() bool {
	if s.Kind != Command {
		return false
	}
	_, ok := QueryArgs(s.Text)
	return ok
}

// QueryArgs splits an "ip [-6] route get ARGS" command. The options before the
// object are dropped, for the family follows from the arguments.
func QueryArgs(command string) (args []string, ok bool) {
	words := strings.Fields(command)
	if len(words) == 0 || words[0] != "ip" {
		return nil, false
	}
	words = words[1:]
	for len(words) > 0 && strings.HasPrefix(words[0], "-") {
		words = words[1:]
	}
	if len(words) < 2 || words[0] != "route" || words[1] != "get" {
		return nil, false
	}
	return words[2:], true
}

// Section is one part of a recorded state: the output of Command at the time of
// state N. It stays valid until a section of the same command with a higher number.
type Section struct {
	N       int
	Command string // such as "ip -d rule", or "settings"
	Text    string
}

// State returns the recorded state n: for each command, the text of the latest
// section up to n, in the order of the file.
func (c *Case) State(n int) []Section {
	var parts []Section
	at := map[string]int{}
	for _, s := range c.Sections {
		if s.N > n {
			continue
		}
		if i, ok := at[s.Command]; ok {
			if parts[i].N <= s.N {
				parts[i] = s
			}
			continue
		}
		at[s.Command] = len(parts)
		parts = append(parts, s)
	}
	return parts
}
