package topology

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"mvdan.cc/sh/v3/syntax"
)

// statusLine is the line below a command's output with its exit status.
var statusLine = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^\[exit (\d{1,3})\]$`) })

// promptOf splits a line of a transcript into the host whose prompt it begins with and
// the command; ok is false for a line without prompt. host may be none of the topology.
func promptOf(line string) (host, command string, ok bool) {
	host, command, ok = strings.Cut(line, "$ ")
	if !ok {
		host, ok = strings.CutSuffix(line, "$")
	}
	return host, command, ok && checkHostName(host) == nil || ok && host == Lab
}

// transcript reads the lines of a transcript.
type transcript struct {
	t      *Topology
	r      *reader
	indent int // of the transcript in the file
	step   *Step
	remark []string
}

// readRun reads the transcript, whose lines are known.
func (t *Topology) readRun(r *reader) {
	if t.run.to == 0 {
		return
	}
	x := transcript{t: t, r: r}
	lines := r.src.lines[t.run.from-1 : t.run.to-1]
	for _, l := range lines {
		if strings.TrimSpace(l) != "" {
			x.indent = len(l) - len(strings.TrimLeft(l, " "))
			break
		}
	}
	for i := 0; i < len(lines); i++ {
		i += x.line(lines[i:], t.run.from+i)
	}
	x.flush(t.run.to)
}

// line reads a line and the continuations of a command, of which it returns the number.
func (x *transcript) line(rest []string, number int) (more int) {
	line := x.text(rest[0])
	host, command, prompt := promptOf(line)
	known := host == Lab || x.t.HostNamed(host) != nil
	switch {
	case prompt && known:
		x.flush(number)
		pos := Pos{number, x.indent + len(host) + 3}
		command, more = x.command(command, rest[1:], pos)
		x.step = &Step{Remark: x.remark, Host: host, Command: command, Pos: pos, lines: span{from: number + more + 1}}
		x.remark = nil
	case prompt && x.step == nil:
		x.fail(number, len(host), fmt.Sprintf("there is no host %s", host), didYouMean(host, x.t.hostNames()))
	case line == "#" || strings.HasPrefix(line, "# "):
		x.flush(number)
		x.remark = append(x.remark, strings.TrimPrefix(line[1:], " "))
	case x.step != nil:
		x.output(line, number)
	case line == "":
		if x.remark != nil {
			x.remark = append(x.remark, "")
		}
	default:
		x.fail(number, 0, "output of no command", "a command is written HOST$ COMMAND, a remark begins with #")
	}
	return more
}

// text is a line without its indent and the blanks at its end.
func (x *transcript) text(line string) string {
	line = strings.TrimRight(line, " \t\r")
	if cut := line[:min(x.indent, len(line))]; strings.TrimLeft(cut, " ") == "" {
		line = line[len(cut):]
	}
	return line
}

func (x *transcript) fail(line, width int, text, help string) {
	x.r.errors = append(x.r.errors, x.r.src.at(Pos{line, x.indent + 1}, width, text, help))
}

// command takes in the lines that go on with a command: a shell has asked for them with
// its second prompt, "> ".
func (x *transcript) command(command string, rest []string, pos Pos) (whole string, more int) {
	for {
		_, err := ParseShell(command)
		if err == nil {
			break
		}
		if more < len(rest) {
			if next, ok := strings.CutPrefix(x.text(rest[more])+" ", "> "); ok {
				command += "\n" + strings.TrimSuffix(next, " ")
				more++
				continue
			}
		}
		x.r.errors = append(x.r.errors, x.r.src.at(pos, 0, fmt.Sprintf("no command that a shell reads: %v", shellError(err)), ""))
		break
	}
	return command, more
}

// ParseShell reads a piece of shell as bash does.
func ParseShell(text string) (*syntax.File, error) {
	return syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(text), "")
}

// shellError is an error of ParseShell without its place.
func shellError(err error) string {
	text := err.Error()
	if parts := strings.SplitN(text, ": ", 2); len(parts) == 2 {
		return parts[1]
	}
	return text
}

// output takes in a line that the command is to print, or its status.
func (x *transcript) output(line string, number int) {
	if m := statusLine().FindStringSubmatch(line); m != nil {
		x.step.Status, _ = strconv.Atoi(m[1])
		if x.step.Status > 255 || x.step.Status == 0 {
			x.fail(number, len(line), "an exit status that is written is 1 to 255", "")
		}
		x.flush(number + 1)
		return
	}
	if _, err := ParsePattern(line); err != nil {
		x.fail(number, len(line), err.Error(), "")
	}
	x.step.Want = append(x.step.Want, line)
}

// flush ends a step. Empty lines at the end of its output count for nothing.
func (x *transcript) flush(next int) {
	s := x.step
	if s == nil {
		return
	}
	s.lines.to = next
	for n := len(s.Want); n > 0 && s.Want[n-1] == ""; n-- {
		s.Want = s.Want[:n-1]
		if s.Status == 0 {
			s.lines.to--
		}
	}
	x.t.Run = append(x.t.Run, *s)
	x.step = nil
}
