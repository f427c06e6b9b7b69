package netns

import "github.com/mdlayher/netlink"

// NotifyForTest sends a notification as a change would.
func NotifyForTest(n *Namespace, g Group, m netlink.Message) {
	n.notify(nil, g, m.Header.Type, m.Header.Flags, m.Data)
}
