package revive

import (
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/rulewalk/rulewalk/iproute2"
	"github.com/rulewalk/rulewalk/rpdb"
)

// settings sets the sysctls that the real host told. Those that make the kernel add
// addresses stay as they are: the addresses are there.
func (h *host) settings() {
	var unknown, refused []string
	for _, path := range slices.Sorted(maps.Keys(h.State.Sysctls)) {
		value := h.State.Sysctls[path]
		if strings.HasSuffix(path, "/addr_gen_mode") {
			continue
		}
		now, err := h.ns.Sysctl(path)
		if err == nil && strings.Join(strings.Fields(now), " ") == strings.Join(strings.Fields(value), " ") {
			continue
		}
		err = h.ns.SetSysctl(path, value)
		switch {
		case errors.Is(err, rpdb.ENOENT), errors.Is(err, fs.ErrNotExist):
			unknown = append(unknown, path)
		case err != nil:
			refused = append(refused, path+" = "+value)
		}
	}
	for _, r := range refused {
		h.note("not carried over: setting %s", r)
	}
	for _, u := range unknown {
		h.note("not carried over: setting %s, which there is not here", u)
	}
}

// compare tells every line that ip would print on one of the hosts only.
func (h *host) compare() {
	now := h.present()
	o := &iproute2.Options{Names: h.Names, Links: iproute2.NewLinkTable(now.Links)}
	gone, come := difference(h.lines(h.State, h.words), h.lines(now, o), func(s string) string { return s })
	for _, l := range gone {
		h.note("only on the real host: %s", l)
	}
	for _, l := range come {
		h.note("only here: %s", l)
	}
}

// lines are a state as ip prints it, of the kinds that the real host told, in short. Ages
// and lifetimes are left out.
func (h *host) lines(s *rpdb.State, o *iproute2.Options) []string {
	var out []string
	add := func(what, text string) { out = append(out, what+" "+oneLine(text)) }
	missing := h.State.Missing
	for _, a := range s.Addrs {
		part := rpdb.PartAddrs4
		if a.Family == rpdb.IPv6 {
			part = rpdb.PartAddrs6
		}
		if missing&part == 0 {
			text, _, _ := strings.Cut(iproute2.FormatAddr(&a, o), "valid_lft")
			add("address", text)
		}
	}
	tables := h.tables()
	for _, r := range s.Routes {
		if tables[tableOf(&r)] {
			r.Expires = rpdb.Route{}.Expires
			add("route", iproute2.FormatRoute(&r, o))
		}
	}
	for _, r := range s.Rules {
		part := rpdb.PartRules4
		if r.Family == rpdb.IPv6 {
			part = rpdb.PartRules6
		}
		if missing&part == 0 {
			add("rule", iproute2.FormatRule(&r, o))
		}
	}
	for _, n := range s.NextHops {
		add("nexthop", iproute2.FormatNextHop(&n, o))
	}
	return out
}
