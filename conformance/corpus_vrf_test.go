package conformance

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Every route lookup of the VRF session stands in a case, with its answer.
func TestCorpusVRFComplete(t *testing.T) {
	text, err := os.ReadFile("testdata/vrf-6.12.txt")
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, c := range loadCorpus(t) {
		if !strings.HasPrefix(c.Name, "vrf/") {
			continue
		}
		for i := range c.Steps {
			if s := &c.Steps[i]; s.IsQuery() {
				have = append(have, lookupText(c.Name[4:], s.Text, s.Result.String()))
			}
		}
	}
	want := sessionLookups(string(text))
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("lookups of the session (-) and of the cases (+):\n%s", diff)
	}
	t.Logf("%d lookups", len(have))
}

func lookupText(group, command, output string) string {
	return fmt.Sprintf("%s $ %s\n%s", group, command, output)
}

// sessionLookups returns the lookups of the session: those of single commands, and
// those of the loop in V16, which shows the first line of each answer.
func sessionLookups(text string) (all []string) {
	group := ""
	for _, block := range regexp.MustCompile(`(?m)^(\$ |### )`).Split(text, -1) {
		command, output, _ := strings.Cut(block, "\n")
		output = trimLines(output)
		switch {
		case regexp.MustCompile(`^V\d+b? `).MatchString(command):
			group, _, _ = strings.Cut(command, " ")
		case strings.HasPrefix(command, "for i in 1 2 3"):
			for _, line := range strings.Split(output, "\n") {
				dst, _, _ := strings.Cut(line, " ")
				if strings.Contains(dst, ":") {
					all = append(all, lookupText(group, "ip -6 route get vrf red "+dst, line))
				} else {
					all = append(all, lookupText(group, "ip route get vrf red "+dst, line+"\n    cache"))
				}
			}
		default:
			if _, ok := QueryArgs(command); ok {
				all = append(all, lookupText(group, command, output))
			}
		}
	}
	return all
}
