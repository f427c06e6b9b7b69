package kernel

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// OpenTap opens a tap device of the running kernel, in the network namespace of the
// calling process, and makes it if it is not there: what is read are the Ethernet frames
// that the kernel sends by it, what is written those that it receives. The device goes
// when it is closed, unless it was made persistent before. It needs CAP_NET_ADMIN there,
// so root, or a user namespace.
func OpenTap(name string) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: "/dev/net/tun", Err: err}
	}
	ifr, err := unix.NewIfreq(name)
	if err == nil {
		ifr.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, ifr)
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("tap device %s: %w", name, err)
	}
	return os.NewFile(uintptr(fd), "/dev/net/tun"), nil
}
