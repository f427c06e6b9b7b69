// Package rpdb is the model of Linux policy routing and the decision it makes.
//
// A [State] is plain data: rules, routes, nexthop objects, links, addresses,
// neighbours and sysctls of one network namespace, as read from a kernel or a
// file. [State.Build] compiles it into a [Database], which never changes again.
// [Database.Lookup] answers which way a [Flow] goes; [Database.Walk] runs the very
// same code and also records why.
//
// The package knows nothing of sockets, files or text. It speaks the kernel's
// names: a comment that states behaviour names the kernel function it mirrors.
package rpdb
