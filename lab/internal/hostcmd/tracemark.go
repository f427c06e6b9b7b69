package hostcmd

import (
	"fmt"

	"github.com/rulewalk/rulewalk/lab/internal/stack"
)

// traceMark is traceroute's word for an ICMP error (!H, !N), empty where there is nothing
// to remark; final tells that nothing lies behind who sent it.
func traceMark(e *stack.SocketError) (mark string, final bool) {
	if e.Origin == stack.OriginICMP6 {
		return traceMark6(e)
	}
	switch e.Type {
	case icmpExceeded:
		if e.Code == 0 {
			return "", false
		}
	case icmpUnreachable:
		switch e.Code {
		case 0, 6, 8, 11:
			return "!N", true
		case 1, 7, 12:
			return "!H", true
		case 2:
			return "!P", true
		case 3:
			return "", true
		case 4:
			return fmt.Sprintf("!F-%d", e.Info), true
		case 5:
			return "!S", true
		case 9, 10, 13:
			return "!X", true
		case 14:
			return "!V", true
		case 15:
			return "!C", true
		}
		return fmt.Sprintf("!<%d>", e.Code), true
	}
	return fmt.Sprintf("!<%d-%d>", e.Type, e.Code), true
}

func traceMark6(e *stack.SocketError) (mark string, final bool) {
	switch e.Type {
	case icmp6Exceeded:
		if e.Code == 0 {
			return "", false
		}
	case icmp6Unreachable:
		switch e.Code {
		case 0:
			return "!N", true
		case 2, 3:
			return "!H", true
		case 1:
			return "!X", true
		case 4:
			return "", true
		}
		return fmt.Sprintf("!<%d>", e.Code), true
	case icmp6TooBig:
		return fmt.Sprintf("!F-%d", e.Info), true
	case icmp6Problem:
		if e.Code == 1 {
			return "!P", true
		}
	}
	return fmt.Sprintf("!<%d-%d>", e.Type, e.Code), true
}
