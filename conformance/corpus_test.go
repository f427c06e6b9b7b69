package conformance

import (
	"io/fs"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func loadCorpus(t *testing.T) []*Case {
	t.Helper()
	cases, err := LoadCorpus(Corpus())
	if err != nil {
		t.Fatal(err)
	}
	if len(cases) == 0 {
		t.Fatal("the corpus is empty")
	}
	return cases
}

// Every file of the corpus is written as Format writes it, and is recorded.
func TestCorpusFormat(t *testing.T) {
	for _, c := range loadCorpus(t) {
		text, err := fs.ReadFile(Corpus(), c.Name+".txtar")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(text), string(c.Format())); diff != "" {
			t.Errorf("%s (-file +formatted):\n%s", c.Name, diff)
		}
		if c.Kernel == "" {
			t.Errorf("%s: names no kernel: not recorded", c.Name)
		}
		for _, s := range c.Steps {
			if s.Want != nil {
				t.Errorf("%s:%d: has a => line: not recorded", c.Name, s.Line)
			}
		}
	}
}

func TestParseCaseErrors(t *testing.T) {
	for _, text := range []string{
		"",
		"title x\nfamily 5\n",
		"title x\ncache lose\n",
		"title x\ncolour red\n",
		"title x\n\noutput without command\n",
		"title x\n\n@ zero\n",
		"title x\n\n$ ip rule\n\n-- rules --\n",
		"title x\n\n$ ip rule\n\n-- 0: ip rule --\n",
	} {
		if c, err := ParseCase("t", []byte(text)); err == nil {
			t.Errorf("ParseCase(%q) = %+v, want an error", text, c)
		}
	}
}

func TestCaseState(t *testing.T) {
	c, err := ParseCase("t", []byte("title x\n\n$ ip rule\n\n-- 1: a --\na1\n-- 1: b --\nb1\n-- 2: b --\nb2\n-- 3: a --\na3\n"))
	if err != nil {
		t.Fatal(err)
	}
	for n, want := range map[int]string{1: "a1 b1", 2: "a1 b2", 3: "a3 b2"} {
		parts := c.State(n)
		if got := parts[0].Text[:2] + " " + parts[1].Text[:2]; got != want {
			t.Errorf("state %d = %s, want %s", n, got, want)
		}
	}
}

func FuzzParseCase(f *testing.F) {
	f.Add([]byte("title x\nfamily 4\n\n! carrier v0 off\n~ why\n@ 1\n$ ip route get 1.1.1.1\nout\n[exit 2]\n| walk\n\n-- 1: ip addr --\nx\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := ParseCase("f", text)
		if err != nil {
			return
		}
		once := c.Format()
		again, err := ParseCase("f", once)
		if err != nil {
			t.Fatalf("formatted text does not parse: %v\n%s", err, once)
		}
		if diff := cmp.Diff(string(once), string(again.Format())); diff != "" {
			t.Fatal(diff)
		}
	})
}
