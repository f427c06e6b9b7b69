package netns

import (
	"github.com/rulewalk/rulewalk/rpdb"
)

const netconfHead = 4 // struct netconfmsg, aligned

// What a question may hold (devconf_ipv4_policy, devconf_ipv6_policy).
var (
	netconfPolicy4 = []policy{
		netconfIfindex: {len: 4}, netconfForwarding: {len: 4}, netconfRPFilter: {len: 4}, netconfMCForwarding: {},
		netconfProxyNeigh: {len: 4}, netconfIgnoreLink: {len: 4}, netconfForceForwarding: {},
	}
	netconfPolicy6 = []policy{
		netconfIfindex: {len: 4}, netconfForwarding: {len: 4}, netconfMCForwarding: {},
		netconfProxyNeigh: {len: 4}, netconfIgnoreLink: {len: 4}, netconfForceForwarding: {},
	}
)

// netconfFamily is what the two families differ in.
type netconfFamily struct {
	prefix  string     // of texts
	missing rpdb.Errno // where a device has no settings
	policy  []policy
	// encode returns the settings of all, default or a device, nil if it has none.
	encode func(n *Namespace, index int) []byte
}

var (
	netconf4 = netconfFamily{prefix: "ipv4: ", missing: rpdb.ENODEV, policy: netconfPolicy4, encode: func(n *Namespace, index int) []byte {
		switch index {
		case netconfOfAll:
			return encodeNetconf4(index, &n.conf.all4, netconfAll)
		case netconfDefault:
			return encodeNetconf4(index, &n.conf.default4, netconfAll)
		}
		if d := n.byIndex(index); d != nil && !d.NoInet {
			return encodeNetconf4(index, &d.conf4, netconfAll)
		}
		return nil
	}}
	netconf6 = netconfFamily{prefix: "ipv6: ", missing: rpdb.EINVAL, policy: netconfPolicy6, encode: func(n *Namespace, index int) []byte {
		switch index {
		case netconfOfAll:
			return encodeNetconf6(index, &n.conf.all6, netconfAll)
		case netconfDefault:
			return encodeNetconf6(index, &n.conf.default6, netconfAll)
		}
		if d := n.byIndex(index); d != nil && !d.NoInet6 {
			return encodeNetconf6(index, &d.conf6, netconfAll)
		}
		return nil
	}}
)

// get answers RTM_GETNETCONF about one device, all or default
// (inet_netconf_get_devconf, inet6_netconf_get_devconf).
func (f netconfFamily) get(r *request) error {
	tb, err := f.parse(r)
	if err != nil {
		return err
	}
	if !tb.has(netconfIfindex) {
		return fail(rpdb.EINVAL, "")
	}
	index := int(int32(tb.u32(netconfIfindex)))
	body := f.encode(r.ns, index)
	if body == nil {
		return fail(f.missing, "")
	}
	r.reply(rtmNewNetconf, 0, body)
	return nil
}

// parse is inet_netconf_valid_get_req.
func (f netconfFamily) parse(r *request) (attrs, error) {
	how := liberal
	if r.strict() {
		how = deprecatedStrict
	}
	body := r.data[min(netconfHead, len(r.data)):]
	tb, err := parseAttrs(body, f.policy, how, &r.ext)
	if err != nil {
		return nil, err
	}
	for typ := range tb {
		if r.strict() && typ != netconfIfindex && tb.has(typ) {
			return nil, fail(rpdb.EINVAL, f.prefix+"Unsupported attribute in netconf get request")
		}
	}
	return tb, nil
}

// dump answers RTM_GETNETCONF about all devices, all and default
// (inet_netconf_dump_devconf, inet6_netconf_dump_devconf).
func (f netconfFamily) dump(r *request) error {
	if r.strict() && len(r.data) != netconfHead {
		return fail(rpdb.EINVAL, f.prefix+"Invalid data after header in netconf dump request")
	}
	for _, d := range r.ns.devices.list {
		if body := f.encode(r.ns, d.Index); body != nil {
			r.row(rtmNewNetconf, 0, body)
		}
	}
	for _, index := range []int{netconfOfAll, netconfDefault} {
		r.row(rtmNewNetconf, 0, f.encode(r.ns, index))
	}
	return nil
}
