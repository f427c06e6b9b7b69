package lab

import (
	"net"
	"os"
	"syscall"

	"github.com/rulewalk/rulewalk/rpdb"
)

// checkPeer wants a client of the user of this process, or root, and tells its process
// (SO_PEERCRED).
func checkPeer(c net.Conn) (pid int, err error) {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return 0, nil // a pipe of the process itself
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return 0, err
	}
	var cred *syscall.Ucred
	var gerr error
	err = raw.Control(func(fd uintptr) {
		cred, gerr = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	})
	switch {
	case err != nil:
		return 0, err
	case gerr != nil:
		return 0, gerr
	case cred.Uid != 0 && int(cred.Uid) != os.Geteuid():
		return 0, rpdb.EPERM
	}
	return int(cred.Pid), nil
}
