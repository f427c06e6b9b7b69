package dissect

import (
	"slices"
	"strings"
)

var httpMethods = strings.Fields("GET PUT COPY HEAD LOCK MOVE POLL POST BCOPY BMOVE MKCOL TRACE LABEL MERGE DELETE SEARCH UNLOCK " +
	"REPORT UPDATE NOTIFY BDELETE CONNECT OPTIONS CHECKIN PROPFIND CHECKOUT CCM_POST SUBSCRIBE PROPPATCH BPROPFIND BPROPPATCH " +
	"UNCHECKOUT MKACTIVITY MKWORKSPACE UNSUBSCRIBE RPC_CONNECT VERSION-CONTROL BASELINE-CONTROL")

// text writes the lines of a protocol that consists of lines: the first one, or with
// -v all. Where methods are given, only what begins like a request or, with a status as
// its second word, like a response.
func (d *dissector) text(proto string, b []byte, n int, methods []string, statusSecond bool) {
	d.proto = proto
	show := methods == nil || isRequest(b, n, methods, statusSecond)
	d.s(strings.ToUpper(proto))
	if !show {
		return
	}
	if d.options.Verbose == 0 {
		d.line(": ", b, 0, n)
		return
	}
	d.f(", length: %d", n)
	for at := 0; at < n; {
		if at = d.line("\n\t", b, at, n); at == 0 {
			return
		}
	}
}

func isRequest(b []byte, n int, methods []string, statusSecond bool) bool {
	word, next := token(b, 0, n)
	if next == 0 {
		return false
	}
	if slices.ContainsFunc(methods, func(m string) bool { return strings.EqualFold(m, word) }) {
		return true
	}
	if statusSecond {
		if word, next = token(b, next, n); next == 0 {
			return false
		}
	}
	return len(word) == 3 && strings.Trim(word, "0123456789") == ""
}

func printable(c byte) bool { return c >= ' ' && c < 0x7f }

// token reads a word from place at on, and returns where the next one begins; 0 if
// there is none.
func token(b []byte, at, n int) (string, int) {
	const most = 128
	start := at
	for ; at < n; at++ {
		if at >= len(b) || b[at] >= 0x80 {
			return "", 0
		}
		if strings.IndexByte(" \t\r\n", b[at]) >= 0 {
			break
		}
		if !printable(b[at]) || at-start+2 > most+1 {
			return "", 0
		}
	}
	if at == start {
		return "", 0
	}
	word := string(b[start:at])
	for at < n && at < len(b) && (b[at] == ' ' || b[at] == '\t') {
		at++
	}
	return word, at
}

// line writes the line that begins at a place and returns where the next one begins;
// 0 if it is not text or does not end.
func (d *dissector) line(prefix string, b []byte, start, n int) int {
	for at := start; at < n; at++ {
		switch c := u8(b, at); {
		case c == '\n':
			d.s(prefix + string(b[start:at]))
			return at + 1
		case c == '\r':
			if at+1 >= n || u8(b, at+1) != '\n' {
				return 0
			}
			d.s(prefix + string(b[start:at]))
			return at + 2
		case !printable(c) && c != '\t':
			return 0
		}
	}
	d.s(prefix + string(b[start:n]))
	d.trunc()
	return 0
}

// ssh writes the version that a side of SSH begins with.
func (d *dissector) ssh(b []byte, n int) {
	d.proto = "ssh"
	for at, c := range []byte("SSH-") {
		if u8(b, at) != c {
			return
		}
	}
	for at := 4; at < n; at++ {
		c := u8(b, at)
		if c == '\n' || c == '\r' && at+1 < n && u8(b, at+1) == '\n' {
			d.s(": SSH: " + string(b[:at]))
			return
		}
		if !printable(c) {
			return
		}
	}
}
