package netns

import (
	"encoding/hex"
	"math"
	"net/netip"

	"github.com/rulewalk/rulewalk/rpdb"
)

// conf6Entry is a setting below net/ipv6/conf/DEV: its place in [conf6] and its format.
type conf6Entry struct {
	at     int
	format number
}

// conf6Files are the settings below net/ipv6/conf/DEV (addrconf_sysctl).
var conf6Files = map[string]conf6Entry{
	"forwarding": {conf6Forwarding, anyInt}, "hop_limit": {1, ints(1, 255)}, "mtu": {conf6MTU, ints(minMTU6, math.MaxInt32)},
	"accept_ra": {conf6AcceptRA, anyInt}, "accept_redirects": {4, anyInt}, "autoconf": {5, anyInt},
	"dad_transmits": {conf6DADTransmits, anyInt}, "router_solicitations": {conf6Solicits, ints(-1, math.MaxInt32)},
	"router_solicitation_interval": {8, anySeconds}, "router_solicitation_delay": {9, anySeconds},
	"use_tempaddr": {conf6UseTempAddr, anyInt}, "temp_valid_lft": {11, anyInt}, "temp_prefered_lft": {12, anyInt},
	"regen_max_retry": {13, anyInt}, "max_desync_factor": {14, anyInt}, "max_addresses": {15, anyInt},
	"force_mld_version": {16, anyInt}, "accept_ra_defrtr": {17, anyInt}, "accept_ra_pinfo": {18, anyInt},
	"accept_ra_rtr_pref": {19, anyInt}, "router_probe_interval": {20, anySeconds},
	"accept_ra_rt_info_max_plen": {21, anyInt}, "proxy_ndp": {conf6ProxyNDP, anyInt},
	"optimistic_dad": {conf6OptimisticDAD, anyInt}, "accept_source_route": {24, anyInt},
	"mc_forwarding": {conf6MCForwarding, anyInt}, "disable_ipv6": {conf6Disable, anyInt},
	"accept_dad": {conf6AcceptDAD, anyInt}, "force_tllao": {28, anyInt}, "ndisc_notify": {29, anyInt},
	"mldv1_unsolicited_report_interval": {30, anyMS}, "mldv2_unsolicited_report_interval": {31, anyMS},
	"suppress_frag_ndisc": {32, anyInt}, "accept_ra_from_local": {33, anyInt}, "use_optimistic": {conf6UseOptimistic, anyInt},
	"accept_ra_mtu": {35, anyInt}, "stable_secret": {conf6StableSecret, anyInt}, "use_oif_addrs_only": {37, anyInt},
	"accept_ra_min_hop_limit": {38, anyInt}, "ignore_routes_with_linkdown": {conf6IgnoreLinkdown, anyInt},
	"drop_unicast_in_l2_multicast": {40, anyInt}, "drop_unsolicited_na": {41, anyInt},
	"keep_addr_on_down": {conf6KeepAddrOnDown, anyInt}, "router_solicitation_max_interval": {43, anySeconds},
	"seg6_enabled": {44, anyInt}, "seg6_require_hmac": {45, anyInt}, "enhanced_dad": {46, anyInt},
	"addr_gen_mode": {conf6AddrGenMode, anyUint}, "disable_policy": {conf6DisablePolicy, anyInt},
	"accept_ra_rt_info_min_plen": {49, anyInt}, "ndisc_tclass": {50, ints(0, 255)}, "rpl_seg_enabled": {51, ints(0, 1)},
	"ra_defrtr_metric": {52, uints(1, math.MaxUint32)}, "ioam6_enabled": {53, onOff}, "ioam6_id": {54, uints(0, 65535)},
	"ioam6_id_wide": {55, anyUint}, "ndisc_evict_nocarrier": {56, onOff}, "accept_untracked_na": {57, ints(0, 2)},
	"accept_ra_min_lft": {58, anyInt}, "force_forwarding": {conf6ForceForwarding, onOff},
	"regen_min_advance": {conf6RegenAdvance, anyInt}, "ra_honor_pio_life": {conf6HonorPIOLife, onOff},
	"ra_honor_pio_pflag": {conf6HonorPIOFlag, onOff},
}

// conf6Of returns the settings of a directory below net/ipv6/conf, nil if there is
// none, and the device, nil for all and default.
func (n *Namespace) conf6Of(where string) (*conf6, *device) {
	switch where {
	case "all":
		return &n.conf.all6, nil
	case "default":
		return &n.conf.default6, nil
	}
	d := n.byName(where)
	if d == nil || d.Name != where || d.NoInet6 {
		return nil, nil
	}
	return &d.conf6, d
}

func (n *Namespace) conf6File(where, name string) *sysctlFile {
	e, known := conf6Files[name]
	c, d := n.conf6Of(where)
	switch {
	case !known || c == nil:
		return nil
	case e.at == conf6StableSecret:
		return n.secretFile(where, d)
	}
	f := &sysctlFile{mode: modeUsual, read: func() (string, error) { return e.format.text(int64(c[e.at])), nil }}
	if e.at == conf6MCForwarding {
		f.mode = modeReads
	}
	f.write = func(text string) error {
		format := e.format
		if e.at == conf6MTU && d != nil {
			format.max = int64(d.MTU) // addrconf_sysctl_mtu
		}
		to := []int64{int64(c[e.at])}
		if _, err := format.parse(text, to); err != nil {
			return err
		}
		return n.setConf6(where, e.at, int32(to[0]))
	}
	return f
}

// secretFile is the file of a stable_secret (addrconf_sysctl_stable_secret). To set
// one turns on the mode that uses it.
func (n *Namespace) secretFile(where string, d *device) *sysctlFile {
	if where == "all" {
		never := fail(rpdb.EIO, "")
		return &sysctlFile{
			mode: modeSecret, read: func() (string, error) { return "", never }, write: func(string) error { return never },
		}
	}
	secret := &n.conf.secret
	if d != nil {
		secret = &d.in6.secret
	}
	return &sysctlFile{
		mode: modeSecret,
		read: func() (string, error) {
			if *secret == nil {
				return "", fail(rpdb.EIO, "")
			}
			return spelledOut6(**secret), nil
		},
		write: func(text string) error {
			a, err := netip.ParseAddr(firstLine(text))
			if err != nil || !a.Is6() || a.Zone() != "" {
				return fail(rpdb.EIO, "")
			}
			b := a.As16()
			*secret = &b
			if d != nil {
				d.conf6[conf6AddrGenMode] = genModeStable
				return nil
			}
			for _, d := range n.devices.list {
				if !d.NoInet6 {
					d.conf6[conf6AddrGenMode] = genModeStable
				}
			}
			return nil
		},
	}
}

// spelledOut6 writes an IPv6 address with all its digits (%pI6).
func spelledOut6(a [16]byte) string {
	var out []byte
	for i := 0; i < 16; i += 2 {
		if i > 0 {
			out = append(out, ':')
		}
		out = hex.AppendEncode(out, a[i:i+2])
	}
	return string(out)
}
