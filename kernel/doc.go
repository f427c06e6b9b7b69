// Package kernel speaks to the running Linux kernel about one network namespace: it
// reads the whole routing state, and asks which way a flow goes. An ordinary user
// may do both. Elsewhere than on Linux [Dial] returns [ErrNotLinux].
//
// It is the only package that opens netlink sockets.
package kernel

import "errors"

// ErrNotLinux is returned by Dial on other systems than Linux.
var ErrNotLinux = errors.New("the running kernel is not Linux: give a snapshot instead")

// Config says which namespace to speak to.
type Config struct {
	// NetNS is the network namespace: a name under /run/netns, the pid of a process
	// in it, or the path of a file that stands for it. Empty: that of the calling
	// thread.
	NetNS string
}
