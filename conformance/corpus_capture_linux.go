//go:build linux

package conformance

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/rulewalk/rulewalk/rpdb"
)

// captureCommands are the commands whose output makes up a recorded state.
func captureCommands(family int) []string {
	cmds := []string{"ip addr"}
	if family != 6 {
		cmds = append(cmds, "ip -d rule", "ip -d route show table all")
	}
	if family != 4 {
		cmds = append(cmds, "ip -6 -d rule", "ip -6 -d route show table all")
	}
	return append(cmds, "ip -d nexthop", "ip nexthop bucket", "ip neigh")
}

// capture returns the sections of the host's present state, numbered 0; empty ones
// too, for a section that becomes empty replaces one that was not.
func (h *kernelHost) capture() ([]Section, error) {
	var parts []Section
	for _, cmd := range captureCommands(h.c.Family) {
		r, err := h.shell(cmd)
		// With no IPv4 table at all, the kernel refuses the dump.
		if err == nil && r.Exit != 0 && !strings.Contains(r.Output, "FIB table does not exist") {
			err = fmt.Errorf("%s: %s", cmd, r.Output)
		}
		if err != nil {
			return nil, err
		}
		if r.Exit != 0 {
			r.Output = ""
		}
		parts = append(parts, Section{Command: cmd, Text: endLine(stripForever(r.Output))})
	}
	text, err := h.captureSettings()
	return append(parts, Section{Command: settings, Text: text}), err
}

// stripForever removes the lines of addresses that say "valid_lft forever".
func stripForever(s string) string {
	var keep []string
	for _, l := range strings.Split(s, "\n") {
		if strings.TrimSpace(l) != "valid_lft forever preferred_lft forever" {
			keep = append(keep, l)
		}
	}
	return strings.Join(keep, "\n")
}

func endLine(s string) string {
	if s == "" {
		return ""
	}
	return s + "\n"
}

func (h *kernelHost) captureSettings() (string, error) {
	globs := slices.Clone(rpdb.SysctlNames)
	if h.c.Family != 6 {
		for _, n := range rpdb.ConfNames4 {
			globs = append(globs, "net/ipv4/conf/*/"+n)
		}
	}
	if h.c.Family != 4 {
		for _, n := range rpdb.ConfNames6 {
			globs = append(globs, "net/ipv6/conf/*/"+n)
		}
	}
	r, err := h.shell("cd /proc/sys; grep -s . " + strings.Join(globs, " ") + "; cd /")
	if err != nil {
		return "", err
	}
	var lines []string
	for _, l := range strings.Split(r.Output, "\n") {
		path, value, ok := strings.Cut(l, ":")
		if ok && value != sysctlDefault(path) {
			lines = append(lines, fmt.Sprintf("%s = %s", dottedSysctl(path), value))
		}
	}
	sort.Strings(lines)
	var facts []string
	yesNo := map[bool]string{true: "yes", false: "no"}
	if h.c.Family != 6 {
		facts = append(facts, "custom-rules4 "+yesNo[h.customRules4], "custom-local4 "+yesNo[h.customLocal4])
	}
	if h.c.Family != 4 {
		facts = append(facts, "custom-rules6 "+yesNo[h.customRules6])
	}
	return strings.Join(append(facts, lines...), "\n") + "\n", nil
}
