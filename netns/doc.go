// Package netns emulates the network namespaces of a Linux kernel, in ordinary
// memory, on any system, without privileges: links, addresses, routes, rules,
// nexthop objects, neighbours and sysctls, with the checks, the errors and the side
// effects of the kernel.
//
// A [World] holds namespaces and the pairs of links between them. [Namespace.Dial]
// opens a [Socket], which answers rtnetlink requests with the bytes that Linux would
// send; it is an rtnl.Transport, so whatever works on the running kernel works on an
// emulated one:
//
//	ns := netns.New()
//	conn := ns.Dial()
//	defer conn.Close()
//	db, err := rtnl.CollectState(conn, nil)
//
// All exported methods are safe for concurrent use. Requests of one namespace take
// turns; requests of different namespaces run side by side, except for those that
// change links, which exclude all others, as under the kernel's RTNL lock.
package netns
