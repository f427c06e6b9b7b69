package explain

import (
	"fmt"
	"io"
	"strings"

	"charm.land/lipgloss/v2"

	"github.com/rulewalk/rulewalk/rpdb"
)

// TextOptions say how text is written. The zero value is 80 columns without colour,
// with long lists told in short.
type TextOptions struct {
	Width int  // columns, 0 for 80
	Color bool // ANSI colours
	All   bool // every rule, route and candidate
}

// Text writes a report for people.
func Text(w io.Writer, r *Report, o TextOptions) error { return NewView(r).Text(w, o) }

// JSON returns a report as the document of [Schema], indented, with a final newline.
func JSON(r *Report) ([]byte, error) { return NewView(r).JSON() }

// JSON returns the view as the document of [Schema].
func (v *View) JSON() ([]byte, error) { return Document(v) }

var (
	plain = lipgloss.NewStyle()
	bold  = lipgloss.NewStyle().Bold(true)
	dim   = lipgloss.NewStyle().Faint(true)
	good  = lipgloss.NewStyle().Foreground(lipgloss.Green)
	bad   = lipgloss.NewStyle().Foreground(lipgloss.Red).Bold(true)
	warn  = lipgloss.NewStyle().Foreground(lipgloss.Yellow)
)

// Text writes the view for people.
func (v *View) Text(w io.Writer, o TextOptions) error {
	if o.Width <= 0 {
		o.Width = 80
	}
	t := &teller{v: v, o: o, page: page{width: max(o.Width, 40), color: o.Color}}
	t.label = max(12, len(fmt.Sprintf("rule %d", t.lastPref()))+2)
	t.headline()
	t.disagreement()
	t.page.blank()
	t.steps(v.Steps, 0)
	t.checks()
	t.legs()
	t.source()
	t.rest()
	return t.page.write(w)
}

// teller writes one view.
type teller struct {
	v     *View
	o     TextOptions
	page  page
	label int // width of the labels at the left edge
}

func (t *teller) lastPref() uint32 {
	var most uint32
	for _, s := range t.v.Steps {
		if s.Pref != nil {
			most = max(most, *s.Pref)
		}
	}
	return most
}

// headline writes the answer, with the kernel's agreement at the right edge if
// there is room.
func (t *teller) headline() {
	k := &t.v.Kernel
	mark := ""
	switch {
	case k.Asked && k.Agrees:
		mark = "kernel agrees"
	case k.Asked:
		mark = "KERNEL DISAGREES"
	}
	answer := t.v.Answer
	style := bold
	if space := t.page.width - lipgloss.Width(answer) - lipgloss.Width(mark); mark != "" && space >= gap {
		if t.o.Color {
			s := good
			if !k.Agrees {
				s = bad
			}
			answer, style = bold.Render(answer)+strings.Repeat(" ", space)+s.Render(mark), plain
		} else {
			answer += strings.Repeat(" ", space) + mark
		}
		t.page.add(row{left: answer, leftStyle: style})
		return
	}
	t.page.add(row{left: answer, leftStyle: style})
	if mark != "" {
		s := good
		if !k.Agrees {
			s = bad
		}
		t.page.add(row{left: strings.Repeat(" ", t.page.width-lipgloss.Width(mark)) + mark, leftStyle: s})
	}
}

// disagreement shows both answers.
func (t *teller) disagreement() {
	k := &t.v.Kernel
	if !k.Asked || k.Agrees {
		return
	}
	t.page.blank()
	t.entry("kernel", k.Reply, bad)
	t.entry("rulewalk", k.Expected, bad)
	t.entry("differs", strings.Join(k.Differs, ", "), bad)
	t.entry("", "The kernel is right. Either the state changed meanwhile, or something outside the model decides, or this is a bug of rulewalk: please report it with a file of rulewalk snapshot.", plain)
}

// entry writes a label and a text over the whole width.
func (t *teller) entry(label, text string, s lipgloss.Style) {
	t.page.add(row{left: t.labelled(label) + text, hang: t.label, leftStyle: s})
}

func (t *teller) labelled(label string) string {
	return label + strings.Repeat(" ", max(t.label-lipgloss.Width(label), 1))
}

// pair writes a label, a text and what is said of it.
func (t *teller) pair(label, left, right string, s lipgloss.Style) {
	t.page.add(row{left: t.labelled(label) + left, hang: t.label, right: right, rightStyle: s})
}

