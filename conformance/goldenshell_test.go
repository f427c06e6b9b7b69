package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/rulewalk/rulewalk/iproute2"
	"github.com/rulewalk/rulewalk/iproute2/ipcmd"
	emulation "github.com/rulewalk/rulewalk/lab"
	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rpdb"
)

// goldenHost is the machine of a transcript: an emulated world with named namespaces,
// and as much of a shell as the transcript needs. It is the ipcmd.Host of its ip.
type goldenHost struct {
	world  *emulation.Server
	names  []string
	spaces map[string]*netns.Namespace
	self   string // where commands run
	files  map[string]string
	status int
	words  *iproute2.Names
}

func newGoldenHost(t *testing.T) *goldenHost {
	h := &goldenHost{spaces: map[string]*netns.Namespace{}, files: map[string]string{}}
	var err error
	if h.world, err = emulation.NewServer("golden", netns.Config{CPUs: 2, Seed: uint64(time.Now().Unix())}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.world.Close)
	h.world.StandStill()
	etc := fstest.MapFS{}
	for name, text := range goldenNames {
		etc[name] = &fstest.MapFile{Data: []byte(text)}
	}
	h.spaces[""] = h.world.Root()
	h.words, _ = iproute2.LoadNames(etc, fstest.MapFS{})
	return h
}

func (h *goldenHost) Namespaces() ([]string, error) { return h.names, nil }

func (h *goldenHost) Create(name string) error {
	if h.spaces[name] != nil {
		return rpdb.EEXIST
	}
	ns, err := h.world.AddHost(name)
	h.spaces[name], h.names = ns, append(h.names, name)
	return err
}

func (h *goldenHost) Attach(string, int) error { return errors.ErrUnsupported }

func (h *goldenHost) Delete(name string) error {
	if h.spaces[name] == nil {
		return fs.ErrNotExist
	}
	delete(h.spaces, name)
	h.names = slices.DeleteFunc(h.names, func(n string) bool { return n == name })
	return nil
}

func (h *goldenHost) Open(name string) (int, func(), error) {
	n := h.spaces[path.Base(name)]
	if n == nil {
		return 0, nil, fs.ErrNotExist
	}
	return int(n.FD()), func() {}, nil
}

func (h *goldenHost) NameOf(int) (string, error)      { return h.self, nil }
func (h *goldenHost) Processes(string) ([]int, error) { return nil, nil }

func (h *goldenHost) Run(_ context.Context, p ipcmd.Program) (int, error) {
	cmd := exec.Command(p.Args[0], p.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = p.In, p.Out, p.Err
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return exit.ExitCode(), nil
	case errors.Is(err, exec.ErrNotFound):
		return 0, fs.ErrNotExist
	}
	return 0, err
}

func (h *goldenHost) dial(name string) (ipcmd.Conn, error) {
	if name == "" {
		name = h.self
	}
	n := h.spaces[name]
	if n == nil {
		return nil, fs.ErrNotExist
	}
	return goldenConn{n.Dial(), n}, nil
}

// goldenConn is a connection that can write settings, too.
type goldenConn struct {
	*netns.Socket
	ns *netns.Namespace
}

// Join implements ipcmd.Listener.
func (c goldenConn) Join(groups ...uint32) error {
	for _, g := range groups {
		c.Socket.Join(netns.Group(g))
	}
	return nil
}

func (c goldenConn) SetSysctl(name, value string) error { return c.ns.SetSysctl(name, value) }

// ip runs the command in process.
func (h *goldenHost) ip(ctx context.Context, args []string, in string) (out, errs string, status int) {
	var o, e bytes.Buffer
	tool := ipcmd.Tool{
		Dial: h.dial, Host: h, Names: h.words, In: strings.NewReader(in), Out: &o, Err: &e,
		Env: func(string) string { return "" }, Version: ipcmd.Version6,
		Open: func(name string) (io.ReadCloser, error) {
			text, ok := h.files[name]
			if !ok {
				return nil, fs.ErrNotExist
			}
			return io.NopCloser(strings.NewReader(text)), nil
		},
	}
	status = tool.Run(ctx, args)
	return o.String(), e.String(), status
}

