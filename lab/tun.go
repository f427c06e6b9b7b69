package lab

import (
	"github.com/rulewalk/rulewalk/iproute2/ipcmd"
	"github.com/rulewalk/rulewalk/netns"
)

// AddTun implements ipcmd.TunHost: it makes a tun or tap device that nobody has open.
func (h host) AddTun(t ipcmd.Tun) error {
	_, err := h.space.ns.AddTun(netns.TunConfig(t))
	return plain(err)
}

// DelTun implements ipcmd.TunHost.
func (h host) DelTun(t ipcmd.Tun) error { return plain(h.space.ns.DelTun(netns.TunConfig(t))) }
