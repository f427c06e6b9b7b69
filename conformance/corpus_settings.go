package conformance

import (
	"fmt"
	"path"
	"strings"

	"github.com/rulewalk/rulewalk/rpdb"
)

// settings is the section of a state that holds the facts and sysctls.
const settings = "settings"

// sysctlDefault is the value of a sysctl that a case does not mention. It is the
// kernel's for a new namespace, but for rp_filter and its like, which cases start
// with 0 whatever the machine has.
func sysctlDefault(p string) string {
	switch path.Base(p) {
	case "send_redirects", "shared_media", "nexthop_compat_mode":
		return "1"
	case "fib_multipath_hash_fields":
		return "7"
	}
	return "0"
}

// dottedSysctl is the inverse of rpdb.SysctlPath for a path.
func dottedSysctl(p string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case '.':
			return '/'
		case '/':
			return '.'
		}
		return r
	}, p)
}

// parseSettings reads a settings section into a state, and gives every sysctl that
// a decision can depend on its value; the links must be known.
func parseSettings(text string, st *rpdb.State) error {
	st.Sysctls = rpdb.Sysctls{}
	set := func(p string) { st.Sysctls[p] = sysctlDefault(p) }
	for _, n := range rpdb.SysctlNames {
		set(n)
	}
	devs := []string{"all", "default"}
	for i := range st.Links {
		devs = append(devs, st.Links[i].Name)
	}
	for _, d := range devs {
		for _, n := range rpdb.ConfNames4 {
			set("net/ipv4/conf/" + d + "/" + n)
		}
		for _, n := range rpdb.ConfNames6 {
			set("net/ipv6/conf/" + d + "/" + n)
		}
	}
	facts := map[string]*rpdb.Tri{
		"custom-rules4": &st.Facts.CustomRules4,
		"custom-rules6": &st.Facts.CustomRules6,
		"custom-local4": &st.Facts.CustomLocal4,
	}
	tri := map[string]rpdb.Tri{"yes": rpdb.Yes, "no": rpdb.No, "unknown": rpdb.Unknown}
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		if name, value, ok := strings.Cut(line, " = "); ok {
			st.Sysctls[rpdb.SysctlPath(name)] = value
			continue
		}
		name, value, _ := strings.Cut(line, " ")
		fact, known := facts[name]
		v, ok := tri[value]
		if !known || !ok {
			return fmt.Errorf("settings: %q: want NAME = VALUE or FACT yes|no|unknown", line)
		}
		*fact = v
	}
	return nil
}
