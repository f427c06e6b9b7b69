package explain

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/rulewalk/rulewalk/conformance"
	"github.com/rulewalk/rulewalk/iproute2"
	"github.com/rulewalk/rulewalk/rpdb"
)

// TestCorpus tells every query of the corpus in every form: the text fits the page,
// the JSON is a document, and no step is without its words.
func TestCorpus(t *testing.T) {
	cases, err := conformance.LoadCorpus(conformance.Corpus())
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	for _, c := range cases {
		dbs := map[int]*rpdb.Database{}
		for i := range c.Steps {
			s := &c.Steps[i]
			args, ok := conformance.QueryArgs(s.Text)
			if !ok || s.State == 0 || s.Beyond != "" {
				continue
			}
			if dbs[s.State] == nil {
				st, err := c.ReadState(s.State)
				if err != nil {
					t.Fatal(err)
				}
				if dbs[s.State], err = st.Build(); err != nil {
					t.Fatal(err)
				}
			}
			db := dbs[s.State]
			get, err := iproute2.ParseGet(args, rpdb.Unspec, nil, iproute2.NewLinkTable(db.State().Links))
			if err != nil {
				continue // a case about a wrong command
			}
			tell(t, fmt.Sprintf("%s:%d: %s", c.Name, s.Line, s.Text), db, &get.Flow)
			told++
		}
	}
	if told < 300 {
		t.Errorf("only %d queries told", told)
	}
}

func tell(t *testing.T, name string, db *rpdb.Database, f *rpdb.Flow) {
	r := &Report{DB: db, Walk: db.Walk(f), WhatIf: true, Source: name}
	for _, all := range []bool{false, true} {
		var out bytes.Buffer
		if err := Text(&out, r, TextOptions{All: all}); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(out.String(), f.Dst.String()) {
			t.Errorf("%s: does not start with the destination:\n%s", name, out.String())
		}
		for _, line := range strings.Split(out.String(), "\n") {
			if n := len([]rune(line)); n > 80 || strings.HasSuffix(line, " ") || strings.Contains(line, "%!") {
				t.Errorf("%s: %d columns: %q", name, n, line)
			}
		}
	}
	doc, err := JSON(r)
	if err != nil {
		t.Fatal(err)
	}
	var v View
	if err := json.Unmarshal(doc, &v); err != nil {
		t.Fatal(err)
	}
	if v.Decision.Error == "" && v.Decision.Dev == "" {
		t.Errorf("%s: neither an error nor a device:\n%s", name, doc)
	}
	for _, s := range v.Steps {
		if s.Verdict == rpdb.NotMatched.String() && s.Reason == "" {
			t.Errorf("%s: no reason why rule %q does not match", name, s.Rule)
		}
	}
}
