package snapshot

import (
	"bytes"
	"strings"

	"github.com/rulewalk/rulewalk/rpdb"
)

// sysctlLine reads a line of sysctl -a (NAME = VALUE) or of a file like it
// (NAME=VALUE). Only names below the trees of /proc/sys are taken, so that no
// line of ip can be meant.
func sysctlLine(line []byte) (path, value string, ok bool) {
	i := bytes.IndexAny(line, "./ =")
	if i < 0 || line[i] != '.' && line[i] != '/' || !sysctlTrees[string(line[:i])] {
		return "", "", false
	}
	name, val, ok := bytes.Cut(line, []byte("="))
	name = bytes.TrimSpace(name)
	if !ok || bytes.ContainsAny(name, " \t") {
		return "", "", false
	}
	return rpdb.SysctlPath(string(name)), string(bytes.TrimSpace(val)), true
}

var sysctlTrees = map[string]bool{
	"abi": true, "crypto": true, "debug": true, "dev": true, "fs": true, "kernel": true,
	"net": true, "sunrpc": true, "user": true, "vm": true,
}

// wantedSysctl reports whether a decision can depend on the sysctl, or it tells
// who the host is.
func wantedSysctl(path string) bool {
	return strings.HasPrefix(path, "net/ipv4/") || strings.HasPrefix(path, "net/ipv6/") ||
		path == "kernel/osrelease" || path == "kernel/hostname"
}

// unameLine reads the kernel release (and the host name, if it is there) from a
// line of uname -a, uname -r or /proc/version.
func unameLine(line string) (release, host string, ok bool) {
	f := strings.Fields(line)
	switch {
	case len(f) == 1 && isRelease(f[0]):
		return f[0], "", true
	case len(f) >= 3 && f[0] == "Linux" && f[1] == "version" && isRelease(f[2]):
		return f[2], "", true
	case len(f) >= 3 && f[0] == "Linux" && isRelease(f[2]):
		return f[2], f[1], true
	}
	return "", "", false
}

// isRelease tells a kernel release such as 6.1.0-13-amd64: two or three numbers,
// then anything that is not one more number of an address.
func isRelease(s string) bool {
	dots := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
		case c == '.' && i > 0 && s[i-1] != '.':
			dots++
			if dots > 2 {
				return !strings.ContainsAny(s, "/:") && strings.ContainsAny(s, "-+_abcdefghijklmnopqrstuvwxyz")
			}
		default:
			return dots >= 1 && i > 0 && s[i-1] != '.' && !strings.ContainsAny(s, "/:")
		}
	}
	return dots == 2 && s[len(s)-1] != '.'
}
