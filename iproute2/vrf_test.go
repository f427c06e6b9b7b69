package iproute2

import (
	"os"
	"strings"
	"testing"

	"github.com/rulewalk/rulewalk/rpdb"
)

// TestReadVRFTranscript reads the listings of testdata/vrf-6.12.txt, a session of
// Linux 6.12 with VRFs, and prints the routes and rules again.
func TestReadVRFTranscript(t *testing.T) {
	b, err := os.ReadFile("testdata/vrf-6.12.txt")
	if err != nil {
		t.Fatal(err)
	}
	vrf := "$ ip vrf show\nName Table\nred 10\nblue 20\n"
	lists := 0
	for _, part := range strings.Split(string(b), "\n$ ")[1:] {
		cmd, out, _ := strings.Cut(part, "\n")
		out, _, _ = strings.Cut(out, "\n### ")
		w := strings.Fields(cmd)
		isList := len(w) > 2 && w[0] == "ip" && strings.Contains(cmd, " show") && !strings.ContainsAny(cmd, "|;") &&
			(strings.Contains(cmd, "route") || strings.Contains(cmd, "rule"))
		if !isList || strings.Contains(out, "[exit") || strings.Contains(out, "sock ") {
			continue
		}
		st, err := ReadText([]byte(vrf+"$ "+cmd+"\n"+out), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range st.Problems {
			if p.Line > 0 {
				t.Errorf("%s: %v", cmd, p)
			}
		}
		o := &Options{Links: NewLinkTable(st.Links)}
		var got strings.Builder
		for i := range st.Rules {
			got.WriteString(FormatRule(&st.Rules[i], o) + "\n")
		}
		for i := range st.Routes {
			o.Table = st.Routes[i].Table
			if !strings.Contains(cmd, "table "+o.names().Table(o.Table)) && !strings.Contains(cmd, "vrf") {
				o.Table = rpdb.TableMain
			}
			got.WriteString(FormatRoute(&st.Routes[i], o) + "\n")
		}
		if want := strings.TrimLeft(strings.TrimRight(out, "\n")+"\n", "\n"); got.String() != want {
			t.Errorf("$ %s\n got %s\nwant %s", cmd, got.String(), want)
		}
		lists++
	}
	if lists < 30 {
		t.Errorf("only %d lists", lists)
	}
}
