package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"slices"
	"strings"

	"github.com/mdlayher/netlink"
	"github.com/spf13/cobra"

	"github.com/rulewalk/rulewalk/iproute2"
	"github.com/rulewalk/rulewalk/iproute2/ipcmd"
	"github.com/rulewalk/rulewalk/kernel"
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/snapshot"
)

func (a *app) ip() *cobra.Command {
	return &cobra.Command{
		Use:   "ip [--write] [--snapshot FILE | --netns NAME] [OPTIONS] OBJECT [COMMAND]",
		Short: "The ip command, over this host or a snapshot",
		Long: `The ip command of iproute2 7.1: the same words, texts, JSON and exit statuses, over
the running kernel or over a file.

On the running kernel it only reads, unless --write stands before the object.
A snapshot is never changed; ip route get is answered as its kernel would. What the
snapshot does not tell is said on standard error.

The flags of rulewalk stand before the options of ip; ip -n NAME chooses a network
namespace, of a file too (sosreport).`,
		Example: `  rulewalk ip route show table all
  rulewalk ip -j -d addr
  rulewalk ip --write link set eth0 mtu 1400
  rulewalk ip --snapshot host.rulewalk route get 8.8.8.8
  rulewalk ip --snapshot sosreport.tar.xz -6 rule`,
		DisableFlagParsing: true,
		ValidArgsFunction:  a.completeIP,
		RunE:               a.runIP,
	}
}

// ipFlags are the words before the options of ip.
type ipFlags struct {
	write, help bool
	args        []string // the words of ip
}

// ipFlags reads the flags that stand before the options of ip.
func (a *app) ipFlags(words []string) (f ipFlags, err error) {
	for len(words) > 0 {
		name, value, given := strings.Cut(words[0], "=")
		switch {
		case words[0] == "--write":
			f.write = true
		case words[0] == "--help":
			f.help = true
		case name == "--snapshot" || name == "--netns":
			if !given {
				if words = words[1:]; len(words) == 0 {
					return f, fmt.Errorf("flag needs an argument: %s", name)
				}
				value = words[0]
			}
			if name == "--netns" {
				a.flags.netns = value
			} else {
				a.flags.snapshots = append(a.flags.snapshots, value)
			}
		default:
			f.args = words
			return f, nil
		}
		words = words[1:]
	}
	return f, nil
}

func (a *app) runIP(cmd *cobra.Command, words []string) error {
	f, err := a.ipFlags(words)
	switch snap := len(a.flags.snapshots) > 0; {
	case err != nil:
		return err
	case f.help:
		return cmd.Help()
	case snap && a.flags.netns != "":
		return errors.New("--netns chooses a namespace of this host, not of a snapshot: use ip -n NAME")
	case snap && f.write:
		return errors.New("a snapshot cannot be changed: --write goes with the running kernel")
	}
	t := &ipcmd.Tool{
		In: a.env.Stdin, Out: a.env.Stdout, Err: a.env.Stderr, Env: a.env.Getenv,
		Terminal: terminal(a.env.Stdout) != nil,
	}
	if len(a.flags.snapshots) > 0 {
		return a.ipSnapshot(cmd, t, f.args)
	}
	k := ipKernel{a: a, write: f.write}
	t.Dial, t.Host = k.dial, ipHost{}
	a.status = t.Run(cmd.Context(), f.args)
	return nil
}

// ipKernel gives ip connections to the running kernel.
type ipKernel struct {
	a     *app
	write bool
}

func (k ipKernel) dial(netns string) (ipcmd.Conn, error) {
	if netns == "" {
		netns = k.a.flags.netns
	}
	if netns != "" && !strings.ContainsRune(netns, '/') && k.a.flags.netns == "" {
		// ip takes a name only, no process.
		if _, err := os.Stat("/run/netns/" + netns); err != nil {
			return nil, err
		}
	}
	conn, err := kernel.Dial(kernel.Config{NetNS: netns})
	if err != nil {
		return nil, err
	}
	if k.write {
		return conn, nil
	}
	return readOnly{conn}, nil
}

// readOnly passes on requests that only ask.
type readOnly struct{ *kernel.Conn }

// errReadOnly refuses what would change the kernel's state.
var errReadOnly = &rtnl.Error{
	Errno: rpdb.EPERM,
	Msg:   "Nothing was changed: rulewalk ip only reads. To change this host, give --write first: rulewalk ip --write ...",
}

// Do implements rtnl.Transport. Message types come in fours, the third of which asks
// (rtnl_msgtype_kind).
func (c readOnly) Do(m netlink.Message) iter.Seq2[netlink.Message, error] {
	if m.Header.Type&3 == 2 {
		return c.Conn.Do(m)
	}
	return func(yield func(netlink.Message, error) bool) { yield(netlink.Message{}, errReadOnly) }
}

// ipSnapshot runs ip over files.
func (a *app) ipSnapshot(cmd *cobra.Command, t *ipcmd.Tool, args []string) error {
	s := ipFiles{a: a, servers: map[string]*snapshot.Server{}}
	snap, err := s.open("")
	if err != nil {
		return unreadable(err)
	}
	if t.Names = snap.Names; t.Names == nil {
		t.Names = iproute2.DefaultNames()
	}
	t.Dial = func(ns string) (ipcmd.Conn, error) { return s.dial(ns) }
	t.Host = ipFilesHost{names: snap.Namespaces}
	for _, w := range snap.Warnings {
		fmt.Fprintln(a.env.Stderr, "rulewalk: note:", w)
	}
	a.status = t.Run(cmd.Context(), args)
	for _, server := range s.servers {
		for _, n := range server.Notes() {
			fmt.Fprintln(a.env.Stderr, "rulewalk: note:", n)
		}
	}
	return nil
}

// ipFiles serves the namespaces of the files.
type ipFiles struct {
	a       *app
	servers map[string]*snapshot.Server
	stdin   []byte // what "-" held, for the namespaces after the first
	names   []string
}

// open reads the files for a namespace.
func (s *ipFiles) open(ns string) (*snapshot.Snapshot, error) {
	if slices.Contains(s.a.flags.snapshots, "-") && s.stdin == nil {
		b, err := io.ReadAll(s.a.env.Stdin)
		if err != nil {
			return nil, err
		}
		s.stdin = b
	}
	o := snapshot.Options{Namespace: ns, Stdin: strings.NewReader(string(s.stdin))}
	snap, err := o.Open(s.a.flags.snapshots...)
	if err != nil {
		return nil, err
	}
	server := snapshot.NewServer(snap.State)
	server.UID = uint32(max(os.Getuid(), 0))
	s.servers[ns] = server
	if ns == "" {
		s.names = snap.Namespaces
	}
	return snap, nil
}

func (s *ipFiles) dial(ns string) (ipcmd.Conn, error) {
	if server, ok := s.servers[ns]; ok {
		return server, nil
	}
	if !slices.Contains(s.names, ns) {
		return nil, fmt.Errorf("namespace %s: %w", ns, fs.ErrNotExist)
	}
	if _, err := s.open(ns); err != nil {
		return nil, err
	}
	return s.servers[ns], nil
}
