package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/rulewalk/rulewalk/iproute2"
	"github.com/rulewalk/rulewalk/kernel"
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/snapshot"
)

// source is where the state of a command comes from.
type source struct {
	state *rpdb.State
	words iproute2.Options

	name     string   // for people: this host, or the files
	warnings []string // what the source could not tell
	conn     *kernel.Conn
}

// live reports whether the state is that of the running kernel.
func (s *source) live() bool { return s.conn != nil }

func (s *source) close() {
	if s.conn != nil {
		_ = s.conn.Close()
	}
}

// open reads the state that the flags name. The caller closes the source.
func (a *app) open() (*source, error) {
	if len(a.flags.snapshots) > 0 {
		return a.openFiles()
	}
	return a.openKernel()
}

func (a *app) openKernel() (*source, error) {
	conn, err := a.dial()
	if err != nil {
		return nil, err
	}
	p := a.newProgress("reading the kernel's state", 0)
	st, err := conn.State(p.collect)
	p.end()
	if err != nil {
		_ = conn.Close()
		return nil, unreadable(fmt.Errorf("reading the state of the kernel: %w", err))
	}
	s := &source{state: st, conn: conn, name: "this host", warnings: st.Notes}
	if a.flags.netns != "" {
		s.name = "network namespace " + a.flags.netns
	}
	names, err := iproute2.SystemNames()
	if err != nil {
		s.warnings = append(s.warnings, firstLine(err))
	}
	s.words = iproute2.Options{Names: names, Links: iproute2.NewLinkTable(st.Links)}
	return s, nil
}

// openFiles reads the files of --snapshot.
func (a *app) openFiles() (*source, error) {
	o := snapshot.Options{Stdin: a.env.Stdin}
	snap, err := o.Open(a.flags.snapshots...)
	if err != nil {
		return nil, unreadable(err)
	}
	st := snap.State
	s := &source{state: st, name: snapshotTitle(snap, a.flags.snapshots), warnings: st.Notes}
	for _, w := range snap.Warnings {
		s.warnings = append(s.warnings, w.String())
	}
	s.words = iproute2.Options{Names: snap.Names, Links: iproute2.NewLinkTable(st.Links)}
	return s, nil
}

// snapshotTitle says which host a state is of, and when it was taken.
func snapshotTitle(snap *snapshot.Snapshot, paths []string) string {
	names := make([]string, len(paths))
	for i, p := range paths {
		switch p {
		case "-":
			names[i] = "standard input"
		case "example", "example-old":
			return "the built-in host " + p
		default:
			names[i] = p
		}
	}
	title := strings.Join(names, ", ")
	var of []string
	if snap.Host != "" {
		of = append(of, "host "+snap.Host)
	}
	if snap.Namespace != "" {
		of = append(of, "namespace "+snap.Namespace)
	}
	if !snap.Time.IsZero() {
		of = append(of, snap.Time.UTC().Format("2006-01-02 15:04 MST"))
	}
	if len(of) > 0 {
		title += " (" + strings.Join(of, ", ") + ")"
	}
	return title
}

// dial connects to the running kernel, and says what to do instead where there is
// none.
func (a *app) dial() (*kernel.Conn, error) {
	conn, err := kernel.Dial(kernel.Config{NetNS: a.flags.netns})
	if errors.Is(err, kernel.ErrNotLinux) {
		return nil, unreadable(errors.New("this is not Linux, so there is no kernel to read from. Try the built-in host:\n" +
			"  rulewalk why 127.0.0.2 --snapshot example\n" +
			"or a file that rulewalk snapshot, ip or sosreport wrote on a Linux host: --snapshot FILE"))
	}
	return conn, unreadable(err)
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// build compiles the state.
func (s *source) build() (*rpdb.Database, error) {
	db, err := s.state.Build()
	if err != nil {
		return nil, unreadable(fmt.Errorf("%s: %w", s.name, err))
	}
	return db, nil
}
