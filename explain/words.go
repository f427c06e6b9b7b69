package explain

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/rulewalk/rulewalk/iproute2"
	"github.com/rulewalk/rulewalk/rpdb"
)

// words writes things in iproute2's words with the names of one state.
type words struct {
	opt   iproute2.Options
	names *iproute2.Names
	links map[int]*rpdb.Link
}

func newWords(o iproute2.Options, st *rpdb.State) *words {
	if o.Links == nil {
		o.Links = iproute2.NewLinkTable(st.Links)
	}
	if o.Names == nil {
		o.Names = iproute2.DefaultNames()
	}
	o.OneLine = true
	w := &words{opt: o, names: o.Names, links: make(map[int]*rpdb.Link, len(st.Links))}
	for i := range st.Links {
		w.links[st.Links[i].Index] = &st.Links[i]
	}
	return w
}

// rule returns a rule without its preference.
func (w *words) rule(r *rpdb.Rule) string {
	_, text, _ := strings.Cut(iproute2.FormatRule(r, &w.opt), "\t")
	return strings.TrimSpace(text)
}

// route returns a route as ip prints it in one line.
func (w *words) route(r *rpdb.Route) string {
	return oneLine(iproute2.FormatRoute(r, &w.opt))
}

// shortRoute leaves out what a reader of a walk does not need: the table, who
// made the route, its scope, and the nexthop's state that the verdict tells.
func (w *words) shortRoute(r *rpdb.Route) string {
	c := *r
	c.Table, c.Protocol, c.Scope = rpdb.TableMain, rpdb.ProtoBoot, rpdb.ScopeGlobal
	return strings.TrimSuffix(oneLine(iproute2.FormatRoute(&c, &w.opt)), " pref medium")
}

func oneLine(s string) string {
	s = strings.NewReplacer("\\\t", " ", "\\", " ", "\n", " ", "\t", " ").Replace(s)
	return strings.Join(strings.Fields(s), " ")
}

func (w *words) table(id uint32) string { return w.names.Table(id) }

// dev returns the name of a device, none for index 0.
func (w *words) dev(index int) string {
	if index == 0 {
		return "none"
	}
	if s, ok := w.opt.Links.LinkName(index); ok {
		return s
	}
	return "if" + strconv.Itoa(index)
}

func (w *words) kind(index int) string {
	if l := w.links[index]; l != nil {
		return l.Kind
	}
	return ""
}

func (w *words) proto(p uint8) string {
	if p == 0 {
		return "none"
	}
	return w.names.IPProto(p)
}

// prefix writes a prefix as ip does: default, a host without its length.
func prefix(p netip.Prefix) string {
	switch {
	case !p.IsValid() || p.Bits() == 0:
		return "default"
	case p.Bits() == p.Addr().BitLen():
		return p.Addr().String()
	}
	return p.String()
}

// address writes an address, nothing for one that is not set.
func address(a netip.Addr) string {
	if !a.IsValid() || a.IsUnspecified() {
		return ""
	}
	return a.String()
}

func hex(v uint64) string {
	if v == 0 {
		return "0"
	}
	return "0x" + strconv.FormatUint(v, 16)
}

// count writes a number of things: 1 route, 2 routes.
func count(n int, thing string) string {
	s := strconv.Itoa(n)
	if n >= 10000 {
		s = s[:len(s)-3] + "," + s[len(s)-3:]
		if n >= 1000000 {
			s = s[:len(s)-7] + "," + s[len(s)-7:]
		}
	}
	if n != 1 {
		thing += "s"
	}
	return s + " " + thing
}
