package netns

import "slices"

// conf4Files are the settings below net/ipv4/conf/DEV by their place in [conf4]
// (devinet_sysctl).
var conf4Files = map[string]int{
	"forwarding": conf4Forwarding, "mc_forwarding": conf4MCForwarding, "proxy_arp": conf4ProxyARP,
	"accept_redirects": conf4AcceptRedirects, "secure_redirects": 4, "send_redirects": 5, "shared_media": 6,
	"rp_filter": conf4RPFilter, "accept_source_route": 8, "bootp_relay": 9, "log_martians": 10, "tag": 11,
	"arp_filter": 12, "medium_id": 13, "disable_xfrm": conf4NoXfrm, "disable_policy": conf4NoPolicy,
	"force_igmp_version": 16, "arp_announce": 17, "arp_ignore": 18, "promote_secondaries": conf4PromoteSecs,
	"arp_accept": 20, "arp_notify": 21, "accept_local": 22, "src_valid_mark": 23, "proxy_arp_pvlan": 24,
	"route_localnet": conf4RouteLocalnet, "igmpv2_unsolicited_report_interval": 26,
	"igmpv3_unsolicited_report_interval": 27, "ignore_routes_with_linkdown": conf4IgnoreLinkdown,
	"drop_unicast_in_l2_multicast": conf4DropUnicast, "drop_gratuitous_arp": 30,
	"bc_forwarding": conf4BCForwarding, "arp_evict_nocarrier": conf4EvictNoCarrier,
}

// conf4Flushing are the settings that are no more than written
// (ipv4_doint_and_flush): "default" does not pass them on to devices.
var conf4Flushing = []int{conf4NoXfrm, conf4NoPolicy, conf4PromoteSecs, conf4RouteLocalnet, conf4DropUnicast}

// confPlace is one directory below conf of IPv4.
type confPlace4 struct {
	conf  *conf4
	set   *conf4Set
	index int     // of its notifications
	dev   *device // nil: all or default
}

// confPlace4 finds a directory below net/ipv4/conf.
func (n *Namespace) confPlace4(name string) (confPlace4, bool) {
	switch name {
	case "all":
		return confPlace4{conf: &n.conf.all4, set: &n.conf.allSet4, index: netconfOfAll}, true
	case "default":
		return confPlace4{conf: &n.conf.default4, set: &n.conf.defaultSet4, index: netconfDefault}, true
	}
	d := n.byName(name)
	if d == nil || d.Name != name || d.NoInet {
		return confPlace4{}, false
	}
	return confPlace4{conf: &d.conf4, set: &d.conf4Set, index: d.Index, dev: d}, true
}

func (n *Namespace) conf4File(where, name string) *sysctlFile {
	i, known := conf4Files[name]
	p, ok := n.confPlace4(where)
	if !known || !ok {
		return nil
	}
	f := &sysctlFile{mode: modeUsual, read: func() (string, error) { return anyInt.text(int64(p.conf[i])), nil }}
	if i == conf4MCForwarding {
		f.mode = modeReads
	}
	f.write = func(text string) error {
		to := []int64{int64(p.conf[i])}
		_, err := anyInt.parse(text, to)
		n.setConf4(p, i, int32(to[0]))
		return err
	}
	return f
}

// setConf4 sets one IPv4 setting with what follows from it (devinet_sysctl_forward,
// devinet_conf_proc, ipv4_doint_and_flush).
func (n *Namespace) setConf4(p confPlace4, i int, v int32) {
	old := p.conf[i]
	p.conf[i] = v
	switch {
	case i == conf4Forwarding:
		if old == v {
			return
		}
		if p.index == netconfOfAll {
			n.forward4Changed(v)
			return
		}
		n.tellConf4(p.index, p.conf, netconfForwarding)
		return
	case slices.Contains(conf4Flushing, i):
		return
	}
	p.set.add(i)
	if p.index == netconfDefault {
		n.passOnDefault4(i)
	}
	if old == v {
		return
	}
	if typ, ok := netconfOf4[i]; ok {
		n.tellConf4(p.index, p.conf, typ)
	}
}

// netconfOf4 are the attributes that tell of settings.
var netconfOf4 = map[int]int{
	conf4RPFilter: netconfRPFilter, conf4ProxyARP: netconfProxyNeigh, conf4IgnoreLinkdown: netconfIgnoreLink,
}

// forward4Changed turns forwarding on or off everywhere (inet_forward_change).
func (n *Namespace) forward4Changed(on int32) {
	c := &n.conf
	c.all4[conf4AcceptRedirects] = 0
	if on == 0 {
		c.all4[conf4AcceptRedirects] = 1
	}
	c.default4[conf4Forwarding] = on
	n.tellConf4(netconfOfAll, &c.all4, netconfForwarding)
	n.tellConf4(netconfDefault, &c.default4, netconfForwarding)
	for _, d := range n.devices.born {
		if !d.NoInet {
			d.conf4[conf4Forwarding] = on
			d.conf4Set.add(conf4Forwarding)
			n.tellConf4(d.Index, &d.conf4, netconfForwarding)
		}
	}
}

// passOnDefault4 gives a setting of "default" to the devices that were never told
// their own (devinet_copy_dflt_conf).
func (n *Namespace) passOnDefault4(i int) {
	for _, d := range n.devices.list {
		if !d.NoInet && !d.conf4Set.has(i) {
			d.conf4[i] = n.conf.default4[i]
		}
	}
}

func (n *Namespace) tellConf4(index int, c *conf4, typ int) {
	n.notify(nil, GroupIPv4NetConf, rtmNewNetconf, 0, encodeNetconf4(index, c, typ))
}

// conf4Set are the settings of a device that "default" does not change any more
// (ipv4_devconf.state).
type conf4Set uint64

func (s *conf4Set) add(i int)     { *s |= 1 << i }
func (s *conf4Set) all()          { *s = 1<<len(conf4{}) - 1 }
func (s conf4Set) has(i int) bool { return s>>i&1 != 0 }
