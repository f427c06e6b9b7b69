package conformance

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/mdlayher/netlink"
)

// reqOutcome is what a host said to one step.
type reqOutcome struct {
	answers [][]byte
	notes   [][]byte
	err     string // of a sysctl
}

// blank masks what cannot be foreseen, in place.
func (o *reqOutcome) blank() {
	o.answers = slices.DeleteFunc(o.answers, ofReports)
	o.notes = slices.DeleteFunc(o.notes, func(m []byte) bool { return ofReports(m) || byTimer(m) })
	for _, m := range o.answers {
		mask(m)
	}
	for _, m := range o.notes {
		mask(m)
	}
	unordered(o.answers)
	unordered(o.notes)
}

// refused reports whether the request changed nothing, for certain.
func (o *reqOutcome) refused() bool {
	for _, m := range o.answers {
		if out, ok := ending(m); ok && out.errno != 0 {
			return true
		}
	}
	return false
}

// ending reads the message that ends the answers.
func ending(m []byte) (outcome, bool) {
	t := netlink.HeaderType(binary.NativeEndian.Uint16(m[4:]))
	if t != netlink.Error && t != netlink.Done {
		return outcome{}, false
	}
	return parseOutcome(t, netlink.HeaderFlags(binary.NativeEndian.Uint16(m[6:])), m[nlHeader:])
}

// differences names what two hosts said differently to a step; the names tell one
// kind of mismatch from another.
func differences(s *reqStep, a, b *reqOutcome) []string {
	t, f := s.typ()
	what := fmt.Sprintf("%s family %d", typeName(t), f)
	if s.data == nil {
		what = "sysctl"
	}
	var out []string
	if a.err != b.err {
		out = append(out, fmt.Sprintf("%s: kernel %q, netns %q", what, a.err, b.err))
	}
	if d := diffLists(a.answers, b.answers); d != "" {
		out = append(out, what+": "+d)
	}
	if d := diffLists(a.notes, b.notes); d != "" {
		out = append(out, what+" notifications: "+d)
	}
	return out
}

// diffLists names how two lists of messages differ, empty if they do not.
func diffLists(a, b [][]byte) string {
	if slices.EqualFunc(a, b, bytes.Equal) {
		return ""
	}
	if len(a) > 0 && len(b) > 0 {
		x, xOK := ending(a[len(a)-1])
		y, yOK := ending(b[len(b)-1])
		if xOK && yOK && (x.errno != y.errno || x.text() != y.text()) {
			return fmt.Sprintf("kernel %s %q, netns %s %q", errnoName(x.errno), x.text(), errnoName(y.errno), y.text())
		}
	}
	if len(a) != len(b) {
		return lengths(a, b)
	}
	if sameSet(a, b) {
		return "another order of " + kinds(a)
	}
	for i := range a {
		if !bytes.Equal(a[i], b[i]) {
			return diffMessages(a[i], b[i])
		}
	}
	return ""
}

func sameSet(a, b [][]byte) bool {
	x, y := slices.Clone(a), slices.Clone(b)
	slices.SortFunc(x, bytes.Compare)
	slices.SortFunc(y, bytes.Compare)
	return slices.EqualFunc(x, y, bytes.Equal)
}

// lengths tells the kinds of messages that one list has more of.
func lengths(a, b [][]byte) string {
	count := map[string]int{}
	for _, m := range a {
		count[kindOf(m)]++
	}
	for _, m := range b {
		count[kindOf(m)]--
	}
	var less, more []string
	for k, n := range count {
		switch {
		case n > 0:
			less = append(less, k)
		case n < 0:
			more = append(more, k)
		}
	}
	slices.Sort(less)
	slices.Sort(more)
	s := ""
	if less != nil {
		s = "netns lacks " + strings.Join(less, ", ")
	}
	if more != nil {
		s += " netns has more of " + strings.Join(more, ", ")
	}
	return strings.TrimSpace(s)
}

func kindOf(m []byte) string {
	s := reqStep{data: m}
	t, f := s.typ()
	if t == netlink.Error || t == netlink.Done {
		return typeName(t)
	}
	return fmt.Sprintf("%s family %d", typeName(t), f)
}

func kinds(ms [][]byte) string {
	var out []string
	for _, m := range ms {
		if k := kindOf(m); !slices.Contains(out, k) {
			out = append(out, k)
		}
	}
	return strings.Join(out, ", ")
}

// diffMessages names the parts in which two messages differ.
func diffMessages(a, b []byte) string {
	kind := kindOf(a)
	if other := kindOf(b); other != kind {
		return fmt.Sprintf("kernel %s, netns %s", kind, other)
	}
	if !bytes.Equal(a[4:nlHeader], b[4:nlHeader]) {
		return kind + ": header"
	}
	t := netlink.HeaderType(binary.NativeEndian.Uint16(a[4:]))
	if t == netlink.Error || t == netlink.Done {
		return kind + ": " + diffOutcomes(a, b)
	}
	h := reqHeaderLen(t)
	x, y := a[nlHeader:], b[nlHeader:]
	if len(x) < h || len(y) < h {
		return kind + ": length"
	}
	var parts []string
	if !bytes.Equal(x[:h], y[:h]) {
		parts = append(parts, "family header")
	}
	parts = append(parts, diffAttrs("", x[h:], y[h:])...)
	return kind + ": " + strings.Join(parts, ", ")
}

func diffOutcomes(a, b []byte) string {
	x, _ := ending(a)
	y, _ := ending(b)
	if !bytes.Equal(x.echo, y.echo) {
		return "the part of the request that comes back"
	}
	return "extended: " + strings.Join(diffAttrs("", joinAttrs(x.attrs), joinAttrs(y.attrs)), ", ")
}

// nests are the attributes that hold others, by the path to them.
var nests = map[string]bool{
	"26": true, "26/2": true, "26/10": true, "18": true, "18/2": true, "52": true, "8": true, "12": true, "13": true,
}

func diffAttrs(path string, a, b []byte) []string {
	x, _ := splitAttrs(a)
	y, _ := splitAttrs(b)
	types := func(as []rawAttr) []uint16 {
		var out []uint16
		for _, a := range as {
			out = append(out, a.typ)
		}
		return out
	}
	var out []string
	if tx, ty := types(x), types(y); !slices.Equal(tx, ty) {
		for _, t := range tx {
			if !slices.Contains(ty, t) {
				out = append(out, fmt.Sprintf("netns lacks attribute %s%d", path, t&0x3fff))
			}
		}
		for _, t := range ty {
			if !slices.Contains(tx, t) {
				out = append(out, fmt.Sprintf("netns has attribute %s%d", path, t&0x3fff))
			}
		}
		if out == nil {
			out = append(out, "order of attributes")
		}
		return out
	}
	for i := range x {
		if bytes.Equal(x[i].data, y[i].data) {
			continue
		}
		at := fmt.Sprintf("%s%d", path, x[i].kind())
		if nests[at] {
			if in := diffAttrs(at+"/", x[i].data, y[i].data); in != nil {
				out = append(out, in...)
				continue
			}
		}
		out = append(out, "attribute "+at)
	}
	return out
}
