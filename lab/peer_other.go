//go:build !linux

package lab

import "net"

// checkPeer leaves it to the permissions of the socket.
func checkPeer(net.Conn) (pid int, err error) { return 0, nil }
