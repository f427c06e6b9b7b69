package lab

import (
	"slices"

	"github.com/rulewalk/rulewalk/netns"
)

// AddHost makes a namespace that is a host: a machine of the world's topology, and not a
// namespace that a host has made for itself.
func (s *Server) AddHost(name string) (*netns.Namespace, error) {
	id, err := s.spaces.create(name)
	if err != nil {
		return nil, err
	}
	s.spaces.mu.Lock()
	defer s.spaces.mu.Unlock()
	sp, err := s.spaces.find(id, "")
	if err != nil {
		return nil, err
	}
	s.hosts = append(s.hosts, name)
	return sp.ns, nil
}

// Hosts returns the names of the hosts, in the order in which they were made.
func (s *Server) Hosts() []string {
	s.spaces.mu.Lock()
	defer s.spaces.mu.Unlock()
	return slices.Clone(s.hosts)
}
