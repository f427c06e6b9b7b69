// Package revive makes emulated hosts of the states of real ones: of dumps, reports and
// snapshots. Devices keep their names, indexes and addresses, so that ip prints on the
// emulated host what it printed on the real one. What cannot be carried over is told,
// line by line; cables between hosts are guessed from the subnets that they share.
package revive

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/rulewalk/rulewalk/iproute2"
	"github.com/rulewalk/rulewalk/lab"
	"github.com/rulewalk/rulewalk/rpdb"
)

// Source is the state of a real host, and the name of the emulated one.
type Source struct {
	Name  string
	State *rpdb.State
	Names *iproute2.Names // of tables and so on, for messages; nil: the built-in ones
}

// Note is something about a host that was not carried over, or was in another form.
type Note struct {
	Host, Text string
}

// String returns host: text.
func (n Note) String() string { return n.Host + ": " + n.Text }

// Hosts makes the hosts of sources in a new world, with the cables between them that can
// be guessed. The error says that a host could not be made at all.
func Hosts(s *lab.Server, sources []Source) (guesses []Guess, notes []Note, err error) {
	guesses = GuessLinks(sources)
	hosts := make([]*host, len(sources))
	for i, src := range sources {
		ns, err := s.AddHost(src.Name)
		if err != nil {
			return nil, nil, fmt.Errorf("host %s: %w", src.Name, err)
		}
		hosts[i] = newHost(src, ns)
		hosts[i].prepare()
	}
	segments := 0
	for _, g := range guesses {
		if !g.Made {
			continue
		}
		if err := plug(s, g, hosts, &segments); err != nil {
			return guesses, nil, fmt.Errorf("%v: %w", g, err)
		}
	}
	for _, h := range hosts {
		h.revive()
	}
	for _, h := range hosts { // now that the other ends of cables are up
		h.compare()
		notes = append(notes, h.notes...)
		h.close()
	}
	return guesses, notes, nil
}

// plug makes the cable of a guess: a pair of veth devices, or a switch with one for each
// end.
func plug(s *lab.Server, g Guess, hosts []*host, segments *int) error {
	for _, e := range g.ends {
		hosts[e.source].plugged[e.link.Index] = true
	}
	add := func(e end, far string) error {
		return ip(s, fmt.Sprintf("-n %s link add %s index %d type veth peer %s", hosts[e.source].Name, e.link.Name, e.link.Index, far))
	}
	if len(g.ends) == 2 {
		b := g.ends[1]
		return add(g.ends[0], fmt.Sprintf("name %s index %d netns %s", b.link.Name, b.link.Index, hosts[b.source].Name))
	}
	*segments++
	name := fmt.Sprintf("switch%d", *segments)
	ns, err := s.AddHost(name)
	if err != nil {
		return err
	}
	for _, d := range []string{"all", "default"} {
		if err := ns.SetSysctl("net/ipv6/conf/"+d+"/disable_ipv6", "1"); err != nil {
			return err
		}
	}
	err = errors.Join(ip(s, "-n "+name+" link add br0 type bridge"), ip(s, "-n "+name+" link set br0 up"))
	for i, e := range g.ends {
		port := fmt.Sprintf("p%d", i+1)
		err = errors.Join(err, add(e, "name "+port+" netns "+name), ip(s, "-n "+name+" link set "+port+" master br0 up"))
	}
	return err
}

// ip runs the ip command in the world.
func ip(s *lab.Server, words string) error {
	var out strings.Builder
	if s.Run(context.Background(), lab.Command{Args: append([]string{"ip"}, strings.Fields(words)...), Err: &out}) != 0 {
		return fmt.Errorf("ip %s: %s", words, strings.TrimSpace(out.String()))
	}
	return nil
}
