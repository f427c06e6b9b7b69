// Package datapath carries the packets of an emulated world: from the sockets of a
// host through its rules and tables, over links, bridges and tunnels, to the sockets
// of another.
//
// One goroutine, the event loop of an [Engine], moves all packets of a world, in the
// order in which the kernel's softirqs would: what a device receives is queued and
// taken up after what is under way. A [Host] belongs to each namespace. Every decision
// about a way is made by rpdb on the namespace's [netns.View]; the state itself (links,
// addresses, neighbours) lives in the namespace. Functions are named in comments after
// those of the kernel that they mirror.
package datapath
