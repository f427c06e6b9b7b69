package scenario

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/iproute2"
	"github.com/rulewalk/rulewalk/lab"
	"github.com/rulewalk/rulewalk/lab/topology"
	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// Options say how a topology comes to life. The zero value is good.
type Options struct {
	// Clock is the clock where the topology does not say; Unset: Virtual.
	Clock topology.Clock
	// Dir is the folder in which the commands run and leave their files; empty: one that
	// Close removes.
	Dir string
}

// World is a topology that lives: a server of the lab with its hosts. It is not safe for
// concurrent use.
type World struct {
	// Server is the world. It may be served to others too.
	Server *lab.Server

	topology *topology.Topology
	dir      string
	ownDir   bool
	names    *iproute2.Names
	shells   map[string]*shell
	stop     context.CancelFunc // ends what runs in the background
	ctx      context.Context
}

// bootTime is how long a world with a virtual clock goes on before the first command, so
// that the addresses of the hosts have been checked (DAD) and are no longer tentative.
const bootTime = 3 * time.Second

// Start makes the world of a topology. What its hosts refuse of their setup is an error
// with its place in the file.
func Start(ctx context.Context, name string, t *topology.Topology, o Options) (*World, error) {
	virtual := clockOf(t, o) == topology.Virtual
	server, err := lab.NewServer(name, netns.Config{Kernel: rpdb.Kernel{Release: t.Kernel}, Seed: t.Seed, DAD: true})
	if err != nil {
		return nil, err
	}
	w := &World{
		Server: server, topology: t, dir: o.Dir,
		names: iproute2.DefaultNames(), shells: map[string]*shell{},
	}
	w.ctx, w.stop = context.WithCancel(ctx)
	if virtual {
		server.StandStill()
	}
	if err := errors.Join(w.folder(), w.build(ctx)); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	if virtual {
		if err := server.Sleep(ctx, bootTime); err != nil {
			return nil, errors.Join(err, w.Close())
		}
	}
	return w, nil
}

func clockOf(t *topology.Topology, o Options) topology.Clock {
	for _, c := range []topology.Clock{t.Clock, o.Clock} {
		if c != topology.Unset {
			return c
		}
	}
	return topology.Virtual
}

// Close ends the world and what runs in it.
func (w *World) Close() error {
	w.stop()
	for _, s := range w.shells {
		s.waitAll()
	}
	w.Server.Close()
	if w.ownDir {
		return os.RemoveAll(w.dir)
	}
	return nil
}

// folder makes the folder of the commands, with the files of the archive in it.
func (w *World) folder() error {
	var err error
	if w.dir == "" {
		w.ownDir = true
		if w.dir, err = os.MkdirTemp("", "rulewalk-lab-"); err != nil {
			return err
		}
	}
	if w.dir, err = filepath.Abs(w.dir); err != nil {
		return err
	}
	for _, f := range w.topology.Files {
		if !filepath.IsLocal(f.Name) {
			return fmt.Errorf("a file of the archive would lie outside of its folder: %q", f.Name)
		}
		path := filepath.Join(w.dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return err
		}
		if err := os.WriteFile(path, f.Data, 0o666); err != nil {
			return err
		}
	}
	return nil
}

