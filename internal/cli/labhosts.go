package cli

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/rulewalk/rulewalk/lab"
	"github.com/rulewalk/rulewalk/lab/revive"
	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/snapshot"
)

// reviveHosts makes the world of hosts of which there are dumps, NAME=FILE each, and says
// what was guessed and what was not carried over.
func (a *app) reviveHosts(name string, dumps []string) (*lab.Server, net.Listener, error) {
	var sources []revive.Source
	var kernel rpdb.Kernel
	for _, d := range dumps {
		host, path, ok := strings.Cut(d, "=")
		if !ok || host == "" || path == "" {
			return nil, nil, fmt.Errorf("--host %s: it is NAME=FILE, such as web=sosreport-web/", d)
		}
		src, err := a.readDump(host, path)
		if err != nil {
			return nil, nil, err
		}
		if k := src.State.Kernel; kernel.Release == "" {
			kernel = k
		} else if k.Release != "" && k.Release != kernel.Release {
			fmt.Fprintf(a.env.Stderr, "%s: its kernel is %s; a world has one, here %s\n", host, k, kernel)
		}
		sources = append(sources, src)
	}
	l, err := lab.Listen(name)
	if err != nil {
		return nil, nil, err
	}
	server, err := lab.NewServer(name, netns.Config{Kernel: kernel})
	if err != nil {
		return nil, nil, errors.Join(err, l.Close())
	}
	guesses, notes, err := revive.Hosts(server, sources)
	if err != nil {
		server.Close()
		return nil, nil, errors.Join(unreadable(err), l.Close())
	}
	for _, n := range notes {
		fmt.Fprintln(a.env.Stderr, n)
	}
	for _, g := range guesses {
		fmt.Fprintln(a.env.Stderr, "guess:", g)
	}
	return server, l, nil
}

// readDump reads the state of one host.
func (a *app) readDump(host, path string) (revive.Source, error) {
	o := snapshot.Options{Stdin: a.env.Stdin}
	snap, err := o.Open(path)
	if err != nil {
		return revive.Source{}, unreadable(fmt.Errorf("host %s: %w", host, err))
	}
	fmt.Fprintf(a.env.Stderr, "%s: %s: %d devices, %d addresses, %d routes, %d rules\n", host, snapshotTitle(snap, []string{path}),
		len(snap.State.Links), len(snap.State.Addrs), len(snap.State.Routes), len(snap.State.Rules))
	for _, w := range snap.Warnings {
		fmt.Fprintf(a.env.Stderr, "%s: %v\n", host, w)
	}
	return revive.Source{Name: host, State: snap.State, Names: snap.Names}, nil
}
