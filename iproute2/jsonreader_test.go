package iproute2

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rulewalk/rulewalk/rpdb"
)

// readJSON reads a document with the names and the command of a transcript.
func readJSON(t *testing.T, doc, command string) *TextState {
	t.Helper()
	r := NewTextReader()
	if err := r.ReadJSON(strings.NewReader(doc), &ReadOptions{Names: transcriptNames(), Command: command}); err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	return r.State()
}

// TestReadJSONOfTranscript reads the documents of the transcript and compares with
// what the text of the same command tells.
func TestReadJSONOfTranscript(t *testing.T) {
	text := map[string]string{}
	compared := 0
	for _, tr := range readTranscript(t) {
		if strings.Contains(tr.cmd, "link set") {
			clear(text)
		}
		text[tr.cmd] = tr.out
		cmd, isJSON := strings.CutPrefix(tr.cmd, "ip -j ")
		if !isJSON || strings.Contains(cmd, "get") || strings.ContainsAny(cmd, "|/") {
			continue
		}
		got := readJSON(t, tr.out, tr.cmd)
		for _, p := range got.Problems {
			if p.Line > 0 {
				t.Errorf("%s: %v", tr.id, p)
			}
		}
		plain, ok := text["ip "+strings.TrimPrefix(cmd, "-p ")]
		if !ok {
			continue
		}
		want, err := ReadText([]byte(plain), &ReadOptions{Names: transcriptNames(), Command: tr.cmd})
		if err != nil {
			t.Fatal(err)
		}
		compared++
		for _, st := range []*TextState{got, want} {
			for i := range st.Routes {
				for j := range st.Routes[i].Metrics {
					st.Routes[i].Metrics[j].Lock = false // JSON does not show it
				}
			}
			for i := range st.Links {
				st.Links[i].Extra = nil
			}
		}
		if d := cmp.Diff(want, got, cmpNet); d != "" {
			t.Errorf("%s: %s: %s", tr.id, tr.cmd, d)
		}
	}
	if compared < 9 {
		t.Errorf("only %d documents compared", compared)
	}
}

func TestReadJSONForms(t *testing.T) {
	st := readJSON(t, `[{},{"ifindex":2,"ifname":"eth0","flags":["UP","LOWER_UP"],"mtu":1500,"frob":1}][]
[{"dst":"default","gateway":"10.0.0.1","dev":"eth0","flags":[],"frob":2},{"dst":"1.2.3.4","from":"::","flags":[],"cache":[]}]
{"priority":5,"src":"all","table":"main","sport":80,"sport_mask":"0xffff"} [{"name":"red","table":10}, 7]`, "")
	if len(st.Links) != 2 || len(st.Routes) != 1 || len(st.Rules) != 1 {
		t.Fatalf("%+v", st)
	}
	if got, want := st.Rules[0].SPort, (rpdb.PortRange{Start: 80, End: 80, Mask: 0xffff}); got != want {
		t.Errorf("sport %v", got)
	}
	if l := st.Links[1]; l.Name != "red" || l.VRFTable != 10 || !l.IsVRF() {
		t.Errorf("%+v", l)
	}
	var whys []string
	for _, p := range st.Problems {
		whys = append(whys, p.Why)
	}
	want := []string{
		"a key that is not known (said once): frob",
		"left out: " + ErrReply.Error(),
		"not an object that ip prints",
		"no inet route of table local was shown (ip route show table all shows every table)",
	}
	if d := cmp.Diff(want, whys); d != "" {
		t.Error(d)
	}
}

func TestReadJSONBroken(t *testing.T) {
	for _, doc := range []string{`[{"dst":`, `[{"dst":"default"]`, `nonsense`, `[[[[[[`} {
		if err := NewTextReader().ReadJSON(strings.NewReader(doc), nil); err == nil {
			t.Errorf("%s: no error", doc)
		}
	}
	long := `[{"dst":"` + strings.Repeat("x", maxJSONEntry+1<<20)
	if err := NewTextReader().ReadJSON(strings.NewReader(long), nil); err == nil {
		t.Error("an endless entry is accepted")
	}
}

// TestReadJSONEncap reads a route as ip 6.1 prints it, whose tunnel has a dst of
// its own.
func TestReadJSONEncap(t *testing.T) {
	st := readJSON(t, `[{"dst":"10.99.0.0/16","encap":"ip","id":5,"src":"0.0.0.0","dst":"9.9.9.9","ttl":0,"tos":0,"dev":"veth0","scope":"link","flags":[]},
{"dst":"10.98.0.0/16","flags":[],"nexthops":[{"encap":"seg6local","action":"End.DT4","table":5,"dev":"veth0","weight":2,"flags":["onlink"]},{"encap":"mpls","dst":"100","via":{"family":"inet","host":"10.0.0.1"},"dev":"veth0","weight":1,"flags":[]}]}]`, "")
	want := "inet 10.99.0.0/16  encap ip dev veth0 scope link\n" +
		"inet 10.98.0.0/16\n" +
		"\tnexthop  encap seg6local dev veth0 weight 2 onlink\n" +
		"\tnexthop  encap mpls via 10.0.0.1 dev veth0 weight 1\n"
	if d := cmp.Diff(want, show(st)); d != "" {
		t.Error(d)
	}
}
