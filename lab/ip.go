package lab

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strconv"

	"github.com/rulewalk/rulewalk/iproute2/ipcmd"
	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rpdb"
)

// Streams are the standard streams of a command.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// RunIP runs the ip command with the words after ip, in a namespace of the world, and
// returns its exit status. name is the one it was called by.
func RunIP(ctx context.Context, c *Client, id ID, name string, args []string, s Streams) int {
	tool := &ipcmd.Tool{
		Dial: func(name string) (ipcmd.Conn, error) {
			dial := func() (*Conn, error) { return c.Dial(id) }
			if name != "" {
				dial = func() (*Conn, error) { return c.DialName(name) }
			}
			conn, err := dial()
			if err != nil {
				return nil, err
			}
			return listener{conn}, nil
		},
		Host: &host{client: c, id: id},
		In:   s.In, Out: s.Out, Err: s.Err, Name: name,
		Terminal: isTerminal(s.Out),
	}
	return tool.Run(ctx, args)
}

// listener is a Conn that names the groups by number, as ip monitor does.
type listener struct{ *Conn }

// Join implements ipcmd.Listener.
func (l listener) Join(groups ...uint32) error {
	named := make([]netns.Group, len(groups))
	for i, g := range groups {
		named[i] = netns.Group(g)
	}
	return l.Conn.Join(named...)
}

// isTerminal tells whether output goes to a character device.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0
}

// host is the machine that a command of a world runs on: the names of the world, the
// processes of this machine.
type host struct {
	client *Client
	id     ID
}

// plain leaves of an error what the kernel would have said.
func plain(err error) error {
	var errno rpdb.Errno
	if errors.As(err, &errno) && errno != rpdb.OK {
		return errno
	}
	return err
}

func (h *host) Namespaces() ([]string, error) {
	list, err := h.client.ListNetNS()
	names := make([]string, len(list))
	for i, n := range list {
		names[i] = n.Name
	}
	return names, plain(err)
}

func (h *host) Create(name string) error {
	_, err := h.client.AddNetNS(name)
	return plain(err)
}

func (h *host) Attach(name string, pid int) error {
	id, err := h.client.NetNSOf(pid)
	if err != nil {
		return plain(err)
	}
	return plain(h.client.AttachNetNS(name, id))
}

func (h *host) Delete(name string) error { return plain(h.client.DelNetNS(name)) }

func (h *host) Open(name string) (fd int, done func(), err error) {
	id, err := h.client.NetNS(name)
	return int(id), func() {}, plain(err)
}

func (h *host) NameOf(pid int) (string, error) {
	id := h.id
	if pid != 0 {
		var err error
		if id, err = h.client.NetNSOf(pid); err != nil {
			return "", plain(err)
		}
	}
	list, err := h.client.ListNetNS()
	for _, n := range list {
		if n.ID == id {
			return n.Name, nil
		}
	}
	return "", plain(err)
}

func (h *host) Processes(name string) ([]int, error) {
	id, err := h.client.NetNS(name)
	if err != nil {
		return nil, plain(err)
	}
	pids, err := h.client.PIDs(id)
	return pids, plain(err)
}

// Run runs a program of this machine, whose environment says in which namespace it is.
func (h *host) Run(ctx context.Context, p ipcmd.Program) (int, error) {
	id := h.id
	if p.NetNS != "" {
		var err error
		if id, err = h.client.NetNS(p.NetNS); err != nil {
			return 0, plain(err)
		}
	}
	cmd := exec.CommandContext(ctx, p.Args[0], p.Args[1:]...)
	cmd.Env = append(os.Environ(), EnvNetNS+"="+strconv.FormatUint(uint64(id), 10), ipcmd.EnvVRF+"="+p.VRF)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = p.In, p.Out, p.Err
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), nil
	}
	return 0, err
}
