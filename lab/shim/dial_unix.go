//go:build unix

package shim

import (
	"io"
	"os"
	"syscall"
)

// dial connects to a unix socket. It does without package net, which imports much.
func dial(socket string) (io.ReadWriter, error) {
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		return nil, err
	}
	syscall.CloseOnExec(fd)
	for err = syscall.EINTR; err == syscall.EINTR; {
		err = syscall.Connect(fd, &syscall.SockaddrUnix{Name: socket})
	}
	return os.NewFile(uintptr(fd), socket), err
}
