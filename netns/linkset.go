package netns

import (
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// setStatus is what a change calls for (DO_SETLINK_*).
type setStatus uint8

const (
	setModified setStatus = 1
	setNotify   setStatus = 3
)

// setLink answers RTM_SETLINK (rtnl_setlink).
func setLink(r *request) error {
	if r.family() == familyBridge {
		return r.bridgeLink()
	}
	l := &linkRequest{request: r}
	var err error
	if l.head, l.tb, err = parseLinkMessage(r, liberal); err != nil {
		return err
	}
	if err := l.tb.uniqueNetns(false); err != nil {
		return err
	}
	if l.target, err = r.netnsOf(l.tb); err != nil {
		return err
	}
	var d *device
	switch {
	case l.head.index > 0:
		d = r.ns.byIndex(l.head.index)
	case l.tb.has(nla.IFLAIfname) || l.tb.has(nla.IFLAAltIfname):
		d = r.ns.find(l.tb)
	default:
		return fail(rpdb.EINVAL, "")
	}
	if d == nil {
		return fail(rpdb.ENODEV, "")
	}
	return l.set(d, 0)
}

// set changes a device (do_setlink). What was done before an error stays.
func (l *linkRequest) set(d *device, done setStatus) error {
	if err := d.validate(l.tb, &l.ext); err != nil {
		return err
	}
	err := l.setAll(d, &done)
	d.sync()
	if done&setNotify == setNotify {
		d.stateChange()
	}
	return err
}

func (l *linkRequest) setAll(d *device, done *setStatus) error {
	for _, step := range []func(*linkRequest, *device, *setStatus) error{
		(*linkRequest).setNetns, (*linkRequest).setMap, (*linkRequest).setAddress, (*linkRequest).setMTU,
		(*linkRequest).setGroup, (*linkRequest).setName, (*linkRequest).setAlias,
		(*linkRequest).setBroadcast, (*linkRequest).setFlags, (*linkRequest).setMaster,
		(*linkRequest).setCarrier, (*linkRequest).setTxQLen, (*linkRequest).setSizes,
		(*linkRequest).setOperation, (*linkRequest).setVirtual, (*linkRequest).setFamilies,
		(*linkRequest).setProtoDown,
	} {
		if err := step(l, d, done); err != nil {
			return err
		}
	}
	return nil
}

func (l *linkRequest) setNetns(d *device, done *setStatus) error {
	if l.target == d.ns {
		return nil
	}
	*done |= setModified
	name, index := "", 0
	if l.tb.has(nla.IFLAIfname) {
		name = truncate(l.tb.str(nla.IFLAIfname), ifNameSize-1)
	}
	if l.tb.has(nla.IFLANewIfindex) {
		index = int(int32(l.tb.u32(nla.IFLANewIfindex)))
	}
	return d.move(l.target, name, index)
}

func (l *linkRequest) setMap(*device, *setStatus) error {
	if l.tb.has(nla.IFLAMap) {
		return fail(rpdb.EOPNOTSUPP, "")
	}
	return nil
}

func (l *linkRequest) setAddress(d *device, done *setStatus) error {
	if !l.tb.has(nla.IFLAAddress) {
		return nil
	}
	if err := d.setHardware(l.tb[nla.IFLAAddress]); err != nil {
		return err
	}
	*done |= setModified
	return nil
}

// setHardware changes the hardware address (netif_set_mac_address).
func (d *device) setHardware(a []byte) error {
	if d.IsLoopback() {
		return d.takeHardware(a, setEther)
	}
	if d.kind == nil || d.kind.setAddress == nil {
		return fail(rpdb.EOPNOTSUPP, "")
	}
	return d.takeHardware(a, d.kind.setAddress)
}

func (d *device) takeHardware(a []byte, set func(*device, []byte) error) error {
	same := string(a[:len(d.Address)]) == string(d.Address)
	if !same {
		if err := set(d, a[:len(d.Address)]); err != nil {
			return err
		}
	}
	d.addrSet, d.addrStolen = true, false
	d.ns.deviceEvent(d, eventChangeAddr)
	return nil
}

func (l *linkRequest) setMTU(d *device, done *setStatus) error {
	if !l.tb.has(nla.IFLAMTU) {
		return nil
	}
	if err := d.changeMTU(l.tb.u32(nla.IFLAMTU)); err != nil {
		return err
	}
	*done |= setModified
	return nil
}

// changeMTU changes the MTU (netif_set_mtu_ext).
func (d *device) changeMTU(mtu uint32) error {
	if mtu == d.MTU {
		return nil
	}
	if err := d.validateMTU(mtu); err != nil {
		return err
	}
	if d.kind != nil && d.kind.changeMTU != nil {
		if err := d.kind.changeMTU(d, mtu); err != nil {
			return err
		}
	}
	d.MTU = mtu
	d.ns.deviceEvent(d, eventChangeMTU)
	return nil
}

func (l *linkRequest) setGroup(d *device, done *setStatus) error {
	if l.tb.has(nla.IFLAGroup) {
		d.Group = l.tb.u32(nla.IFLAGroup)
		*done |= setNotify
	}
	return nil
}

func (l *linkRequest) setName(d *device, done *setStatus) error {
	if l.head.index <= 0 || !l.tb.has(nla.IFLAIfname) || l.tb.str(nla.IFLAIfname) == "" {
		return nil
	}
	if err := d.rename(truncate(l.tb.str(nla.IFLAIfname), ifNameSize-1)); err != nil {
		return err
	}
	*done |= setModified
	return nil
}

func (l *linkRequest) setAlias(d *device, done *setStatus) error {
	if l.tb.has(nla.IFLAIfAlias) {
		d.alias = l.tb.str(nla.IFLAIfAlias)
		*done |= setNotify
	}
	return nil
}

func (l *linkRequest) setBroadcast(d *device, _ *setStatus) error {
	if l.tb.has(nla.IFLABroadcast) {
		d.broadcast = fit(l.tb[nla.IFLABroadcast], len(d.broadcast))
		d.ns.deviceEvent(d, eventChangeAddr)
	}
	return nil
}

func (l *linkRequest) setFlags(d *device, _ *setStatus) error {
	if l.head.flags == 0 && l.head.change == 0 {
		return nil
	}
	return d.setFlags(d.combine(l.head))
}

func (l *linkRequest) setMaster(d *device, done *setStatus) error {
	if !l.tb.has(nla.IFLAMaster) {
		return nil
	}
	if err := d.setMaster(int(int32(l.tb.u32(nla.IFLAMaster)))); err != nil {
		return err
	}
	*done |= setModified
	return nil
}

func (l *linkRequest) setCarrier(d *device, done *setStatus) error {
	if !l.tb.has(nla.IFLACarrier) {
		return nil
	}
	if d.kind == nil || !d.kind.userCarrier {
		return fail(rpdb.EOPNOTSUPP, "")
	}
	d.setCarrier(l.tb.u8(nla.IFLACarrier) != 0)
	*done |= setModified
	return nil
}

func (l *linkRequest) setTxQLen(d *device, done *setStatus) error {
	if !l.tb.has(nla.IFLATxQLen) {
		return nil
	}
	if v := l.tb.u32(nla.IFLATxQLen); v != d.TxQLen {
		d.TxQLen = v
		d.ns.deviceEvent(d, eventChangeTxQLen)
	}
	*done |= setModified
	return nil
}

func (l *linkRequest) setSizes(d *device, done *setStatus) error {
	for _, typ := range []int{nla.IFLAGSOMaxSize, nla.IFLAGSOMaxSegs, nla.IFLAGROMaxSize, nla.IFLAGSOIPv4MaxSize, nla.IFLAGROIPv4MaxSize} {
		if l.tb.has(typ) {
			*done |= setModified
		}
	}
	d.setSizes(l.tb)
	return nil
}

func (l *linkRequest) setOperation(d *device, done *setStatus) error {
	if l.tb.has(nla.IFLAOperstate) {
		d.setOperstate(l.tb.u8(nla.IFLAOperstate))
	}
	if l.tb.has(nla.IFLALinkMode) {
		if v := l.tb.u8(nla.IFLALinkMode); v != d.linkMode {
			d.linkMode = v
			*done |= setNotify
		}
	}
	return nil
}

// setVirtual refuses virtual functions, which no emulated device has.
func (l *linkRequest) setVirtual(*device, *setStatus) error {
	if l.tb.has(nla.IFLAVFInfoList) {
		if a, _, ok := nextAttr(l.tb[nla.IFLAVFInfoList]); ok && (a.typ != 1 || len(a.data) < attrHeader) {
			return fail(rpdb.EINVAL, "")
		} else if ok {
			if _, _, any := nextAttr(a.data); !any { // do_setvfinfo without anything to set
				return fail(rpdb.EINVAL, "")
			}
			return fail(rpdb.EOPNOTSUPP, "")
		}
	}
	for _, typ := range []int{nla.IFLAVFPorts, nla.IFLAPortSelf} {
		if l.tb.has(typ) {
			return fail(rpdb.EOPNOTSUPP, "")
		}
	}
	return nil
}

func (l *linkRequest) setFamilies(d *device, done *setStatus) error {
	if !l.tb.has(nla.IFLAAFSpec) {
		return nil
	}
	for b := l.tb[nla.IFLAAFSpec]; ; {
		a, rest, ok := nextAttr(b)
		if !ok {
			return nil
		}
		b = rest
		var err error
		switch rpdb.Family(a.typ) {
		case rpdb.IPv4:
			err = d.setInet(a.data)
		case rpdb.IPv6:
			err = d.setInet6(a.data)
		}
		if err != nil {
			return err
		}
		*done |= setNotify
	}
}

// setProtoDown refuses IFLA_PROTO_DOWN, which only drivers with an offload take
// (dev_change_proto_down).
func (l *linkRequest) setProtoDown(d *device, done *setStatus) error {
	if !l.tb.has(nla.IFLAProtoDown) && !l.tb.has(nla.IFLAProtoDownReason) {
		return nil
	}
	if d.kind == nil || !d.kind.protoDown {
		return fail(rpdb.EOPNOTSUPP, "Protodown not supported by device")
	}
	if l.tb.has(nla.IFLAProtoDownReason) {
		if err := l.setProtoDownReason(d); err != nil {
			return err
		}
		*done |= setNotify
	}
	if l.tb.has(nla.IFLAProtoDown) {
		down := l.tb.u8(nla.IFLAProtoDown) != 0
		if !down && d.protoDownReason != 0 {
			return fail(rpdb.EBUSY, "Cannot clear protodown, active reasons")
		}
		d.protoDown = down
		d.setCarrier(!d.protoDown)
		*done |= setNotify
	}
	return nil
}

var protoDownReasonPolicy = []policy{protoDownReasonMask: {kind: attrU32}, protoDownReasonValue: {kind: attrU32}}

// setProtoDownReason changes why a device is kept down by a protocol
// (dev_change_proto_down_reason).
func (l *linkRequest) setProtoDownReason(d *device) error {
	tb, err := parseAttrs(l.tb[nla.IFLAProtoDownReason], protoDownReasonPolicy, liberal, nil)
	if err != nil {
		return fail(refusal(err).Errno, "")
	}
	if !tb.has(protoDownReasonValue) {
		return fail(rpdb.EINVAL, "Invalid protodown reason value")
	}
	v, mask := tb.u32(protoDownReasonValue), ^uint32(0)
	if tb.has(protoDownReasonMask) {
		mask = tb.u32(protoDownReasonMask)
	}
	if mask == 0 {
		mask = ^uint32(0)
	}
	d.protoDownReason = d.protoDownReason&^mask | v&mask
	return nil
}
