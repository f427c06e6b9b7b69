package hostcmd

import (
	"fmt"
	"strconv"

	"github.com/rulewalk/rulewalk/lab/internal/stack"
)

// Types of ICMP and ICMPv6 errors.
const (
	icmpUnreachable  = 3
	icmpQuench       = 4
	icmpRedirect     = 5
	icmpExceeded     = 11
	icmpProblem      = 12
	icmp6Unreachable = 1
	icmp6TooBig      = 2
	icmp6Exceeded    = 3
	icmp6Problem     = 4
)

var unreachableTexts = []string{
	"Destination Net Unreachable", "Destination Host Unreachable", "Destination Protocol Unreachable",
	"Destination Port Unreachable", "", "Source Route Failed", "Destination Net Unknown", "Destination Host Unknown",
	"Source Host Isolated", "Destination Net Prohibited", "Destination Host Prohibited",
	"Destination Net Unreachable for Type of Service", "Destination Host Unreachable for Type of Service",
	"Packet filtered", "Precedence Violation", "Precedence Cutoff",
}

var unreachable6Texts = []string{
	"No route", "Administratively prohibited", "Beyond scope of source address", "Address unreachable", "Port unreachable",
}

// icmpText says what an ICMP error says, in ping's words.
func icmpText(e *stack.SocketError) string {
	if e.Origin == stack.OriginICMP6 {
		return icmp6Text(e)
	}
	code := int(e.Code)
	switch e.Type {
	case icmpUnreachable:
		switch {
		case code == 4:
			return fmt.Sprintf("Frag needed and DF set (mtu = %d)", e.Info)
		case code < len(unreachableTexts):
			return unreachableTexts[code]
		}
		return fmt.Sprintf("Dest Unreachable, Bad Code: %d", code)
	case icmpQuench:
		return "Source Quench"
	case icmpRedirect:
		return fmt.Sprintf("Redirect, Bad Code: %d", code)
	case icmpExceeded:
		switch code {
		case 0:
			return "Time to live exceeded"
		case 1:
			return "Frag reassembly time exceeded"
		}
		return fmt.Sprintf("Time exceeded, Bad Code: %d", code)
	case icmpProblem:
		return fmt.Sprintf("Parameter problem: pointer = %d", e.Info)
	}
	return fmt.Sprintf("Bad ICMP type: %d", e.Type)
}

func icmp6Text(e *stack.SocketError) string {
	code := int(e.Code)
	switch e.Type {
	case icmp6Unreachable:
		if code < len(unreachable6Texts) {
			return "Destination unreachable: " + unreachable6Texts[code]
		}
		return fmt.Sprintf("Destination unreachable: Unknown code %d", code)
	case icmp6TooBig:
		text := fmt.Sprintf("Packet too big: mtu=%d", e.Info)
		if code != 0 {
			text += fmt.Sprintf(", code=%d", code)
		}
		return text
	case icmp6Exceeded:
		switch code {
		case 0:
			return "Time exceeded: Hop limit"
		case 1:
			return "Time exceeded: Defragmentation failure"
		}
		return fmt.Sprintf("Time exceeded: code %d", code)
	case icmp6Problem:
		what := fmt.Sprintf("code %d ", code)
		if texts := []string{"Wrong header field ", "Unknown header ", "Unknown option "}; code < len(texts) {
			what = texts[code]
		}
		return fmt.Sprintf("Parameter problem: %sat %d", what, e.Info)
	}
	return fmt.Sprintf("unknown icmp type: %d", e.Type)
}

// tripText is a time in milliseconds, with as many digits as ping gives it.
func tripText(us int64) string {
	switch {
	case us >= 100000-50:
		return strconv.FormatInt((us+500)/1000, 10)
	case us >= 10000-5:
		return fmt.Sprintf("%d.%d", (us+50)/1000, (us+50)%1000/100)
	case us >= 1000:
		return fmt.Sprintf("%d.%02d", (us+5)/1000, (us+5)%1000/10)
	}
	return milliseconds(us)
}

// milliseconds is a time in milliseconds with three decimals.
func milliseconds(us int64) string { return fmt.Sprintf("%d.%03d", us/1000, us%1000) }

// sixDigits is a number as %g of C writes it.
func sixDigits(f float64) string { return strconv.FormatFloat(f, 'g', 6, 64) }
