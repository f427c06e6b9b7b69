package rpdb

import "strconv"

// Errno is a Linux error number as a routing lookup reports it, positive; 0 is
// success. It is Linux's number on every platform that this package builds for.
type Errno int

// The errors that routing lookups and rtnetlink requests about them end with.
const (
	OK           Errno = 0
	EPERM        Errno = 1
	ENOENT       Errno = 2
	ESRCH        Errno = 3
	EAGAIN       Errno = 11
	EACCES       Errno = 13
	EEXIST       Errno = 17
	EXDEV        Errno = 18
	ENODEV       Errno = 19
	EINVAL       Errno = 22
	ERANGE       Errno = 34
	EMSGSIZE     Errno = 90
	EOPNOTSUPP   Errno = 95
	EAFNOSUPPORT Errno = 97
	ENETDOWN     Errno = 100
	ENETUNREACH  Errno = 101
	EHOSTUNREACH Errno = 113
)

var errnoText = map[Errno][2]string{
	OK:           {"OK", "Success"},
	EPERM:        {"EPERM", "Operation not permitted"},
	ENOENT:       {"ENOENT", "No such file or directory"},
	ESRCH:        {"ESRCH", "No such process"},
	EAGAIN:       {"EAGAIN", "Resource temporarily unavailable"},
	EACCES:       {"EACCES", "Permission denied"},
	EEXIST:       {"EEXIST", "File exists"},
	EXDEV:        {"EXDEV", "Invalid cross-device link"},
	ENODEV:       {"ENODEV", "No such device"},
	EINVAL:       {"EINVAL", "Invalid argument"},
	ERANGE:       {"ERANGE", "Numerical result out of range"},
	EMSGSIZE:     {"EMSGSIZE", "Message too long"},
	EOPNOTSUPP:   {"EOPNOTSUPP", "Operation not supported"},
	EAFNOSUPPORT: {"EAFNOSUPPORT", "Address family not supported by protocol"},
	ENETDOWN:     {"ENETDOWN", "Network is down"},
	ENETUNREACH:  {"ENETUNREACH", "Network is unreachable"},
	EHOSTUNREACH: {"EHOSTUNREACH", "No route to host"},
}

// Name returns the symbolic name, such as ENETUNREACH, or errno N for a number
// that routing never produces.
func (e Errno) Name() string {
	if t, ok := errnoText[e]; ok {
		return t[0]
	}
	return "errno " + strconv.Itoa(int(e))
}

// Error returns the text of strerror(3), as the ip command prints it.
func (e Errno) Error() string {
	if t, ok := errnoText[e]; ok {
		return t[1]
	}
	return "Unknown error " + strconv.Itoa(int(e))
}
