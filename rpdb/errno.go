package rpdb

import "strconv"

// Errno is a Linux error number as a routing lookup reports it, positive; 0 is
// success. It is Linux's number on every platform that this package builds for.
type Errno int

// The errors that routing lookups, rtnetlink requests about them and packets that
// follow them end with.
const (
	OK              Errno = 0
	EPERM           Errno = 1
	ENOENT          Errno = 2
	ESRCH           Errno = 3
	EIO             Errno = 5
	ENXIO           Errno = 6
	E2BIG           Errno = 7
	EBADF           Errno = 9
	EAGAIN          Errno = 11
	ENOMEM          Errno = 12
	EACCES          Errno = 13
	EBUSY           Errno = 16
	EEXIST          Errno = 17
	EXDEV           Errno = 18
	ENODEV          Errno = 19
	EINVAL          Errno = 22
	ENFILE          Errno = 23
	ENOSPC          Errno = 28
	EMLINK          Errno = 31
	EPIPE           Errno = 32
	ERANGE          Errno = 34
	ELOOP           Errno = 40
	ENONET          Errno = 64
	EPROTO          Errno = 71
	EOVERFLOW       Errno = 75
	EDESTADDRREQ    Errno = 89
	EMSGSIZE        Errno = 90
	ENOPROTOOPT     Errno = 92
	EPROTONOSUPPORT Errno = 93
	EOPNOTSUPP      Errno = 95
	EPFNOSUPPORT    Errno = 96
	EAFNOSUPPORT    Errno = 97
	EADDRINUSE      Errno = 98
	EADDRNOTAVAIL   Errno = 99
	ENETDOWN        Errno = 100
	ENETUNREACH     Errno = 101
	ECONNABORTED    Errno = 103
	ECONNRESET      Errno = 104
	ENOBUFS         Errno = 105
	EISCONN         Errno = 106
	ENOTCONN        Errno = 107
	ETIMEDOUT       Errno = 110
	ECONNREFUSED    Errno = 111
	EHOSTDOWN       Errno = 112
	EHOSTUNREACH    Errno = 113
	EALREADY        Errno = 114
	EREMOTEIO       Errno = 121
)

var errnoText = map[Errno][2]string{
	OK:              {"OK", "Success"},
	EPERM:           {"EPERM", "Operation not permitted"},
	ENOENT:          {"ENOENT", "No such file or directory"},
	ESRCH:           {"ESRCH", "No such process"},
	EIO:             {"EIO", "Input/output error"},
	ENXIO:           {"ENXIO", "No such device or address"},
	E2BIG:           {"E2BIG", "Argument list too long"},
	EAGAIN:          {"EAGAIN", "Resource temporarily unavailable"},
	EACCES:          {"EACCES", "Permission denied"},
	ENOMEM:          {"ENOMEM", "Cannot allocate memory"},
	EBUSY:           {"EBUSY", "Device or resource busy"},
	EEXIST:          {"EEXIST", "File exists"},
	EXDEV:           {"EXDEV", "Invalid cross-device link"},
	ENODEV:          {"ENODEV", "No such device"},
	EINVAL:          {"EINVAL", "Invalid argument"},
	EBADF:           {"EBADF", "Bad file descriptor"},
	ENFILE:          {"ENFILE", "Too many open files in system"},
	ENOTCONN:        {"ENOTCONN", "Transport endpoint is not connected"},
	ENOSPC:          {"ENOSPC", "No space left on device"},
	EMLINK:          {"EMLINK", "Too many links"},
	EPROTONOSUPPORT: {"EPROTONOSUPPORT", "Protocol not supported"},
	ELOOP:           {"ELOOP", "Too many levels of symbolic links"},
	EOVERFLOW:       {"EOVERFLOW", "Value too large for defined data type"},
	ERANGE:          {"ERANGE", "Numerical result out of range"},
	EMSGSIZE:        {"EMSGSIZE", "Message too long"},
	ENOPROTOOPT:     {"ENOPROTOOPT", "Protocol not available"},
	EPFNOSUPPORT:    {"EPFNOSUPPORT", "Protocol family not supported"},
	EADDRINUSE:      {"EADDRINUSE", "Address already in use"},
	EADDRNOTAVAIL:   {"EADDRNOTAVAIL", "Cannot assign requested address"},
	ENOBUFS:         {"ENOBUFS", "No buffer space available"},
	EALREADY:        {"EALREADY", "Operation already in progress"},
	EOPNOTSUPP:      {"EOPNOTSUPP", "Operation not supported"},
	EAFNOSUPPORT:    {"EAFNOSUPPORT", "Address family not supported by protocol"},
	ENETDOWN:        {"ENETDOWN", "Network is down"},
	ENETUNREACH:     {"ENETUNREACH", "Network is unreachable"},
	EPIPE:           {"EPIPE", "Broken pipe"},
	ENONET:          {"ENONET", "Machine is not on the network"},
	EPROTO:          {"EPROTO", "Protocol error"},
	EDESTADDRREQ:    {"EDESTADDRREQ", "Destination address required"},
	ECONNABORTED:    {"ECONNABORTED", "Software caused connection abort"},
	ECONNRESET:      {"ECONNRESET", "Connection reset by peer"},
	EISCONN:         {"EISCONN", "Transport endpoint is already connected"},
	ETIMEDOUT:       {"ETIMEDOUT", "Connection timed out"},
	ECONNREFUSED:    {"ECONNREFUSED", "Connection refused"},
	EHOSTDOWN:       {"EHOSTDOWN", "Host is down"},
	EREMOTEIO:       {"EREMOTEIO", "Remote I/O error"},
	EHOSTUNREACH:    {"EHOSTUNREACH", "No route to host"},
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
