package netns

import (
	"iter"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rtnl"
)

// Conn opens a socket and returns it as a connection of package
// github.com/mdlayher/netlink, for code that was written for that package. Its
// deadlines, filters and options are not supported: o has the options.
func (n *Namespace) Conn(o SocketOptions) *netlink.Conn {
	s := n.DialOptions(o)
	return netlink.NewConn(client{s}, s.id)
}

// client is a Socket as package netlink wants it.
type client struct{ s *Socket }

func (c client) Close() error { return c.s.Close() }

func (c client) Send(m netlink.Message) error { return c.s.Send(rtnl.AppendMessage(nil, m)) }

func (c client) SendMessages(ms []netlink.Message) error {
	var datagram []byte
	for _, m := range ms {
		datagram = rtnl.AppendMessage(datagram, m)
	}
	return c.s.Send(datagram)
}

// Receive returns the messages of one datagram.
func (c client) Receive() ([]netlink.Message, error) {
	b, err := c.s.Receive()
	if err != nil {
		return nil, err
	}
	var out []netlink.Message
	for len(b) > 0 {
		m, n, err := rtnl.SplitMessage(b)
		if err != nil {
			return nil, err
		}
		out, b = append(out, m), b[min(n, len(b)):]
	}
	return out, nil
}

func (c client) ReceiveIter() iter.Seq2[netlink.Message, error] {
	return func(yield func(netlink.Message, error) bool) {
		ms, err := c.Receive()
		if err != nil {
			yield(netlink.Message{}, err)
			return
		}
		for _, m := range ms {
			if !yield(m, nil) {
				return
			}
		}
	}
}

func (c client) JoinGroup(group uint32) error {
	c.s.Join(Group(group))
	return nil
}

func (c client) LeaveGroup(group uint32) error {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	delete(c.s.groups, Group(group))
	return nil
}
