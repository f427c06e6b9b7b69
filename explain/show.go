package explain

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"charm.land/lipgloss/v2"

	"github.com/rulewalk/rulewalk/iproute2"
	"github.com/rulewalk/rulewalk/rpdb"
)

// ShowSchema names the version of the JSON form of a ShowView.
const ShowSchema = "rulewalk.show/v1"

// ShowView is a whole database in the order in which Linux walks it: each rule with
// its table under it.
type ShowView struct {
	Schema   string           `json:"schema"`
	State    string           `json:"state,omitempty"`
	Families []ShowFamilyView `json:"families"`
	Warnings []string         `json:"warnings,omitempty"`
}

// ShowFamilyView is the database of one family.
type ShowFamilyView struct {
	Family       string         `json:"family"`
	FastPath     string         `json:"fast_path"` // yes, no or unknown: are the rules passed over
	Routes       int            `json:"routes"`
	Rules        []ShowRuleView `json:"rules"`
	Unreferenced []TableView    `json:"unreferenced,omitempty"` // tables that no rule leads to
	Missing      []string       `json:"missing,omitempty"`      // tables that rules name and that do not exist
}

// ShowRuleView is one rule.
type ShowRuleView struct {
	Pref   uint32      `json:"pref"`
	Rule   string      `json:"rule"`
	Tables []TableView `json:"tables,omitempty"` // more than one for l3mdev: one for each VRF
	Note   string      `json:"note,omitempty"`
}

// TableView is a routing table. Its routes stand only where it is met first.
type TableView struct {
	Table  string   `json:"table"`
	VRF    string   `json:"vrf,omitempty"`
	Exists bool     `json:"exists"`
	Shown  *uint32  `json:"shown_at,omitempty"` // the rule under which its routes stand
	Routes []string `json:"routes,omitempty"`
}

// NewShowView makes the view of a state. Families is IPv4, IPv6 or, for
// rpdb.Unspec, both.
func NewShowView(st *rpdb.State, o iproute2.Options, family rpdb.Family) *ShowView {
	v := &ShowView{Schema: ShowSchema}
	w := newWords(o, st)
	for _, f := range []rpdb.Family{rpdb.IPv4, rpdb.IPv6} {
		if family == rpdb.Unspec || family == f {
			s := shower{w: w, st: st, f: f, at: map[uint32]*uint32{}}
			v.Families = append(v.Families, s.family())
		}
	}
	return v
}

// shower makes the view of one family.
type shower struct {
	w      *words
	st     *rpdb.State
	f      rpdb.Family
	tables map[uint32][]*rpdb.Route
	at     map[uint32]*uint32 // rule under which a table was shown
}

func (s *shower) family() ShowFamilyView {
	v := ShowFamilyView{Family: s.f.String(), FastPath: s.fastPath().String(), Rules: []ShowRuleView{}}
	s.tables = map[uint32][]*rpdb.Route{}
	for i := range s.st.Routes {
		if r := &s.st.Routes[i]; r.Family == s.f {
			s.tables[r.Table] = append(s.tables[r.Table], r)
			v.Routes++
		}
	}
	for i := range s.st.Rules {
		if r := &s.st.Rules[i]; r.Family == s.f {
			v.Rules = append(v.Rules, s.rule(r))
		}
	}
	for _, rv := range v.Rules {
		for _, t := range rv.Tables {
			if !t.Exists && !slices.Contains(v.Missing, t.Table) {
				v.Missing = append(v.Missing, t.Table)
			}
		}
	}
	var left []uint32
	for id := range s.tables {
		if s.at[id] == nil {
			left = append(left, id)
		}
	}
	slices.Sort(left)
	for _, id := range left {
		v.Unreferenced = append(v.Unreferenced, s.table(id, nil))
	}
	return v
}

// fastPath reports whether the rules are passed over, because none was ever
// changed.
func (s *shower) fastPath() rpdb.Tri {
	custom := s.st.Facts.CustomRules4
	if s.f == rpdb.IPv6 {
		custom = s.st.Facts.CustomRules6
	}
	switch custom {
	case rpdb.Yes:
		return rpdb.No
	case rpdb.No:
		return rpdb.Yes
	}
	return rpdb.Unknown
}

func (s *shower) rule(r *rpdb.Rule) ShowRuleView {
	v := ShowRuleView{Pref: r.Pref, Rule: s.w.rule(r)}
	switch {
	case r.Action == rpdb.ActGoto:
		v.Note = fmt.Sprintf("goes on at rule %d", r.GotoRef)
		if !s.hasRule(r.GotoRef) {
			v.Note = fmt.Sprintf("there is no rule %d: passed over", r.GotoRef)
		}
	case r.Action != rpdb.ActTable:
	case r.L3MDev:
		v.Tables = s.vrfTables(&r.Pref)
		if len(v.Tables) == 0 {
			v.Note = "there is no VRF: never matches"
		}
	default:
		v.Tables = []TableView{s.table(r.Table, &r.Pref)}
	}
	return v
}

