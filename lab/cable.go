package lab

import "github.com/rulewalk/rulewalk/rpdb"

// Cut pulls out the cable of a device, so that it and the device at the other end lose
// their carrier, with all that Linux does then; Mend plugs it in again. The device is a veth
// or a network card.
func (h *Host) Cut(dev string) error { return setCable(h.space, dev, false) }

// Mend ends what [Host.Cut] began.
func (h *Host) Mend(dev string) error { return setCable(h.space, dev, true) }

func setCable(sp *space, dev string, plugged bool) error {
	for _, d := range sp.ns.View().Devices {
		if d.Name != dev {
			continue
		}
		if err := sp.ns.SetCable(d.Index, plugged); err != nil {
			return refuse(rpdb.EOPNOTSUPP, "%s is no network card and no veth device: it has no cable", dev)
		}
		return nil
	}
	return refuse(rpdb.ENODEV, "device %q", dev)
}

// cableArgs name a device of a host.
type cableArgs struct {
	NetNS   ID     `json:"netns,omitempty"`
	Host    string `json:"host,omitempty"` // instead of NetNS
	Dev     string `json:"dev"`
	Plugged bool   `json:"plugged"`
}

func (s *session) cable(a cableArgs) (nothing, error) {
	sp, release, err := s.server.spaces.hold(a.NetNS, a.Host)
	if err != nil {
		return nothing{}, err
	}
	defer release()
	return nothing{}, setCable(sp, a.Dev, a.Plugged)
}

// SetCable pulls out the cable of a device of a host, named or else by its namespace, or
// plugs it in again; see [Host.Cut].
func (c *Client) SetCable(id ID, host, dev string, plugged bool) error {
	return c.call("cable", cableArgs{NetNS: id, Host: host, Dev: dev, Plugged: plugged}, nil)
}