func (t *teller) checks() {
	for i, c := range t.v.Checks {
		label := ""
		if i == 0 {
			label = "check"
		}
		s := good
		if !c.Passed {
			s = bad
		}
		t.pair(label, c.left, c.right, s)
		if c.Check == rpdb.CheckRPFilter.String() {
			t.reverse()
		}
	}
	for i, p := range t.v.WouldPass {
		label := ""
		if i == 0 {
			label = "would pass"
		}
		t.pair(label, "with "+p.Setting, "passes: "+t.short(p.Answer), warn)
	}
}

// reverse writes the way back under the check that it was looked up for.
func (t *teller) reverse() {
	for i := range t.v.Lookups {
		l := &t.v.Lookups[i]
		if l.Purpose != purposes[rpdb.ForReverse] {
			continue
		}
		if t.o.All {
			t.steps(l.Steps, 2)
			continue
		}
		for _, s := range l.Steps {
			if s.Verdict == rpdb.Matched.String() && (len(s.Routes) > 0 || s.Error != "") {
				t.steps([]StepView{s}, 2)
			}
		}
	}
}

func (t *teller) legs() {
	const most = 16
	for i, l := range t.v.Legs {
		if i == most && !t.o.All {
			t.entry("", fmt.Sprintf("and %s (--all shows them)", count(len(t.v.Legs)-most, "more leg")), dim)
			break
		}
		label := ""
		if i == 0 {
			label = "legs"
		}
		way := "dev " + l.Dev
		if l.Via != "" {
			way = "via " + l.Via + " " + way
		}
		text, s := fmt.Sprintf("%.4g%% of the flows", l.Share*100), plain
		if l.Src != "" && t.v.Flow.Src == "" {
			text += ", source " + l.Src
		}
		switch {
		case l.Skipped != "":
			text, s = "takes none: "+l.Skipped, dim
		case l.Chosen:
			text, s = text+": this one", good
		}
		t.pair(label, way, text, s)
	}
}

func (t *teller) source() {
	s := &t.v.Source
	if t.v.Decision.Error != "" && s.Addr == "" || t.v.Flow.Direction == "input" {
		return
	}
	addr := s.Addr
	if addr == "" {
		addr = "none"
	}
	if t.v.Decision.Undetermined && t.v.Flow.Src == "" {
		t.entry("source", "that of the way taken", plain)
		return
	}
	t.pair("source", addr, s.Reason, plain)
	const most = 8
	if len(s.Candidates) < 2 && !t.o.All {
		return
	}
	for i, c := range s.Candidates {
		if i == most && !t.o.All {
			t.entry("", fmt.Sprintf("and %s (--all shows them)", count(len(s.Candidates)-most, "more address")), dim)
			return
		}
		style := dim
		if c.Chosen {
			style = good
		}
		t.pair("", c.Addr, c.Dev+": "+c.Reason, style)
	}
}

// rest writes what surrounds the walk: other values, the kernel's words, what is
// unknown and what lies outside.
func (t *teller) rest() {
	v := t.v
	for i, a := range v.Alternatives {
		t.entry(once(i, "if"), strings.Join(a.condition, " and ")+": "+t.short(a.Answer), warn)
	}
	if v.Kernel.Asked && v.Kernel.Agrees {
		release, _, _ := strings.Cut(v.Kernel.Release, "-")
		t.entry("kernel", strings.TrimSpace(release+" says: "+v.Kernel.Reply), dim)
	} else if v.Kernel.Why != "" {
		t.entry("kernel", "not asked: "+v.Kernel.Why, dim)
	}
	for i, n := range v.Notes {
		t.entry(once(i, "note"), n, dim)
	}
	for i, u := range v.Unknown {
		text := u.What
		if u.Assumed != "" {
			text += ": taken as " + u.Assumed
		}
		if u.Effect != "" {
			text += "; " + u.Effect
		}
		t.entry(once(i, "unknown"), text, warn)
	}
	for i, o := range v.Outside {
		text := o.Text
		if o.Topic == "general" {
			text = shortOutside
		}
		t.entry(once(i, "outside"), text, dim)
	}
	for i, w := range v.Warnings {
		t.entry(once(i, "warning"), w, warn)
	}
}

// shortOutside is the general remark in one line.
const shortOutside = "not seen: nft/iptables, NAT, XFRM, tc/XDP, exceptions, socket caches"

// short leaves out of an answer what the headline has said already.
func (t *teller) short(answer string) string {
	for _, s := range []string{t.v.Flow.Dst, "from " + t.v.Flow.Src, "on " + t.v.Flow.IIF, "is"} {
		answer = strings.TrimPrefix(answer, s+" ")
	}
	return answer
}

// once returns the label for the first entry of a section, nothing for the others.
func once(i int, label string) string {
	if i == 0 {
		return label
	}
	return ""
}
