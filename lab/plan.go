package lab

import (
	"fmt"
	"slices"

	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rpdb"
)

// Plan is how the hosts of a world are connected, for who draws or lists them.
type Plan struct {
	Name  string     `json:"name"`
	Hosts []PlanHost `json:"hosts"`
}

// PlanHost is a host: a namespace.
type PlanHost struct {
	Name    string       `json:"name"`
	Devices []PlanDevice `json:"devices"` // by their ifindex
}

// PlanDevice is a device of a host.
type PlanDevice struct {
	Name  string   `json:"name"`
	Kind  string   `json:"kind,omitempty"`
	ID    uint64   `json:"id"`             // of all devices of the world this one's
	Pair  uint64   `json:"pair,omitempty"` // the ID of the other end of its cable
	Up    bool     `json:"up"`
	Under string   `json:"under,omitempty"` // the bridge or VRF that it belongs to
	Addrs []string `json:"addrs,omitempty"` // with the lengths of their prefixes; not link-local ones
}

// Plan tells the present state of all hosts; of a world without hosts, of all namespaces
// that have a name, and of the one that it began with.
func (s *Server) Plan() Plan {
	p := Plan{Name: s.name}
	s.spaces.mu.Lock()
	type member struct {
		name string
		ns   *netns.Namespace
	}
	var list []member
	for _, h := range s.hosts {
		if sp := s.spaces.named(h); sp != nil {
			list = append(list, member{h, sp.ns})
		}
	}
	if len(list) == 0 {
		list = append(list, member{s.name, s.spaces.byID[Root].ns})
		for _, n := range slices.Backward(s.spaces.names) {
			list = append(list, member{n.text, n.of.ns})
		}
	}
	s.spaces.mu.Unlock()
	for _, m := range list {
		p.Hosts = append(p.Hosts, planHost(m.name, m.ns.View()))
	}
	return p
}

func planHost(name string, v *netns.View) PlanHost {
	h := PlanHost{Name: name}
	addrs := map[int][]string{}
	for _, a := range v.Database.State().Addrs {
		if a.Scope == rpdb.ScopeLink && a.Family == rpdb.IPv6 || a.Local.IsLoopback() {
			continue
		}
		text := fmt.Sprintf("%v/%d", a.Local, a.PrefixLen)
		if a.Peer.IsValid() {
			text = fmt.Sprintf("%v → %v/%d", a.Local, a.Peer, a.PrefixLen)
		}
		addrs[a.Index] = append(addrs[a.Index], text)
	}
	for _, d := range v.Devices {
		x := PlanDevice{Name: d.Name, Kind: d.Kind, ID: d.ID, Up: d.Up(), Addrs: addrs[d.Index]}
		if d.Pair != nil {
			x.Pair = d.Pair.ID
		}
		if d.Master != 0 {
			x.Under = v.Database.LinkName(d.Master)
		}
		h.Devices = append(h.Devices, x)
	}
	return h
}

func (s *session) plan(nothing) (Plan, error) { return s.server.Plan(), nil }

// Plan asks the world how its hosts are connected; see [Server.Plan].
func (c *Client) Plan() (p Plan, err error) {
	err = c.call("plan", nothing{}, &p)
	return p, err
}
