package netns

import "github.com/mdlayher/netlink"

// NotifyForTest sends a notification as a change would.
func NotifyForTest(n *Namespace, g Group, m netlink.Message) {
	n.notify(nil, g, m.Header.Type, m.Header.Flags, m.Data)
}

// Names of IPv6 settings that SetConf6ForTest knows.
var conf6Names = map[string]int{
	"forwarding": conf6Forwarding, "disable_ipv6": conf6Disable, "addr_gen_mode": conf6AddrGenMode,
	"keep_addr_on_down": conf6KeepAddrOnDown, "ignore_routes_with_linkdown": conf6IgnoreLinkdown,
	"optimistic_dad": conf6OptimisticDAD,
}

// SetConf6ForTest writes net/ipv6/conf/WHERE/NAME.
func SetConf6ForTest(n *Namespace, where, name string, v int32) error {
	w := n.world
	w.rtnl.Lock()
	defer w.rtnl.Unlock()
	defer w.settle6()
	return n.setConf6(where, conf6Names[name], v)
}
