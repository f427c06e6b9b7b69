package iproute2

import (
	"bytes"
	"strings"
	"testing"

	"github.com/rulewalk/rulewalk/rpdb"
)

// TestPrintTranscript reads the addresses, nexthops and neighbours of the
// transcript and prints them again.
func TestPrintTranscript(t *testing.T) {
	lines := 0
	for _, tr := range readTranscript(t) {
		o, cmd, _, ok := commandOptions(tr.cmd, transcriptNames())
		if !ok || len(cmd) == 0 || strings.Contains(cmd, "bucket") || strings.Contains(cmd, " dev veth0") && strings.HasPrefix(cmd, "neigh") {
			continue
		}
		st, err := ReadText([]byte(tr.out), &ReadOptions{Names: transcriptNames(), Command: tr.cmd})
		if err != nil {
			t.Fatal(err)
		}
		o.Links = NewLinkTable(st.Links)
		var got []string
		switch {
		case strings.HasPrefix(cmd, "nexthop"):
			for i := range st.NextHops {
				got = append(got, FormatNextHop(&st.NextHops[i], o))
			}
		case strings.HasPrefix(cmd, "nei"):
			for i := range st.Neighs {
				got = append(got, FormatNeigh(&st.Neighs[i], o))
			}
		case strings.HasPrefix(cmd, "addr"):
			for i := range st.Addrs {
				got = append(got, strings.Split(FormatAddr(&st.Addrs[i], o), "\n")...)
			}
		}
		for _, line := range got {
			if !strings.Contains("\n"+tr.out+"\n", "\n"+line+"\n") {
				t.Errorf("%s: %s: %q is not in\n%s", tr.id, tr.cmd, line, tr.out)
			}
			lines++
		}
	}
	if lines < 120 {
		t.Errorf("only %d lines compared", lines)
	}
}

func TestPrintLinksOfTranscript(t *testing.T) {
	for _, tr := range readTranscript(t) {
		if tr.id != "033" && tr.id != "068" {
			continue
		}
		st, err := ReadText([]byte(tr.out), nil)
		if err != nil {
			t.Fatal(err)
		}
		o := &Options{Links: NewLinkTable(st.Links)}
		for i := range st.Links {
			got := FormatLink(&st.Links[i], o)
			if tr.id == "068" {
				got = FormatAddrHead(&st.Links[i], o)
			}
			for _, line := range strings.Split(got, "\n") {
				if !strings.Contains("\n"+tr.out+"\n", "\n"+line) {
					t.Errorf("%s: %q is not in\n%s", tr.id, line, tr.out)
				}
			}
		}
	}
}

// TestJSONOfTranscript prints what the text of one command tells as the JSON that
// the same command printed with -j.
func TestJSONOfTranscript(t *testing.T) {
	text := map[string]string{} // the latest of each command
	compared := 0
	for _, tr := range readTranscript(t) {
		if strings.Contains(tr.cmd, "link set") {
			clear(text)
		}
		text[tr.cmd] = tr.out
		cmd, isJSON := strings.CutPrefix(tr.cmd, "ip -j ")
		cmd, pretty := strings.CutPrefix(cmd, "-p ")
		plain, ok := text["ip "+cmd]
		if !isJSON || !ok || strings.Contains(cmd, "get") || strings.Contains(cmd, "|") {
			continue
		}
		n := transcriptNames()
		st, err := ReadText([]byte(plain), &ReadOptions{Names: n, Links: transcriptLinks, Command: "ip " + cmd})
		if err != nil {
			t.Fatal(err)
		}
		o := &Options{Names: n, Links: NewLinkTable(st.Links), Table: rpdb.TableMain}
		list, ok := listJSON(cmd, st, o)
		if !ok {
			continue
		}
		var b bytes.Buffer
		if err := WriteJSON(&b, list, pretty); err != nil {
			t.Fatal(err)
		}
		compared++
		if got := strings.TrimRight(b.String(), "\n"); got != tr.out {
			t.Errorf("%s: %s\n got %s\nwant %s", tr.id, tr.cmd, got, tr.out)
		}
	}
	if compared < 9 {
		t.Errorf("only %d documents compared", compared)
	}
}

func listJSON(cmd string, st *TextState, o *Options) (list []Object, ok bool) {
	w := strings.Fields(strings.TrimPrefix(cmd, "-6 "))
	switch w[0] {
	case "rule":
		for i := range st.Rules {
			list = append(list, RuleJSON(&st.Rules[i], o))
		}
	case "route":
		for i := range st.Routes {
			list = append(list, RouteJSON(&st.Routes[i], o))
		}
	case "nexthop":
		for i := range st.NextHops {
			list = append(list, NextHopJSON(&st.NextHops[i], o))
		}
	case "neigh":
		for i := range st.Neighs {
			list = append(list, NeighJSON(&st.Neighs[i], o))
		}
	case "addr":
		for i := range st.Links {
			list = append(list, LinkAddrsJSON(&st.Links[i], st.Addrs, o))
		}
		return list, len(st.Links) == 1 && st.Links[0].Peer == 0
	default:
		return nil, false
	}
	return list, true
}