func (s *shower) hasRule(pref uint32) bool {
	return slices.ContainsFunc(s.st.Rules, func(r rpdb.Rule) bool { return r.Family == s.f && r.Pref == pref })
}

func (s *shower) vrfTables(pref *uint32) []TableView {
	var vs []TableView
	for i := range s.st.Links {
		if l := &s.st.Links[i]; l.IsVRF() {
			t := s.table(l.VRFTable, pref)
			t.VRF = l.Name
			vs = append(vs, t)
		}
	}
	return vs
}

// table tells a table, with its routes if it was not met before.
func (s *shower) table(id uint32, pref *uint32) TableView {
	v := TableView{Table: s.w.table(id)}
	if at := s.at[id]; at != nil {
		v.Shown, v.Exists = at, true
		return v
	}
	routes, ok := s.tables[id]
	if v.Exists = ok; !ok {
		return v
	}
	s.at[id] = pref
	o := s.w.opt
	o.Table = id
	for _, r := range routes {
		v.Routes = append(v.Routes, oneLine(iproute2.FormatRoute(r, &o)))
	}
	return v
}

// JSON returns the view as the document of [ShowSchema].
func (v *ShowView) JSON() ([]byte, error) { return Document(v) }

// Document returns a value as the JSON documents of this package are written:
// indented, with a final newline.
func Document(v any) ([]byte, error) {
	var out strings.Builder
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("as JSON: %w", err)
	}
	return []byte(out.String()), nil
}

// showLimit is how many routes of a table are written without All.
const showLimit = 40

// Text writes the view for people.
func (v *ShowView) Text(w io.Writer, o TextOptions) error {
	if o.Width <= 0 {
		o.Width = 80
	}
	t := &showTeller{o: o, page: page{width: max(o.Width, 40), color: o.Color}}
	for i := range v.Families {
		t.page.blank()
		t.family(&v.Families[i])
	}
	for i, warning := range v.Warnings {
		label := "            "
		if i == 0 {
			t.page.blank()
			label = "warning     "
		}
		t.page.add(row{left: label + warning, hang: len(label), leftStyle: warn})
	}
	return t.page.write(w)
}

type showTeller struct {
	o    TextOptions
	page page
}

func (t *showTeller) line(indent int, text string, s lipgloss.Style) {
	t.page.add(row{indent: indent, hang: 2, left: text, leftStyle: s})
}

func (t *showTeller) note(text string) { t.page.add(row{left: text, leftStyle: dim}) }

var familyTitles = map[string]string{"inet": "IPv4", "inet6": "IPv6"}

func (t *showTeller) family(f *ShowFamilyView) {
	t.line(0, fmt.Sprintf("%s: %s, %s", familyTitles[f.Family], count(len(f.Rules), "rule"), count(f.Routes, "route")), bold)
	switch {
	case f.FastPath == rpdb.Yes.String() && f.Family == rpdb.IPv4.String():
		t.note("No rule was ever changed here: Linux searches local and main as one table, then default, and does not look at the rules.")
	case f.FastPath == rpdb.Yes.String():
		t.note("No rule was ever added here: Linux searches local, then main, and does not look at the rules.")
	}
	if len(f.Rules) == 0 {
		t.line(0, "There is no rule: nothing is reached.", warn)
	}
	for i := range f.Rules {
		t.rule(&f.Rules[i])
	}
	if len(f.Unreferenced) > 0 {
		t.page.blank()
		t.line(0, "Tables that no rule leads to:", warn)
	}
	for i := range f.Unreferenced {
		t.line(2, "table "+f.Unreferenced[i].Table, plain)
		t.routes(&f.Unreferenced[i])
	}
}

func (t *showTeller) rule(r *ShowRuleView) {
	label := fmt.Sprintf("rule %d", r.Pref)
	label += strings.Repeat(" ", max(12-len(label), 2))
	t.page.add(row{left: label + r.Rule, hang: 12, leftStyle: bold})
	if r.Note != "" {
		t.line(4, "("+r.Note+")", dim)
	}
	for i := range r.Tables {
		tb := &r.Tables[i]
		if tb.VRF != "" {
			t.line(2, fmt.Sprintf("VRF %s: table %s", tb.VRF, tb.Table), plain)
		}
		switch {
		case !tb.Exists:
			t.line(4, "(table "+tb.Table+": no routes, the walk goes on)", warn)
		case tb.Shown != nil:
			t.line(4, fmt.Sprintf("(table %s: see rule %d)", tb.Table, *tb.Shown), dim)
		default:
			t.routes(tb)
		}
	}
}

func (t *showTeller) routes(tb *TableView) {
	for i, r := range tb.Routes {
		if i == showLimit && !t.o.All && len(tb.Routes) > showLimit+1 {
			t.line(4, fmt.Sprintf("and %s (--all shows them)", count(len(tb.Routes)-i, "more route")), dim)
			return
		}
		t.line(4, r, plain)
	}
}
