package explain

import (
	"bytes"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/rulewalk/rulewalk/iproute2"
	"github.com/rulewalk/rulewalk/rpdb"
)

var update = flag.Bool("update", false, "write the golden parts of testdata/*.txtar")

// TestGolden tells every case of testdata. A case is a txtar file: the state, the
// flow as the arguments of rulewalk why, and the golden text, json or both.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { golden(t, file) })
	}
}

func golden(t *testing.T, file string) {
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	ar := txtar.Parse(bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")))
	part := func(name string) string {
		for _, f := range ar.Files {
			if f.Name == name {
				return string(f.Data)
			}
		}
		return ""
	}
	report := report(t, part("state"), part("flow"), part("kernel"))
	for i := range ar.Files {
		f := &ar.Files[i]
		var got []byte
		switch f.Name {
		case "text", "all":
			var out bytes.Buffer
			if err := Text(&out, report, TextOptions{All: f.Name == "all"}); err != nil {
				t.Fatal(err)
			}
			got = out.Bytes()
			checkWidth(t, out.String())
		case "json":
			if got, err = JSON(report); err != nil {
				t.Fatal(err)
			}
		default:
			continue
		}
		if *update {
			f.Data = got
		} else if diff := cmp.Diff(string(f.Data), string(got)); diff != "" {
			t.Errorf("%s (-golden +got):\n%s", f.Name, diff)
		}
	}
	if *update {
		if err := os.WriteFile(file, txtar.Format(ar), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func checkWidth(t *testing.T, text string) {
	t.Helper()
	for _, line := range strings.Split(text, "\n") {
		if n := len([]rune(line)); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
		if strings.TrimRight(line, " ") != line {
			t.Errorf("trailing space: %q", line)
		}
	}
}

func report(t *testing.T, state, flow, kernel string) *Report {
	t.Helper()
	st := parseState(t, state)
	db, err := st.Build()
	if err != nil {
		t.Fatal(err)
	}
	words, unknown := unknownWords(strings.Fields(flow))
	get, err := iproute2.ParseGet(words, rpdb.Unspec, nil, iproute2.NewLinkTable(st.Links))
	if err != nil {
		t.Fatal(err)
	}
	get.Flow.Unknown = unknown
	if get.Flow.IPProto == 0 && get.Flow.Family() == rpdb.IPv4 {
		get.Flow.IPProto = rpdb.ProtoUDP
	}
	r := &Report{DB: db, Walk: db.Walk(&get.Flow), Given: get.Given | unknown, WhatIf: true}
	for _, line := range strings.Split(strings.TrimSpace(kernel), "\n") {
		key, value, _ := strings.Cut(line, " ")
		switch key {
		case "agrees":
			r.Kernel = KernelAnswer{Asked: true, Agrees: true, Reply: value}
		case "reply":
			r.Kernel = KernelAnswer{Asked: true, Reply: value}
		case "expected":
			r.Kernel.Expected = value
		case "differs":
			r.Kernel.Differs = strings.Fields(value)
		}
	}
	return r
}

func unknownWords(words []string) (rest []string, unknown rpdb.Fields) {
	for i := 0; i < len(words); i++ {
		if i+1 < len(words) && words[i+1] == "?" {
			unknown |= map[string]rpdb.Fields{
				"mark": rpdb.FieldMark, "uid": rpdb.FieldUID, "dport": rpdb.FieldDPort,
			}[words[i]]
			i++
			continue
		}
		rest = append(rest, words[i])
	}
	return rest, unknown
}

// parseState reads the state of a case: one object a line, rules and routes as ip
// prints them.
func parseState(t *testing.T, text string) *rpdb.State {
	t.Helper()
	st := &rpdb.State{Sysctls: rpdb.Sysctls{}, Facts: rpdb.Facts{
		CustomRules4: rpdb.Yes, CustomRules6: rpdb.Yes, CustomLocal4: rpdb.No,
	}}
	var lines []string
	for _, line := range strings.Split(text, "\n") {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if word, rest, _ := strings.Cut(line, " "); word == "link" {
			st.Links = append(st.Links, parseLink(t, rest))
		} else {
			lines = append(lines, line)
		}
	}
	for _, line := range lines {
		if err := parseLine(st, line); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
	return st
}

func parseLink(t *testing.T, s string) rpdb.Link {
	t.Helper()
	w := strings.Fields(s)
	index, err := strconv.Atoi(w[0])
	if err != nil {
		t.Fatal(err)
	}
	l := rpdb.Link{Index: index, Name: w[1], Flags: rpdb.IFFUp | rpdb.IFFLowerUp | rpdb.IFFRunning, MTU: 1500}
	if index == rpdb.Loopback {
		l.Flags |= rpdb.IFFLoopback
	}
	for i := 2; i < len(w); i++ {
		switch word := w[i]; word {
		case "vrf":
			i++
			id, _ := strconv.Atoi(w[i])
			l.Kind, l.VRFTable = "vrf", uint32(id)
		case "master":
			i++
			l.Master, _ = strconv.Atoi(w[i])
		case "down":
			l.Flags = 0
		case "nocarrier":
			l.Flags &^= rpdb.IFFLowerUp | rpdb.IFFRunning
		default:
			l.Kind = word
		}
	}
	return l
}

func parseLine(st *rpdb.State, line string) (err error) {
	links := iproute2.NewLinkTable(st.Links)
	o := &iproute2.ReadOptions{Links: links}
	word, rest, _ := strings.Cut(line, " ")
	switch word {
	case "rule", "rule6":
		if word == "rule6" {
			o.Family = rpdb.IPv6
		}
		var r rpdb.Rule
		pref, text, _ := strings.Cut(rest, " ")
		if r, err = iproute2.ParseRuleLine(pref+"\t"+text, o); err == nil {
			st.Rules = append(st.Rules, r)
		}
	case "rules":
		f := rpdb.IPv4
		if rest == "6" {
			f = rpdb.IPv6
		}
		st.Rules = append(st.Rules, rpdb.DefaultRules(f)...)
	case "route", "route6":
		if word == "route6" {
			o.Family = rpdb.IPv6
		}
		var r rpdb.Route
		if r, err = iproute2.ParseRouteLine(strings.ReplaceAll(rest, " nexthop", "\n\tnexthop"), o); err == nil {
			st.Routes = append(st.Routes, r)
		}
	case "addr":
		w := strings.Fields(rest)
		index, _ := links.LinkIndex(w[0])
		p := netip.MustParsePrefix(w[1])
		a := rpdb.Addr{
			Family: rpdb.FamilyOf(p.Addr()), Index: index, Local: p.Addr(), PrefixLen: uint8(p.Bits()),
			Valid: rpdb.Forever, Preferred: rpdb.Forever,
		}
		if len(w) > 2 {
			a.Scope, _ = iproute2.DefaultNames().ScopeID(w[2])
		}
		st.Addrs = append(st.Addrs, a)
	case "sysctl":
		k, v, _ := strings.Cut(rest, "=")
		st.Sysctls[k] = v
	case "neverchanged":
		st.Facts.CustomRules4, st.Facts.CustomRules6 = rpdb.No, rpdb.No
	default:
		err = fmt.Errorf("not a line of a state")
	}
	return err
}
