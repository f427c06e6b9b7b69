package stack

import (
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/rulewalk/rulewalk/rpdb"
)

// Error is the failure of a system call on a socket. It unwraps to its rpdb.Errno
// and is the syscall.Errno of the same name too, so that code written for
// package net recognises it on every system.
type Error struct {
	Call  string // connect, bind, sendto, ...
	Errno rpdb.Errno
}

// Error has the text of os.SyscallError on Linux.
func (e *Error) Error() string {
	text := e.Errno.Error()
	return e.Call + ": " + strings.ToLower(text[:1]) + text[1:]
}

// Unwrap returns the Errno.
func (e *Error) Unwrap() error { return e.Errno }

// Is tells whether target is this system's error of the same name.
func (e *Error) Is(target error) bool {
	t, ok := target.(syscall.Errno)
	return ok && t != 0 && systemErrno[e.Errno] == t
}

// Timeout implements net.Error.
func (e *Error) Timeout() bool { return e.Errno == rpdb.ETIMEDOUT || e.Errno == rpdb.EAGAIN }

// Temporary implements net.Error.
func (e *Error) Temporary() bool { return e.Timeout() || e.Errno == rpdb.ECONNRESET }

// systemErrno has the errors that callers of package net look for.
var systemErrno = map[rpdb.Errno]syscall.Errno{
	rpdb.EACCES:        syscall.EACCES,
	rpdb.EADDRINUSE:    syscall.EADDRINUSE,
	rpdb.EADDRNOTAVAIL: syscall.EADDRNOTAVAIL,
	rpdb.EAFNOSUPPORT:  syscall.EAFNOSUPPORT,
	rpdb.ECONNABORTED:  syscall.ECONNABORTED,
	rpdb.ECONNREFUSED:  syscall.ECONNREFUSED,
	rpdb.ECONNRESET:    syscall.ECONNRESET,
	rpdb.EDESTADDRREQ:  syscall.EDESTADDRREQ,
	rpdb.EHOSTUNREACH:  syscall.EHOSTUNREACH,
	rpdb.EINVAL:        syscall.EINVAL,
	rpdb.EMSGSIZE:      syscall.EMSGSIZE,
	rpdb.ENETDOWN:      syscall.ENETDOWN,
	rpdb.ENETUNREACH:   syscall.ENETUNREACH,
	rpdb.ENOBUFS:       syscall.ENOBUFS,
	rpdb.ENODEV:        syscall.ENODEV,
	rpdb.ENOTCONN:      syscall.ENOTCONN,
	rpdb.EPERM:         syscall.EPERM,
	rpdb.EPIPE:         syscall.EPIPE,
	rpdb.ETIMEDOUT:     syscall.ETIMEDOUT,
}

// fail returns the error of a system call.
func fail(call string, errno rpdb.Errno) error { return &Error{Call: call, Errno: errno} }

// opError wraps what happened as package net does; err nil gives nil.
func opError(op, network string, source, addr net.Addr, err error) error {
	if err == nil {
		return nil
	}
	return &net.OpError{Op: op, Net: network, Source: source, Addr: addr, Err: err}
}

var (
	errDeadline = os.ErrDeadlineExceeded
	errClosed   = net.ErrClosed
)
