package conformance

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/tools/txtar"
)

// ParseCase reads a case. Errors name the case and the line.
func ParseCase(name string, text []byte) (*Case, error) {
	ar := txtar.Parse(text)
	p := &caseParser{c: &Case{Name: name}, lines: strings.Split(strings.TrimRight(string(ar.Comment), "\n"), "\n")}
	if err := p.header(); err != nil {
		return nil, err
	}
	if err := p.steps(); err != nil {
		return nil, err
	}
	for _, f := range ar.Files {
		n, command, ok := strings.Cut(f.Name, ": ")
		num, err := strconv.Atoi(n)
		if !ok || err != nil || num < 1 {
			return nil, fmt.Errorf("%s: section %q: want \"N: command\"", name, f.Name)
		}
		p.c.Sections = append(p.c.Sections, Section{N: num, Command: command, Text: string(f.Data)})
	}
	return p.c, nil
}

type caseParser struct {
	c     *Case
	lines []string
	at    int // index of the next line

	state  int    // number given by the latest @ line
	beyond string // reason given by a ~ line for the next command
}

func (p *caseParser) errorf(format string, args ...any) error {
	return fmt.Errorf("%s:%d: %s", p.c.Name, p.at, fmt.Sprintf(format, args...))
}

// header reads "key value" lines up to the first blank one.
func (p *caseParser) header() error {
	for p.at < len(p.lines) {
		line := strings.TrimSpace(p.lines[p.at])
		p.at++
		if line == "" {
			break
		}
		key, value, _ := strings.Cut(line, " ")
		value = strings.TrimSpace(value)
		switch key {
		case "title":
			p.c.Title = value
		case "ref":
			p.c.Refs = append(p.c.Refs, value)
		case "kernel":
			p.c.Kernel = value
		case "family":
			n, err := strconv.Atoi(value)
			if err != nil || n != 4 && n != 6 {
				return p.errorf("family %q: want 4 or 6", value)
			}
			p.c.Family = n
		case "devices":
			p.c.Devices = strings.Fields(value)
		case "cache":
			if value != "keep" {
				return p.errorf("cache %q: want keep", value)
			}
			p.c.KeepCache = true
		case "excerpt":
			p.c.Excerpt = true
		default:
			return p.errorf("unknown header %q", key)
		}
	}
	if p.c.Title == "" {
		return fmt.Errorf("%s: no title", p.c.Name)
	}
	return nil
}

func (p *caseParser) steps() error {
	for p.at < len(p.lines) {
		line := p.lines[p.at]
		p.at++
		mark, text := "", ""
		if line != "" {
			mark, text = line[:1], strings.TrimSpace(line[1:])
		}
		switch mark {
		case "$":
			p.command(text)
		case "!":
			p.add(Step{Kind: Event, Text: text})
		case "#":
			p.add(Step{Kind: Comment, Text: text})
		case "":
			p.add(Step{Kind: Blank})
		case "~":
			p.beyond = text
		case "@":
			n, err := strconv.Atoi(text)
			if err != nil || n < 1 {
				return p.errorf("state %q: want a number from 1", text)
			}
			p.state = n
		default:
			return p.errorf("not understood: %q", line)
		}
	}
	return nil
}

func (p *caseParser) add(s Step) {
	s.Line = p.at
	p.c.Steps = append(p.c.Steps, s)
}

// command reads what follows a command: its output, exit status, expected walk.
func (p *caseParser) command(text string) {
	s := Step{Kind: Command, Text: text, Line: p.at}
	var out []string
	for p.at < len(p.lines) {
		line := p.lines[p.at]
		if want, ok := strings.CutPrefix(line, "=> "); ok {
			s.Want = append(s.Want, want)
		} else if walk, ok := strings.CutPrefix(line, "| "); ok {
			s.Walk = append(s.Walk, walk)
		} else if n, err := fmt.Sscanf(line, "[exit %d]", &s.Exit); n != 1 || err != nil {
			if line == "" || strings.ContainsAny(line[:1], "$!#~@") {
				break
			}
			out = append(out, line)
		}
		p.at++
	}
	s.Output = strings.Join(out, "\n")
	if s.IsQuery() {
		s.State = p.state
	}
	s.Beyond, p.beyond = p.beyond, ""
	p.c.Steps = append(p.c.Steps, s)
}

// Format returns the text of the case, the inverse of ParseCase.
func (c *Case) Format() []byte {
	var b bytes.Buffer
	head := func(key, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s %s\n", key, value)
		}
	}
	head("title", c.Title)
	for _, r := range c.Refs {
		head("ref", r)
	}
	head("kernel", c.Kernel)
	if c.Family != 0 {
		head("family", strconv.Itoa(c.Family))
	}
	head("devices", strings.Join(c.Devices, " "))
	if c.KeepCache {
		head("cache", "keep")
	}
	if c.Excerpt {
		b.WriteString("excerpt\n")
	}
	b.WriteByte('\n')
	state := 0
	for i := range c.Steps {
		s := &c.Steps[i]
		if s.State > 0 && s.State != state {
			state = s.State
			fmt.Fprintf(&b, "@ %d\n", state)
		}
		s.format(&b)
	}
	ar := txtar.Archive{Comment: append(bytes.TrimRight(b.Bytes(), "\n"), '\n')}
	for i, s := range c.Sections {
		if i == 0 {
			ar.Comment = append(ar.Comment, '\n')
		}
		ar.Files = append(ar.Files, txtar.File{Name: fmt.Sprintf("%d: %s", s.N, s.Command), Data: []byte(s.Text)})
	}
	return txtar.Format(&ar)
}

func (s *Step) format(b *bytes.Buffer) {
	if s.Beyond != "" {
		fmt.Fprintf(b, "~ %s\n", s.Beyond)
	}
	b.WriteString(strings.TrimRight([...]string{Command: "$ ", Event: "! ", Comment: "# ", Blank: ""}[s.Kind]+s.Text, " ") + "\n")
	if r := s.Result.String(); r != "" {
		b.WriteString(r + "\n")
	}
	for _, w := range s.Want {
		fmt.Fprintf(b, "=> %s\n", w)
	}
	for _, w := range s.Walk {
		fmt.Fprintf(b, "| %s\n", w)
	}
}
