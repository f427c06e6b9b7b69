package netns

import (
	"fmt"
	"strings"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

const loopback4 = 127<<24 | 1 // 127.0.0.1

// inetAddrs gives devices their lists of addresses and groups and takes them away
// (inetdev_event).
func inetAddrs(n *Namespace, d *device, e event) {
	in := d.inet4
	if in == nil {
		if !d.NoInet && (e == eventRegister || e == eventChangeMTU) {
			d.inet4 = &inDevice{dev: d, vrf: n.vrfOf(d)}
			if d.Up() {
				n.joinGroup4(d.inet4, allHosts4)
			}
		}
		return
	}
	switch e {
	case eventUp:
		if d.MTU >= minMTU4 {
			n.inetUp(in)
		}
	case eventDown:
		in.hearGroups4(false)
		n.leaveGroup4(in, allHosts4)
	case eventUnregister:
		n.dropInDevice(in)
	case eventChangeMTU:
		if d.MTU < minMTU4 {
			n.dropInDevice(in)
		}
	}
}

// inetUp gives lo its address and a device the group of all hosts (ip_mc_up).
func (n *Namespace) inetUp(in *inDevice) {
	if in.dev.IsLoopback() && len(in.list) == 0 {
		in.dev.conf4Set.all() // ipv4_devconf_setall
		a := &addr4{in: in, local: loopback4, address: loopback4, plen: 8, scope: rpdb.ScopeHost, label: in.dev.Name}
		n.setLifetime4(a, rpdb.Forever, rpdb.Forever)
		_ = n.insertAddr4(a, nil) // nothing is there that it could clash with
	}
	n.joinGroup4(in, allHosts4)
	in.hearGroups4(true)
}

// dropInDevice ends the groups and the addresses of a device (inetdev_destroy). The
// groups but that of all hosts end without a word (ip_mc_destroy_dev).
func (n *Namespace) dropInDevice(in *inDevice) {
	in.dead = true
	n.leaveGroup4(in, allHosts4)
	for len(in.list) > 0 {
		n.removeAddr4(in, 0, nil)
	}
	in.dev.inet4 = nil
}

// relabel4 renames the labels of addresses with their device (inetdev_changename).
func (n *Namespace) relabel4(d *device) {
	for i, a := range d.inet4.list {
		old := a.label
		a.label = d.Name
		if i > 0 {
			a.label = relabel(old, d.Name, i+1)
		}
		n.notifyAddr4(rtnl.RTMNewAddr, a, nil)
	}
}

// relabel keeps what follows the colon of a label, or gives it a number.
func relabel(old, name string, number int) string {
	suffix := fmt.Sprintf(":%d", number)
	if i := strings.IndexByte(old, ':'); i >= 0 {
		suffix = old[i:]
	}
	if len(name)+len(suffix) < ifNameSize {
		return name + suffix
	}
	return name[:min(len(name), ifNameSize-len(suffix)-1)] + suffix
}
