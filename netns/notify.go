package netns

import (
	"github.com/mdlayher/netlink"
)

// Group is a multicast group of rtnetlink (enum rtnetlink_groups).
type Group uint32

// The groups that the emulated kernel notifies.
const (
	GroupLink        Group = 1
	GroupNotify      Group = 2
	GroupNeigh       Group = 3
	GroupIPv4Addr    Group = 5
	GroupIPv4MRoute  Group = 6
	GroupIPv4Route   Group = 7
	GroupIPv4Rule    Group = 8
	GroupIPv6Addr    Group = 9
	GroupIPv6MRoute  Group = 10
	GroupIPv6Route   Group = 11
	GroupIPv6IfInfo  Group = 12
	GroupIPv6Prefix  Group = 18
	GroupIPv6Rule    Group = 19
	GroupIPv4NetConf Group = 24
	GroupIPv6NetConf Group = 25
	GroupNSID        Group = 28
	GroupNextHop     Group = 32
	GroupIPv4MCAddr  Group = 37
	GroupIPv6MCAddr  Group = 38
	GroupIPv6ACAddr  Group = 39
)

// Join adds the socket to multicast groups: it receives their notifications from now
// on, those that its own requests cause included.
func (s *Socket) Join(groups ...Group) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range groups {
		s.groups[g] = true
	}
}

// notify sends a notification to whoever joined the group (rtnl_notify). The request
// that caused it is nil when none did; it gets the notification as an answer if it
// asked for an echo. The caller holds the namespace's lock, so that notifications
// come in the order of the changes.
func (n *Namespace) notify(r *request, g Group, typ netlink.HeaderType, flags netlink.HeaderFlags, body []byte) {
	m := netlink.Message{Header: netlink.Header{Type: typ, Flags: flags}, Data: body}
	if r != nil {
		m.Header.Sequence, m.Header.PID = r.head.Sequence, r.sock.id
	}
	n.sockets.mu.Lock()
	defer n.sockets.mu.Unlock()
	for _, s := range n.sockets.open {
		if s.joined(g) {
			s.inform(m)
		}
	}
	if r != nil && r.head.Flags&netlink.Echo != 0 {
		r.emit(m)
	}
}

// notifyAs is notify for what a socket caused without having asked for it; 0 is the
// kernel itself.
func (n *Namespace) notifyAs(port uint32, g Group, typ netlink.HeaderType, body []byte) {
	m := netlink.Message{Header: netlink.Header{Type: typ, PID: port}, Data: body}
	n.sockets.mu.Lock()
	defer n.sockets.mu.Unlock()
	for _, s := range n.sockets.open {
		if s.joined(g) {
			s.inform(m)
		}
	}
}

func (s *Socket) joined(g Group) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.groups[g]
}
