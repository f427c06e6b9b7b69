package netns

// event is what happened to a device (enum netdev_cmd).
type event uint8

const (
	eventRegister event = iota
	eventUp
	eventGoingDown
	eventDown
	eventChange     // flags or carrier
	eventChangeName // the old name is gone already
	eventChangeMTU
	eventChangeAddr  // the hardware address
	eventChangeUpper // enslaved or released
	eventChangeTxQLen
	eventFeatures // what it can offload (NETDEV_FEAT_CHANGE)
	eventUnregister
)

// deviceHook is told of an event of a device. A hook is called under the lock of the
// event's request, which for links is that of the whole world.
type deviceHook func(*Namespace, *device, event)

// The parts that care about devices, in the order in which the kernel calls them.
//
// On eventUnregister the device is out of the tables already (byIndex, byName); it
// was taken down before, with eventGoingDown and eventDown. A move to another
// namespace is an eventUnregister in the old and an eventRegister in the new one.
//
// IPv4 state (in_device) begins before and ends between the hooks of hooks4: a hook
// that must still see addresses stands before inetEnd. With MTU below 68,
// eventChangeMTU ends it, as eventUnregister does; the same with hooks6, inet6End and
// 1280.
//
// Devices that are stacked on others follow them between and after the two
// (hooksDrivers, hooksStacks).
var hooksCore, hooks4, hooksDrivers, hooks6, hooksStacks []deviceHook

// The tables refer to functions that raise events themselves, which initializers of
// the variables could not.
func init() {
	hooksCore = []deviceHook{notifyLinkEvent, ruleEvent}
	hooks4 = []deviceHook{nexthopDevice, inetBegin, inetAddrs, inetEnd, fib4, arpDevice}
	hooksDrivers = []deviceHook{stackEvent(true), vxlanMoved}
	hooks6 = []deviceHook{inet6Begin, addrconf6, ndiscDevice, ndisc6, inet6End}
	hooksStacks = []deviceHook{stackEvent(false), ruleVRF}
}

// deviceEvent tells every part of the namespace, in the kernel's order, that
// something happened to a device (call_netdevice_notifiers).
func (n *Namespace) deviceEvent(d *device, e event) {
	n.changes.Add(1)
	for _, hooks := range [...][]deviceHook{hooksCore, hooks4, hooksDrivers, hooks6, hooksStacks} {
		for _, h := range hooks {
			h(n, d, e)
		}
	}
}