// build makes the hosts, their links and their settings.
func (w *World) build(ctx context.Context) error {
	t := w.topology
	for _, h := range t.Hosts {
		if err := w.addHost(h.Name); err != nil {
			return t.Errorf(h.Pos, "%v", err)
		}
	}
	if err := w.addShell(topology.Lab, lab.Root); err != nil {
		return err
	}
	for _, l := range t.Links {
		if err := w.addLink(ctx, l); err != nil {
			return err
		}
	}
	for i := range t.Hosts {
		if err := w.setUp(ctx, &t.Hosts[i]); err != nil {
			return err
		}
	}
	for _, c := range t.Captures {
		if err := w.capture(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// capture begins to write packets to a file.
func (w *World) capture(ctx context.Context, c topology.Capture) error {
	quote := func(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
	line := fmt.Sprintf("tcpdump -U -i %s -w %s %s &", quote(c.On.Dev), quote(c.File), quote(c.Filter))
	if c.Filter == "" {
		line = strings.TrimSuffix(line, "'' &") + "&"
	}
	s := w.shells[c.On.Host]
	s.run(ctx, line)
	j := s.jobs[len(s.jobs)-1]
	select {
	case <-j.done: // it should go on
		return w.topology.Errorf(c.Pos, "the capture has ended: %s", oneLine(j.out.take()))
	default:
		return nil
	}
}

// addHost makes a host with lo up, as a machine has it when it has booted.
func (w *World) addHost(name string) error {
	ns, err := w.Server.AddHost(name)
	if err != nil {
		return err
	}
	conn := ns.Dial()
	defer func() { _ = conn.Close() }()
	var m netlink.Message
	if m, err = rtnl.SetLink(rpdb.Loopback, rpdb.IFFUp, rpdb.IFFUp); err == nil {
		err = rtnl.Exec(conn, m)
	}
	if err != nil {
		return err
	}
	return w.addShell(name, lab.ID(ns.FD()))
}

func (w *World) addShell(name string, id lab.ID) error {
	s, err := newShell(w, name, id)
	w.shells[name] = s
	return err
}

// addLink makes the two ends of a cable, or a network card.
func (w *World) addLink(ctx context.Context, l topology.Link) error {
	if len(l.Ends) == 1 {
		if err := w.addCard(l); err != nil {
			return err
		}
		return w.cutAtFirst(l)
	}
	a, b := l.Ends[0], l.Ends[1]
	out, status := w.shells[a.Host].run(ctx, fmt.Sprintf("ip link add %s type veth peer name %s netns %s", a.Dev, b.Dev, b.Host))
	if status != 0 {
		return w.topology.Errorf(l.Pos, "the link cannot be made: %s", oneLine(out))
	}
	if l.Shape != [2]topology.Shape{} {
		if err := w.impair(&l); err != nil {
			return w.topology.Errorf(l.Pos, "%v", err)
		}
	}
	return w.cutAtFirst(l)
}

// impair has a link do to packets what its options say.
func (w *World) impair(l *topology.Link) error {
	for i, e := range l.Ends {
		h, err := w.Server.Host(e.Host)
		if err != nil {
			return err
		}
		if err := h.Impair(e.Dev, w.impairment(l, i)); err != nil {
			return err
		}
	}
	return nil
}

// impairment is what a link does to what one of its ends sends.
func (w *World) impairment(l *topology.Link, end int) lab.Impairment {
	x := l.Shape[end]
	if x == (topology.Shape{}) {
		return lab.Impairment{}
	}
	if x.Seed == 0 {
		x.Seed = w.topology.Seed + 1
	}
	return lab.Impairment{
		Delay: x.Delay, Jitter: x.Jitter, Loss: x.Loss, Duplicate: x.Duplicate, Reorder: x.Reorder,
		Rate: int64(x.Rate), Seed: x.Seed,
	}
}

func (w *World) cutAtFirst(l topology.Link) error {
	if !l.Cut {
		return nil
	}
	if err := w.cut(l.Ends[0], true); err != nil {
		return w.topology.Errorf(l.Pos, "%v", err)
	}
	return nil
}

// cut unplugs the cable of an end, or plugs it in again.
func (w *World) cut(e topology.End, on bool) error {
	h, err := w.Server.Host(e.Host)
	switch {
	case err != nil:
		return err
	case on:
		return h.Cut(e.Dev)
	}
	return h.Mend(e.Dev)
}

// addCard makes a device that leads to nowhere. Its address is drawn from the seed.
func (w *World) addCard(l topology.Link) error {
	e := l.Ends[0]
	ns, err := w.Server.NetNS(e.Host)
	if err != nil {
		return err
	}
	if _, err := ns.AddEthernet(e.Dev, cardAddress(w.topology.Seed, slices.IndexFunc(w.topology.Links, func(x topology.Link) bool {
		return slices.Equal(x.Ends, l.Ends)
	}))); err != nil {
		return w.topology.Errorf(l.Pos, "the network card cannot be made: %v", err)
	}
	return nil
}

// cardAddress is a locally administered address for a card, a function of the seed and
// its number.
func cardAddress(seed uint64, number int) [6]byte {
	return [6]byte{2, 0x52, byte(seed >> 8), byte(seed), byte(number >> 8), byte(number)}
}

// setUp configures a host: what a switch is, the sysctls, the lines of its setup.
func (w *World) setUp(ctx context.Context, h *topology.Host) error {
	s := w.shells[h.Name]
	if h.Switch {
		if out, status := s.run(ctx, w.switchLines(h.Name)); status != 0 {
			return w.topology.Errorf(h.Pos, "the switch cannot be made: %s", oneLine(out))
		}
	}
	ns, err := w.Server.NetNS(h.Name)
	if err != nil {
		return err
	}
	for _, v := range h.Sysctl {
		if err := ns.SetSysctl(v.Name, v.Value); err != nil {
			return w.topology.Errorf(v.Pos, "%s of %s cannot be set to %s: %v", v.Name, h.Name, v.Value, err)
		}
	}
	return s.script(ctx, w.topology, &h.Setup)
}

// switchLines are the commands that the word switch stands for.
func (w *World) switchLines(host string) string {
	lines := "sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1\n" +
		"ip link add br0 type bridge\nip link set br0 up\n"
	for _, l := range w.topology.Links {
		for _, e := range l.Ends {
			if e.Host == host {
				lines += fmt.Sprintf("ip link set %s master br0 up\n", e.Dev)
			}
		}
	}
	return "set -e\n" + lines
}
