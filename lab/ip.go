package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/rulewalk/rulewalk/iproute2/ipcmd"
	"github.com/rulewalk/rulewalk/lab/internal/wire"
	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rpdb"
)

// ip is the ip command.
func (j *job) ip(ctx context.Context) int {
	tool := &ipcmd.Tool{
		Dial: j.dial, Host: host{j}, Names: j.Names, Open: j.caller.open, Env: j.getenv,
		In: j.In, Out: j.Out, Err: j.Err, Terminal: j.Terminal, Name: j.Args[0],
	}
	if tool.Names == nil {
		tool.Names = j.server.names.Names()
	}
	return tool.Run(ctx, j.Args[1:])
}

// dial opens a netlink socket in the namespace of the command, or in that of a name.
func (j *job) dial(name string) (ipcmd.Conn, error) {
	space, release, err := j.server.spaces.hold(j.space.id, name)
	if err != nil {
		return nil, err
	}
	options := defaultOptions
	options.ReceiveBuffer = maxEvents
	return listener{space.ns.DialOptions(options), release}, nil
}

// listener is a socket that names the groups by number, as ip monitor does.
type listener struct {
	*netns.Socket
	release func()
}

// Join implements ipcmd.Listener.
func (l listener) Join(groups ...uint32) error {
	for _, g := range groups {
		l.Socket.Join(netns.Group(g))
	}
	return nil
}

// Close closes the socket and lets go of its namespace.
func (l listener) Close() error {
	defer l.release()
	return l.Socket.Close()
}

// host is the machine that a command runs on: the names of its world, the processes of
// this machine.
type host struct{ *job }

// plain leaves of an error what the kernel would have said.
func plain(err error) error {
	var errno rpdb.Errno
	if errors.As(err, &errno) && errno != rpdb.OK {
		return errno
	}
	return err
}

func (h host) Namespaces() ([]string, error) {
	list := h.server.spaces.list()
	names := make([]string, len(list))
	for i, n := range list {
		names[i] = n.Name
	}
	return names, nil
}

func (h host) Create(name string) error {
	_, err := h.server.spaces.create(name)
	return plain(err)
}

func (h host) Attach(name string, pid int) error {
	id, err := h.server.namespaceOf(pid)
	if err != nil {
		return fs.ErrNotExist // /proc/PID/ns/net
	}
	return plain(h.server.spaces.attach(name, id))
}

func (h host) Delete(name string) error {
	err := h.server.spaces.unlink(name, h.server.busy)
	h.server.sweep()
	return plain(err)
}

func (h host) Open(name string) (fd int, done func(), err error) {
	id, name, err := h.place(name)
	if err != nil {
		return 0, nil, plain(err)
	}
	space, done, err := h.server.spaces.hold(id, name)
	if err != nil {
		return 0, nil, plain(err)
	}
	return int(space.id), done, nil
}

// place tells what a name or path of a namespace stands for: an id, or a name. The
// paths are those that the files would have, of names and of processes.
func (h host) place(path string) (id ID, name string, err error) {
	if path == "/proc/self/ns/net" {
		return h.space.id, "", nil
	}
	for _, dir := range []string{"/run/netns/", "/var/run/netns/"} {
		path = strings.TrimPrefix(path, dir)
	}
	var pid int
	if n, _ := fmt.Sscanf(path, "/proc/%d/ns/net", &pid); n == 1 {
		id, err = h.server.namespaceOf(pid)
		return id, "", err
	}
	return 0, path, checkName(path)
}

func (h host) NameOf(pid int) (string, error) {
	id := h.space.id
	if pid != 0 {
		var err error
		if id, err = h.server.namespaceOf(pid); err != nil {
			return "", fs.ErrNotExist // /proc/PID/ns/net
		}
	}
	return h.server.spaces.nameOf(id), nil
}

func (h host) Processes(name string) ([]int, error) {
	space, done, err := h.server.spaces.hold(0, name)
	if err != nil {
		return nil, plain(err)
	}
	defer done()
	return h.server.processesIn(space.id), nil
}

// Run runs a program of this machine, whose environment says in which namespace it is.
func (h host) Run(ctx context.Context, p ipcmd.Program) (int, error) {
	space, done, err := h.server.spaces.enter(h.space.id, p.NetNS)
	if err != nil {
		return 0, plain(err)
	}
	defer done()
	return h.caller.run(ctx, wire.Program{Replace: p.Replace, Args: p.Args, Env: []string{
		EnvNetNS + "=" + strconv.FormatUint(uint64(space.id), 10), ipcmd.EnvVRF + "=" + p.VRF,
	}})
}
