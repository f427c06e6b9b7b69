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
	eventChangeUpper // enslaved or released
	eventUnregister
)

// deviceEvent tells every part of the namespace, in the kernel's order, that
// something happened to a device (call_netdevice_notifiers).
func (n *Namespace) deviceEvent(d *device, e event) {
	n.changes++
	for _, h := range deviceHooks {
		h(n, d, e)
	}
}

// deviceHooks are the parts that care about devices, in the order in which the
// kernel calls them.
var deviceHooks = []func(*Namespace, *device, event){}
