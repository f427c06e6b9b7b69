package lab

import (
	"github.com/rulewalk/rulewalk/iproute2/ipcmd"
	"github.com/rulewalk/rulewalk/netns"
)

// tunArgs name a tun device of a namespace.
type tunArgs struct {
	NetNS ID              `json:"netns"`
	Tun   netns.TunConfig `json:"tun"`
}

func (s *session) addTun(a tunArgs) (nothing, error) {
	sp, done, err := s.server.spaces.hold(a.NetNS, "")
	if err != nil {
		return nothing{}, err
	}
	defer done()
	_, err = sp.ns.AddTun(a.Tun)
	return nothing{}, err
}

func (s *session) delTun(a tunArgs) (nothing, error) {
	sp, done, err := s.server.spaces.hold(a.NetNS, "")
	if err != nil {
		return nothing{}, err
	}
	defer done()
	return nothing{}, sp.ns.DelTun(a.Tun)
}

// AddTun makes a tun or tap device that nobody has open.
func (c *Client) AddTun(id ID, t netns.TunConfig) error {
	return c.call("tun.add", tunArgs{NetNS: id, Tun: t}, nil)
}

// DelTun removes one.
func (c *Client) DelTun(id ID, t netns.TunConfig) error {
	return c.call("tun.del", tunArgs{NetNS: id, Tun: t}, nil)
}

// AddTun implements ipcmd.TunHost.
func (h *host) AddTun(t ipcmd.Tun) error {
	return plain(h.client.AddTun(h.id, netns.TunConfig(t)))
}

// DelTun implements ipcmd.TunHost.
func (h *host) DelTun(t ipcmd.Tun) error {
	return plain(h.client.DelTun(h.id, netns.TunConfig(t)))
}
