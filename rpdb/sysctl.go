package rpdb

import (
	"strconv"
	"strings"
)

// Sysctls holds the values under /proc/sys by their path below it, such as
// net/ipv4/conf/eth0.5/rp_filter. Paths with slashes keep device names that hold
// dots apart from the tree.
type Sysctls map[string]string

// SysctlPath turns a dotted name as sysctl(8) takes and prints it
// (net.ipv4.conf.eth0/5.rp_filter) into a path; a path is returned unchanged.
func SysctlPath(name string) string {
	dot, slash := strings.IndexByte(name, '.'), strings.IndexByte(name, '/')
	if slash >= 0 && (dot < 0 || slash < dot) {
		return name
	}
	return strings.Map(func(r rune) rune {
		switch r {
		case '.':
			return '/'
		case '/':
			return '.'
		}
		return r
	}, name)
}

// Int returns a numeric sysctl, and whether the state has it as a number.
func (s Sysctls) Int(path string) (int64, bool) {
	v, ok := s[path]
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(v), 0, 64)
	return n, err == nil
}

// ConfNames4 and ConfNames6 are the per-device sysctls (net/ipv4/conf/DEV,
// net/ipv6/conf/DEV) that a decision can depend on.
var (
	ConfNames4 = []string{
		"rp_filter", "accept_local", "route_localnet", "src_valid_mark",
		"ignore_routes_with_linkdown", "send_redirects", "shared_media",
		"forwarding", "bc_forwarding", "mc_forwarding",
	}
	ConfNames6 = []string{
		"forwarding", "disable_ipv6", "ignore_routes_with_linkdown",
		"use_oif_addrs_only", "use_tempaddr", "optimistic_dad", "use_optimistic",
	}
)

// SysctlNames are the namespace-wide sysctls that a decision can depend on.
var SysctlNames = []string{
	"net/ipv4/ip_forward",
	"net/ipv4/fib_multipath_hash_policy",
	"net/ipv4/fib_multipath_hash_fields",
	"net/ipv4/fib_multipath_hash_seed",
	"net/ipv4/fib_multipath_use_neigh",
	"net/ipv4/nexthop_compat_mode",
	"net/ipv6/fib_multipath_hash_policy",
	"net/ipv6/fib_multipath_hash_fields",
}
