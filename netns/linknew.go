package netns

import (
	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// linkRequest is a request that makes or changes a link, taken apart.
type linkRequest struct {
	*request
	head linkHeader
	tb   attrs
	info attrs // IFLA_LINKINFO
	data attrs // IFLA_INFO_DATA, nil if there is none
	kind *linkKind

	target *Namespace // where the device is to be
	linkNS *Namespace // where IFLA_LINK is (IFLA_LINK_NETNSID)
	peer   *peerRequest
}

// kindName returns IFLA_INFO_KIND, empty if there is none.
func (l *linkRequest) kindName() string {
	if !l.info.has(nla.IFLAInfoKind) {
		return ""
	}
	return truncate(l.info.str(nla.IFLAInfoKind), 55) // MODULE_NAME_LEN - 1
}

// newLink answers RTM_NEWLINK (rtnl_newlink).
func newLink(r *request) error {
	l := &linkRequest{request: r}
	var err error
	if l.head, l.tb, err = parseLinkMessage(r, liberal); err != nil {
		return err
	}
	if err := l.tb.uniqueNetns(false); err != nil {
		return err
	}
	if l.tb.has(nla.IFLALinkInfo) {
		if l.info, err = parseAttrs(l.tb[nla.IFLALinkInfo], linkInfoPolicy, liberal, nil); err != nil {
			return fail(refusal(err).Errno, "")
		}
	}
	if l.kind = linkKinds[l.kindName()]; l.kind != nil {
		if err := l.readData(); err != nil {
			return err
		}
	}
	if l.target, err = r.netnsOf(l.tb); err != nil {
		return err
	}
	l.linkNS = nil
	if l.tb.has(nla.IFLALinkNetNSID) {
		if l.linkNS = l.target.byNSID(int32(l.tb.u32(nla.IFLALinkNetNSID))); l.linkNS == nil {
			return fail(rpdb.EINVAL, "Unknown network namespace id")
		}
	}
	return l.apply()
}

// readData reads and checks what is meant for the kind.
func (l *linkRequest) readData() error {
	k := l.kind
	var err error
	if k.policy != nil && l.info.has(nla.IFLAInfoData) {
		if l.data, err = parseAttrs(l.info[nla.IFLAInfoData], k.policy, liberal, &l.ext); err != nil {
			return err
		}
	}
	if k.validate != nil {
		if err := k.validate(l.tb, l.data); err != nil {
			return err
		}
	}
	if k.readPeer != nil {
		return k.readPeer(l)
	}
	return nil
}

// apply makes or changes the device that is named (__rtnl_newlink).
func (l *linkRequest) apply() error {
	var d *device
	named := true
	switch {
	case l.head.index > 0:
		d = l.ns.byIndex(l.head.index)
	case l.head.index < 0:
		return fail(rpdb.EINVAL, "ifindex can't be negative")
	case l.tb.has(nla.IFLAIfname) || l.tb.has(nla.IFLAAltIfname):
		d = l.ns.find(l.tb)
	default:
		named = false
	}
	switch {
	case d != nil:
		return l.change(d)
	case l.request.head.Flags&netlink.Create == 0:
		if named || !l.tb.has(nla.IFLAGroup) {
			return fail(rpdb.ENODEV, "")
		}
		return l.changeGroup()
	case l.tb.has(nla.IFLAMap) || l.tb.has(nla.IFLAProtInfo):
		return fail(rpdb.EOPNOTSUPP, "")
	case l.kind == nil:
		return fail(rpdb.EOPNOTSUPP, "Unknown device type")
	}
	return l.create()
}

// changeGroup changes every device of a group (rtnl_group_changelink).
func (l *linkRequest) changeGroup() error {
	for _, d := range l.ns.group(l.tb.u32(nla.IFLAGroup)) {
		if err := l.set(d, 0); err != nil {
			return err
		}
	}
	return nil
}

func (n *Namespace) group(g uint32) []*device {
	var out []*device
	for _, d := range n.devices.born {
		if d.Group == g {
			out = append(out, d)
		}
	}
	return out
}

// change is RTM_NEWLINK for a device that exists (rtnl_changelink).
func (l *linkRequest) change(d *device) error {
	switch flags := l.request.head.Flags; {
	case flags&netlink.Excl != 0:
		return fail(rpdb.EEXIST, "")
	case flags&netlink.Replace != 0:
		return fail(rpdb.EOPNOTSUPP, "")
	}
	var done setStatus
	if l.info.has(nla.IFLAInfoData) {
		if l.kind == nil || l.kind != d.kind || l.kind.change == nil {
			return fail(rpdb.EOPNOTSUPP, "")
		}
		if err := l.kind.change(l, d); err != nil {
			return err
		}
		done |= setNotify
	}
	if l.info.has(nla.IFLAInfoSlaveData) {
		if d.master == nil || d.master.kind == nil || d.master.kind.changePort == nil {
			return fail(rpdb.EOPNOTSUPP, "")
		}
		data, err := parseAttrs(l.info[nla.IFLAInfoSlaveData], d.master.kind.portPolicy, liberal, &l.ext)
		if err != nil {
			return err
		}
		if err := d.master.kind.changePort(d, data); err != nil {
			return err
		}
		done |= setNotify
	}
	return l.set(d, done)
}

// create makes a device (rtnl_newlink_create).
func (l *linkRequest) create() error {
	name := l.kind.name + "%d"
	if l.tb.has(nla.IFLAIfname) {
		name = truncate(l.tb.str(nla.IFLAIfname), ifNameSize-1)
	}
	d, err := l.target.newDevice(l.kind, name, l.tb, &l.ext)
	if err != nil {
		return err
	}
	d.Index = l.head.index
	if err := l.register(d); err != nil {
		return err
	}
	if err := d.configure(l.head, l.notifyAs()); err != nil {
		d.delete(nil)
		return err
	}
	if l.tb.has(nla.IFLAMaster) {
		if err := d.setMaster(int(int32(l.tb.u32(nla.IFLAMaster)))); err != nil {
			d.delete(nil)
			return err
		}
	}
	return nil
}

// register puts a new device into its namespace, as its kind does it.
func (l *linkRequest) register(d *device) error {
	if l.kind.newLink != nil {
		return l.kind.newLink(l, d)
	}
	return d.register()
}

// notifyAs returns the request if its notifications are to carry its number, which
// the kernel does for requests that ask for an echo.
func (l *linkRequest) notifyAs() *request {
	return l.request.echoed()
}

// newDevice makes a device that is in no table yet (rtnl_create_link).
func (n *Namespace) newDevice(k *linkKind, name string, tb attrs, ext *extack) (*device, error) {
	d := &device{kind: k, ns: n, sizes: defaultSizes, queues: n.world.queues(k, tb), initializing: true}
	d.Name, d.Kind, d.Qdisc = name, k.name, "noop"
	if q := d.queues[0]; q < 1 || q > 4096 {
		return nil, fail(rpdb.EINVAL, "Invalid number of transmit queues")
	}
	if q := d.queues[1]; q < 1 || q > 4096 {
		return nil, fail(rpdb.EINVAL, "Invalid number of receive queues")
	}
	k.setup(d)
	if err := d.validate(tb, ext); err != nil {
		return nil, err
	}
	if tb.has(nla.IFLAMTU) {
		if err := d.validateMTU(tb.u32(nla.IFLAMTU)); err != nil {
			return nil, err
		}
		d.MTU = tb.u32(nla.IFLAMTU)
	}
	if tb.has(nla.IFLAAddress) {
		d.Address, d.addrSet = fit(tb[nla.IFLAAddress], len(d.Address)), true
	}
	if tb.has(nla.IFLABroadcast) {
		d.broadcast = fit(tb[nla.IFLABroadcast], len(d.broadcast))
	}
	if tb.has(nla.IFLATxQLen) {
		d.TxQLen = tb.u32(nla.IFLATxQLen)
	}
	if tb.has(nla.IFLAOperstate) {
		d.setOperstate(tb.u8(nla.IFLAOperstate))
	}
	if tb.has(nla.IFLALinkMode) {
		d.linkMode = tb.u8(nla.IFLALinkMode)
	}
	if tb.has(nla.IFLAGroup) {
		d.Group = tb.u32(nla.IFLAGroup)
	}
	d.setSizes(tb)
	return d, nil
}

// fit returns a copy of b with n bytes.
func fit(b []byte, n int) []byte {
	out := make([]byte, n)
	copy(out, b)
	return out
}
