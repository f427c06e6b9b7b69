// Package lab keeps emulated hosts alive between commands: a [Server] holds a world of
// network namespaces and serves it on a unix socket, and a [Client] opens netlink
// sockets in it, so that the ip command, the sysctl command and Go programs of several
// processes work on one world.
//
// A connection begins with a greeting and then is one of two things: an emulated
// NETLINK_ROUTE socket in one namespace ([Client.Dial]), or a channel of control calls
// (the other methods of [Client]). The frames are described in docs/lab.md. Nothing that
// a client sends, or fails to send, harms the world: what is no request gets an error,
// and what a dead client had begun is either done or not done.
package lab
