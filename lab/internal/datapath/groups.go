package datapath

import (
	"net/netip"
	"slices"
)

// groupReports is what routers are told of the groups that a device takes part in.
type groupReports struct {
	told    []netip.Addr  // the groups that were looked at last
	changes []groupChange // that have to be told (again)
	stop    func() bool   // keeps them from being told again; nil: nothing waits
}

// groupChange is a group that was joined or left.
type groupChange struct {
	group  netip.Addr
	joined bool
	left   int // how often it is still to be told
}

func (s *groupReports) change(c groupChange) {
	s.changes = slices.DeleteFunc(s.changes, func(x groupChange) bool { return x.group == c.group })
	s.changes = append(s.changes, c)
}

// follow notes the groups that a device takes part in now. It reports whether there is
// something to tell, of groups that are reported; what was to be told again later is not.
func (s *groupReports) follow(groups []netip.Addr, reported func(netip.Addr) bool, times int) bool {
	for _, g := range groups {
		if !slices.Contains(s.told, g) && reported(g) {
			s.change(groupChange{g, true, times})
		}
	}
	for _, g := range s.told {
		if !slices.Contains(groups, g) && reported(g) {
			s.change(groupChange{g, false, times})
		}
	}
	s.told = groups
	if len(s.changes) == 0 {
		return false
	}
	if s.stop != nil {
		s.stop()
	}
	return true
}

// take returns the changes to be told now, and keeps those that are to be told again.
func (s *groupReports) take() []groupChange {
	now := slices.Clone(s.changes)
	for i := range s.changes {
		s.changes[i].left--
	}
	s.changes = slices.DeleteFunc(s.changes, func(c groupChange) bool { return c.left <= 0 })
	s.stop = nil
	return now
}

// groupRecord is a group in a report.
type groupRecord struct {
	group netip.Addr
	typ   uint8
}

// groupReport is a report of IGMP version 3, or of MLD version 2, without its checksum.
func groupReport(typ uint8, records []groupRecord) []byte {
	m := make([]byte, 8, 8+len(records)*mldRecordLen)
	m[0] = typ
	put16(m[6:], uint16(len(records)))
	for _, r := range records {
		m = append(append(m, r.typ, 0, 0, 0), r.group.AsSlice()...)
	}
	return m
}
