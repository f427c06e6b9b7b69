package scenario

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"

	"github.com/rulewalk/rulewalk/lab"
	"github.com/rulewalk/rulewalk/lab/topology"
)

// shell is the shell of a host. Variables, the working folder and jobs live from one
// command to the next.
type shell struct {
	world  *World
	host   string
	id     lab.ID
	vrf    string // see Process
	runner *interp.Runner
	out    output
	jobs   []*job // in the order in which they were begun; nil: it was waited for
}

func newShell(w *World, host string, id lab.ID) (*shell, error) {
	s := &shell{world: w, host: host, id: id}
	var err error
	s.runner, err = interp.New(
		interp.StdIO(nil, &s.out, &s.out),
		interp.Dir(w.dir),
		interp.Env(expand.ListEnviron(
			"HOME="+w.dir, "TMPDIR="+w.dir, "PATH=/usr/sbin:/usr/bin", "USER=root", "LANG=C", "HOSTNAME="+host)),
		interp.CallHandler(ownBuiltins),
		interp.OpenHandler(s.open),
		interp.ExecHandlers(func(interp.ExecHandlerFunc) interp.ExecHandlerFunc { return s.exec }),
	)
	return s, err
}

// run runs a piece of shell and returns what it printed and its status.
func (s *shell) run(ctx context.Context, text string) (out string, status int) {
	f, err := topology.ParseShell(text)
	if err != nil {
		return fmt.Sprintf("sh: %v\n", err), 2
	}
	for _, stmt := range f.Stmts {
		if status, err = s.stmt(ctx, stmt); err != nil {
			return s.out.take() + fmt.Sprintf("sh: %v\n", err), status
		}
	}
	return s.out.take(), status
}

// stmt runs one statement. The error is one of the shell itself.
func (s *shell) stmt(ctx context.Context, stmt *syntax.Stmt) (status int, err error) {
	if stmt.Background {
		return 0, s.begin(stmt)
	}
	return statusOf(s.runner.Run(ctx, stmt))
}

// statusOf splits what a runner returns.
func statusOf(err error) (int, error) {
	var n interp.ExitStatus
	if errors.As(err, &n) {
		return int(n), nil
	}
	if err != nil {
		return 1, err
	}
	return 0, nil
}

// script runs the setup of a host; what one of its lines refuses is an error with its
// place.
func (s *shell) script(ctx context.Context, t *topology.Topology, script *topology.Script) error {
	f, err := topology.ParseShell(script.Text)
	if err != nil {
		var p syntax.ParseError
		if errors.As(err, &p) {
			return t.Errorf(script.At(int(p.Pos.Line()), int(p.Pos.Col())), "the setup of %s: %s", s.host, p.Text)
		}
		return fmt.Errorf("the setup of %s: %w", s.host, err)
	}
	for _, stmt := range f.Stmts {
		status, err := s.stmt(ctx, stmt)
		out := s.out.take()
		if err == nil && status == 0 {
			continue
		}
		pos := script.At(int(stmt.Pos().Line()), int(stmt.Pos().Col()))
		if err != nil {
			return t.Errorf(pos, "the setup of %s: %v", s.host, err)
		}
		e := t.Errorf(pos, "the setup of %s ends with status %d", s.host, status)
		e.Help = strings.TrimSpace(out)
		return e
	}
	return nil
}

// errOutside says that a scenario opens only its own files.
var errOutside = errors.New("a scenario opens no files outside of its folder")

// open opens a file of a redirection.
func (s *shell) open(ctx context.Context, path string, flag int, perm os.FileMode) (io.ReadWriteCloser, error) {
	if path == "/dev/null" {
		return os.OpenFile(os.DevNull, flag, perm)
	}
	whole, err := s.world.path(interp.HandlerCtx(ctx).Dir, path)
	if err != nil {
		return nil, err
	}
	return os.OpenFile(whole, flag, perm)
}

// path is the path of a file of the scenario, seen from a folder.
func (w *World) path(dir, name string) (string, error) {
	if !filepath.IsAbs(name) {
		name = filepath.Join(dir, name)
	}
	rel, err := filepath.Rel(w.dir, name)
	if err != nil || !filepath.IsLocal(rel) {
		return "", &fs.PathError{Op: "open", Path: name, Err: errOutside}
	}
	return name, nil
}

// exec runs a command that is none of the shell's own.
func (s *shell) exec(ctx context.Context, args []string) error {
	h := interp.HandlerCtx(ctx)
	p := &Process{
		World: s.world, Host: s.host, NetNS: s.id, VRF: s.vrf, Dir: h.Dir,
		In: orEmpty(h.Stdin), Out: h.Stdout, Err: h.Stderr,
		shell: s,
	}
	if status := p.Run(ctx, args); status != 0 {
		return interp.ExitStatus(status)
	}
	return nil
}

func orEmpty(r io.Reader) io.Reader {
	if r == nil {
		return strings.NewReader("")
	}
	return r
}

// oneLine is an output as a part of a sentence.
func oneLine(out string) string { return strings.Join(splitLines(out), "; ") }
