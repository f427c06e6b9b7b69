package netns

import (
	"github.com/rulewalk/rulewalk/rpdb"
)

// setConf6 sets one IPv6 setting of "all", "default" or a device, with what follows
// from it (the handlers of addrconf_sysctl). The caller holds the lock of the
// namespace.
func (n *Namespace) setConf6(where string, setting int, v int32) error {
	switch where {
	case "all":
		return n.setAllConf6(setting, v)
	case "default":
		return n.setDefaultConf6(setting, v)
	}
	d := n.byName(where)
	if d == nil || d.NoInet6 {
		return fail(rpdb.ENOENT, "")
	}
	return n.setDevConf6(d, setting, v)
}

// netconfOf6 are the attributes that tell of settings.
var netconfOf6 = map[int]int{
	conf6Forwarding: netconfForwarding, conf6IgnoreLinkdown: netconfIgnoreLink, conf6ProxyNDP: netconfProxyNeigh,
	conf6ForceForwarding: netconfForceForwarding,
}

// tellConf6 sends RTM_NEWNETCONF where a setting changed between off and on.
func (n *Namespace) tellConf6(index, setting int, c *conf6, old int32) {
	typ, ok := netconfOf6[setting]
	changed := (old != 0) != (c[setting] != 0)
	if setting == conf6ProxyNDP { // addrconf_sysctl_proxy_ndp
		changed = old != c[setting]
	}
	if ok && changed {
		n.notify(nil, GroupIPv6NetConf, rtmNewNetconf, 0, encodeNetconf6(index, c, typ))
	}
}

func (n *Namespace) setDefaultConf6(setting int, v int32) error {
	if setting == conf6AddrGenMode && (v < 0 || v > genModeRandom) {
		return fail(rpdb.EINVAL, "")
	}
	c := &n.conf.default6
	old := c[setting]
	c[setting] = v
	n.tellConf6(netconfDefault, setting, c, old)
	return nil
}

// setAllConf6 sets a setting of "all". Some are given to every device and to
// "default" (addrconf_fixup_forwarding, addrconf_fixup_linkdown,
// addrconf_disable_ipv6, addrconf_sysctl_addr_gen_mode).
func (n *Namespace) setAllConf6(setting int, v int32) error {
	c := &n.conf.all6
	old := c[setting]
	switch setting {
	case conf6Forwarding, conf6AddrGenMode:
		if err := n.setDefaultConf6(setting, v); err != nil {
			return err
		}
	case conf6IgnoreLinkdown, conf6Disable:
		n.conf.default6[setting] = v
	case conf6ForceForwarding:
		if old != v {
			n.forceForwarding6(v)
		}
		return nil
	default:
		c[setting] = v
		n.tellConf6(netconfOfAll, setting, c, old)
		return nil
	}
	c[setting] = v
	n.changes.Add(1)
	for _, d := range n.devices.born {
		if d.inet6 != nil {
			if setting == conf6Forwarding && v == 0 {
				d.conf6[conf6ForceForwarding] = 0 // addrconf_forward_change, in silence
			}
			n.giveConf6(d, setting, v)
		}
	}
	n.tellConf6(netconfOfAll, setting, c, old)
	if setting == conf6Forwarding && v != 0 {
		n.purgeDefaultRouters6()
	}
	return nil
}

// forceForwarding6 gives force_forwarding to every device and to "all", which is told
// of first (addrconf_sysctl_force_forwarding).
func (n *Namespace) forceForwarding6(v int32) {
	c := &n.conf.all6
	old := c[conf6ForceForwarding]
	c[conf6ForceForwarding] = v
	n.tellConf6(netconfOfAll, conf6ForceForwarding, c, old)
	for _, d := range n.devices.born {
		if !d.NoInet6 {
			n.giveConf6(d, conf6ForceForwarding, v)
		}
	}
}

func (n *Namespace) setDevConf6(d *device, setting int, v int32) error {
	if setting == conf6AddrGenMode {
		if v < 0 || v > genModeRandom || v == genModeStable && !d.hasSecret() {
			return fail(rpdb.EINVAL, "")
		}
	}
	n.giveConf6(d, setting, v)
	if setting == conf6Forwarding && v != 0 {
		n.purgeDefaultRouters6()
	}
	return nil
}

// giveConf6 sets a setting of a device with what follows from it.
func (n *Namespace) giveConf6(d *device, setting int, v int32) {
	old := d.conf6[setting]
	d.conf6[setting] = v
	n.changes.Add(1)
	switch changed := (old != 0) != (v != 0); {
	case setting == conf6AddrGenMode && old != v:
		n.autoAddrs6(d)
	case setting == conf6ProxyNDP:
		n.tellConf6(d.Index, setting, &d.conf6, old)
	case !changed:
	case setting == conf6Forwarding:
		n.forwarding6Changed(d)
		n.tellConf6(d.Index, setting, &d.conf6, old)
	case setting == conf6Disable:
		n.disable6Changed(d)
	default:
		n.tellConf6(d.Index, setting, &d.conf6, old)
	}
}

// disable6Changed takes IPv6 from a device or gives it back (dev_disable_change).
func (n *Namespace) disable6Changed(d *device) {
	if d.inet6.disabled() {
		addrconf6(n, d, eventDown)
	} else {
		addrconf6(n, d, eventUp)
	}
}
