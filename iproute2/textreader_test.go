package iproute2

import (
	"slices"
	"strings"
	"testing"

	"github.com/rulewalk/rulewalk/rpdb"
)

func TestReadTranscript(t *testing.T) {
	for _, tr := range readTranscript(t) {
		_, cmd, _, ok := commandOptions(tr.cmd, transcriptNames())
		if !ok || strings.Contains(cmd, "get") || strings.Contains(cmd, "flush") || strings.HasPrefix(cmd, "netns") || strings.HasPrefix(cmd, "route show cache") {
			continue
		}
		st, err := ReadText([]byte("$ "+tr.cmd+"\n"+tr.out+"\n"), &ReadOptions{Names: transcriptNames()})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range st.Problems {
			if p.Line > 0 {
				t.Errorf("%s: %s: %v", tr.id, tr.cmd, p)
			}
		}
		if tr.out != "" && st.Seen == 0 {
			t.Errorf("%s: %s: nothing seen", tr.id, tr.cmd)
		}
	}
}

func TestReadTextPasted(t *testing.T) {
	var b strings.Builder
	for _, tr := range readTranscript(t) {
		switch tr.id {
		case "239", "243", "122", "124", "068", "069", "293", "400":
			b.WriteString(tr.out + "\n")
		}
	}
	st, err := ReadText([]byte(b.String()), &ReadOptions{Names: transcriptNames()})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range st.Problems {
		t.Error(p)
	}
	count := map[rpdb.Family]int{}
	for _, r := range st.Rules {
		count[r.Family]++
	}
	got := []int{count[rpdb.IPv4], count[rpdb.IPv6], len(st.Routes), len(st.Addrs), len(st.Links), len(st.NextHops), len(st.Neighs)}
	if want := []int{26, 4, 65, 9, 4, 12, 7}; !slices.Equal(got, want) {
		t.Errorf("got %v entries, want %v", got, want)
	}
}