// shell runs a line of the transcript.
func (h *goldenHost) shell(line string) (out, errs string, status int) {
	if rest, ok := strings.CutPrefix(line, "(timeout 4 "); ok {
		return h.watched(strings.TrimSuffix(rest, "; wait)"))
	}
	for _, list := range splitOutside(line, ';') {
		o, e, s := h.pipeline(strings.TrimSpace(list))
		out, errs, h.status = out+o, errs+e, s
	}
	return out, errs, h.status
}

// watched runs a command beside others until they are done, and returns its output.
func (h *goldenHost) watched(line string) (out, errs string, status int) {
	watcher, rest, _ := strings.Cut(line, " & ")
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		out, errs, status = h.ip(ctx, shellWords(watcher)[1:], "")
	}()
	time.Sleep(200 * time.Millisecond)
	h.shell(rest)
	time.Sleep(200 * time.Millisecond)
	stop()
	<-done
	return out, errs, 0
}

func (h *goldenHost) pipeline(line string) (out, errs string, status int) {
	for _, stage := range splitOutside(line, '|') {
		var e string
		out, e, status = h.stage(strings.TrimSpace(stage), out)
		errs += e
	}
	return out, errs, status
}

// stage runs one command with its redirections.
func (h *goldenHost) stage(line, in string) (out, errs string, status int) {
	to := ""
	if parts := splitOutside(line, '>'); len(parts) == 2 {
		line, to = parts[0], strings.TrimSpace(parts[1])
	}
	if parts := splitOutside(line, '<'); len(parts) == 2 {
		line, in = parts[0], h.files[strings.TrimSpace(parts[1])]
	}
	args := shellWords(strings.ReplaceAll(line, "$?", strconv.Itoa(h.status)))
	switch args[0] {
	case "ip":
		out, errs, status = h.ip(context.Background(), args[1:], in)
		out = maskSaved(out)
	case "sleep":
		n, _ := strconv.Atoi(args[1])
		_ = h.world.Sleep(context.Background(), time.Duration(n)*time.Second)
	case "echo":
		out = strings.Join(args[1:], " ") + "\n"
	case "printf":
		out = strings.ReplaceAll(args[1], `\n`, "\n")
	default:
		out, errs, status = filter(args, in)
	}
	if to != "" {
		h.files[to], out = out, ""
	}
	return out, errs, status
}

// filter runs a program of this host.
func filter(args []string, in string) (out, errs string, status int) {
	var o, e bytes.Buffer
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(in), &o, &e
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	if err := cmd.Run(); err != nil {
		status = cmd.ProcessState.ExitCode()
		if status < 0 {
			fmt.Fprintln(&e, err)
		}
	}
	return o.String(), e.String(), status
}

// splitOutside splits at a byte that is not quoted.
func splitOutside(s string, sep byte) (parts []string) {
	quote, start := byte(0), 0
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			i++
		case quote != 0:
			if s[i] == quote {
				quote = 0
			}
		case s[i] == '"' || s[i] == '\'':
			quote = s[i]
		case s[i] == sep:
			parts, start = append(parts, s[start:i]), i+1
		}
	}
	return append(parts, s[start:])
}

// shellWords splits a command into words and takes the quotes away.
func shellWords(s string) (words []string) {
	var word []byte
	quote, open := byte(0), false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\\' && quote == '"' && i+1 < len(s) && strings.IndexByte(`"\`, s[i+1]) >= 0:
			i++
			word = append(word, s[i])
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote, open = c, true
		case quote == 0 && c == ' ':
			if open {
				words, word, open = append(words, string(word)), nil, false
			}
		default:
			word, open = append(word, c), true
		}
	}
	if open {
		words = append(words, string(word))
	}
	return words
}
