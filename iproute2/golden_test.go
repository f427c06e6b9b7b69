package iproute2

import (
	"os"
	"strings"
	"testing"

	"github.com/rulewalk/rulewalk/rpdb"
)

// transcript is one command of a recorded session and what it printed.
type transcript struct {
	id, cmd, out string
}

// readTranscript reads testdata/ip-6.1.txt, a session of iproute2 6.1 on Linux
// 6.18; its head describes the format.
func readTranscript(t testing.TB) []transcript {
	t.Helper()
	b, err := os.ReadFile("testdata/ip-6.1.txt")
	if err != nil {
		t.Fatal(err)
	}
	var all []transcript
	for _, part := range strings.Split(string(b), "\n=== ")[1:] {
		id, rest, _ := strings.Cut(part, "\n")
		cmd, rest, _ := strings.Cut(strings.TrimPrefix(rest, "$ "), "\n")
		_, out, ok := strings.Cut(rest, "--- stdout\n")
		if !ok {
			continue
		}
		out, _, _ = strings.Cut(out, "--- stderr\n")
		out, _, _ = strings.Cut(out, "\n########")
		all = append(all, transcript{id, cmd, strings.TrimRight(out, "\n")})
	}
	if len(all) < 150 {
		t.Fatalf("only %d commands in the transcript", len(all))
	}
	return all
}

// transcriptLinks are the devices of the recorded session.
var transcriptLinks = NewLinkTable([]rpdb.Link{
	{Index: 1, Name: "lo"},
	{Index: 10, Name: "veth0"},
	{Index: 11, Name: "veth1"},
	{Index: 12, Name: "br0"},
	{Index: 13, Name: "va"},
	{Index: 14, Name: "vb"},
})

// transcriptNames are the names of that host: one more than those built in.
func transcriptNames() *Names {
	n := DefaultNames()
	n.protos.set(99, "openr")
	return n
}

// commandOptions returns how a plain ip command of the transcript prints, and the
// command without its flags; ok is false for commands that print otherwise.
func commandOptions(cmd string, n *Names) (o *Options, rest string, family rpdb.Family, ok bool) {
	w := strings.Fields(cmd)
	o = &Options{Names: n, Links: transcriptLinks}
	if len(w) == 0 || w[0] != "ip" || strings.ContainsAny(cmd, "|;>\"") {
		return nil, "", 0, false
	}
	for w = w[1:]; len(w) > 0 && strings.HasPrefix(w[0], "-"); w = w[1:] {
		switch w[0] {
		case "-4":
			family = rpdb.IPv4
		case "-6":
			family = rpdb.IPv6
		case "-d":
			o.Details = true
		case "-o":
			o.OneLine = true
		case "-N":
			o.Names = n.Clone()
			o.Names.Numeric = true
		default:
			return nil, "", 0, false
		}
	}
	return o, strings.Join(w, " "), family, true
}

func TestRulesOfTranscript(t *testing.T) {
	lines := 0
	for _, tr := range readTranscript(t) {
		o, cmd, family, ok := commandOptions(tr.cmd, transcriptNames())
		if !ok || !strings.HasPrefix(cmd, "rule") {
			continue
		}
		for _, line := range strings.Split(tr.out, "\n") {
			if line == "" {
				continue
			}
			r, err := ParseRuleLine(line, &ReadOptions{Names: o.Names, Family: family})
			if err != nil {
				t.Errorf("%s: %q: %v", tr.id, line, err)
			} else if got := FormatRule(&r, o); got != line {
				t.Errorf("%s:\n got %q\nwant %q", tr.id, got, line)
			}
			lines++
		}
	}
	if lines < 90 {
		t.Errorf("only %d rules seen", lines)
	}
}

func TestRoutesOfTranscript(t *testing.T) {
	records := 0
	for _, tr := range readTranscript(t) {
		o, cmd, family, ok := commandOptions(tr.cmd, transcriptNames())
		if !ok || !isRouteList(cmd) {
			continue
		}
		c := &ReadOptions{Names: o.Names, Links: o.Links, Family: family}
		o.Table = rpdb.TableMain
		if w := strings.Fields(cmd); len(w) > 3 && w[2] == "table" {
			id, ok := o.Names.TableID(w[3])
			if ok {
				o.Table, c.Table = id, id
			} else {
				o.Table = 0
			}
		}
		for _, rec := range splitRecords(tr.out) {
			r, err := ParseRouteLine(rec, c)
			if err != nil {
				t.Errorf("%s: %q: %v", tr.id, rec, err)
				continue
			}
			if r.NHID != 0 && o.Details {
				continue // the nexthop object is not part of the route
			}
			if got := FormatRoute(&r, o); got != rec {
				t.Errorf("%s: %s\n got %q\nwant %q", tr.id, tr.cmd, got, rec)
			}
			records++
		}
	}
	if records < 200 {
		t.Errorf("only %d routes seen", records)
	}
}

// isRouteList tells whether a command lists routes with all their fields.
func isRouteList(cmd string) bool {
	w := strings.Fields(cmd)
	if len(w) == 0 || !matches(w[0], "route") || w[0] == "rule" {
		return false
	}
	for _, x := range w[1:] {
		switch x {
		case "get", "proto", "scope", "dev", "tos", "src", "metric", "via", "cache", "flush", "type":
			return false
		}
	}
	return true
}

// splitRecords splits output into records: a line and the indented ones after it.
func splitRecords(out string) (recs []string) {
	for _, line := range strings.Split(out, "\n") {
		if strings.HasPrefix(line, "\t") && len(recs) > 0 {
			recs[len(recs)-1] += "\n" + line
		} else if line != "" {
			recs = append(recs, line)
		}
	}
	return recs
}
