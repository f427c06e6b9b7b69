//go:build linux

package conformance

import (
	"fmt"
	"os"
	"regexp"
	"strings"
)

// Record runs a case on the running kernel and fills in what it printed and the
// state before each query. Where the case has a => line (the answer that a
// specification gives, in its shortened form), a different answer is an error.
func Record(c *Case) error {
	if c.Excerpt {
		return fmt.Errorf("%s: it is a part of a longer session and cannot be run", c.Name)
	}
	h, err := newKernelHost(c)
	if err != nil {
		return err
	}
	defer h.Close()
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return err
	}
	c.Kernel = regexp.MustCompile(`^[0-9.]*[0-9]`).FindString(string(release))
	c.Sections = nil
	state, dirty := 0, true
	for i := range c.Steps {
		s := &c.Steps[i]
		if s.Kind == Event {
			if err := h.Event(s.Text); err != nil {
				return fmt.Errorf("%s:%d: %w", c.Name, s.Line, err)
			}
			dirty = true
		}
		if s.Kind != Command {
			continue
		}
		s.State, s.Walk = 0, nil
		if s.IsQuery() && s.Beyond == "" {
			if dirty {
				if state, err = c.recordState(h, state); err != nil {
					return fmt.Errorf("%s:%d: %w", c.Name, s.Line, err)
				}
			}
			s.State, dirty = state, false
		}
		if !s.IsQuery() {
			dirty = true
		}
		if s.Result, err = h.Exec(s.Text); err != nil {
			return fmt.Errorf("%s:%d: %w", c.Name, s.Line, err)
		}
		if err := s.checkWant(); err != nil {
			return fmt.Errorf("%s:%d: $ %s: %w", c.Name, s.Line, s.Text, err)
		}
	}
	return nil
}

// recordState adds the sections that differ from the state before, and returns the
// number of the present state.
func (c *Case) recordState(h *kernelHost, before int) (int, error) {
	parts, err := h.capture()
	if err != nil {
		return 0, err
	}
	old := map[string]string{}
	for _, s := range c.State(before) {
		old[s.Command] = s.Text
	}
	n := before
	for _, p := range parts {
		if p.Text == old[p.Command] {
			continue
		}
		n = before + 1
		p.N = n
		c.Sections = append(c.Sections, p)
	}
	return n, nil
}

// checkWant compares the result with the draft's => lines and removes them. A
// command without any must have printed nothing.
func (s *Step) checkWant() error {
	if s.Want == nil {
		if !s.IsQuery() && s.Exit != 0 {
			return fmt.Errorf("failed:\n%s", s.Result)
		}
		return nil
	}
	want, got := strings.Join(s.Want, "; "), s.short()
	pattern := strings.ReplaceAll(regexp.QuoteMeta(want), regexp.QuoteMeta("..."), ".*")
	if matched, err := regexp.MatchString("^"+pattern+"$", got); err == nil && matched {
		s.Want = nil
		return nil
	}
	return fmt.Errorf("the specification says\n%s\nbut the answer is\n%s", want, got)
}

var (
	spaces   = regexp.MustCompile(`\s+`)
	volatile = regexp.MustCompile(` (uid 0|cache|rt_offload_failed|pref medium)\b`)
)

// short is the result as the specification writes it: one line, without the prefix
// of errors, "uid 0", "cache", "pref medium", and ok for nothing.
func (s *Step) short() string {
	sep := "; "
	if s.IsQuery() {
		sep = " "
	}
	var lines []string
	for _, l := range strings.Split(s.Output, "\n") {
		l = strings.TrimPrefix(l, "RTNETLINK answers: ")
		l = " " + spaces.ReplaceAllString(strings.TrimSpace(l), " ")
		if l = strings.TrimSpace(volatile.ReplaceAllString(l, "")); l != "" {
			lines = append(lines, l)
		}
	}
	if len(lines) == 0 {
		return "ok"
	}
	return strings.Join(lines, sep)
}
