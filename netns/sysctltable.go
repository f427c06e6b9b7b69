package netns

import (
	"io/fs"
	"math"
	"strings"

	"github.com/rulewalk/rulewalk/rpdb"
)

// sysctlNumbers is a setting of one number or several that belongs to no device.
type sysctlNumbers struct {
	number
	fresh  []int64     // of a new namespace, as they are kept
	mode   fs.FileMode // 0: 0644
	sameAs string      // the setting whose numbers it shows in another way
}

var (
	anyByte = uints(0, 255)
	onOff   = uints(0, 1)
)

func one(f number, fresh int64) sysctlNumbers { return sysctlNumbers{number: f, fresh: []int64{fresh}} }

// sysctlTable are the settings by their path below net (ipv4_net_table, ipv4_table,
// ipv6_table_template, ipv6_route_table_template, netns_core_table and the like).
// Defaults are those of kernel 6.18; those that the kernel derives from the machine's
// memory are those of a large one.
var sysctlTable = map[string]sysctlNumbers{
	"core/optmem_max":                         one(ints(0, math.MaxInt32), 131072),
	"core/somaxconn":                          one(ints(0, math.MaxInt32), 4096),
	"core/tstamp_allow_data":                  one(onOff, 1),
	"core/txrehash":                           one(onOff, 1),
	"core/xfrm_acq_expires":                   one(anyInt, 30),
	"core/xfrm_aevent_etime":                  one(anyUint, 10),
	"core/xfrm_aevent_rseqth":                 one(anyUint, 2),
	"core/xfrm_larval_drop":                   one(anyInt, 1),
	"ipv4/fib_multipath_hash_fields":          one(uints(1, 4095), 7),
	"ipv4/fib_multipath_hash_policy":          one(uints(0, 3), 0),
	"ipv4/fib_multipath_hash_seed":            one(anyUint, 0),
	"ipv4/fib_multipath_use_neigh":            one(onOff, 0),
	"ipv4/fib_notify_on_flag_change":          one(uints(0, 2), 0),
	"ipv4/fwmark_reflect":                     one(anyByte, 0),
	"ipv4/icmp_echo_enable_probe":             one(onOff, 0),
	"ipv4/icmp_echo_ignore_all":               one(onOff, 0),
	"ipv4/icmp_echo_ignore_broadcasts":        one(onOff, 1),
	"ipv4/icmp_errors_use_inbound_ifaddr":     one(onOff, 0),
	"ipv4/icmp_ignore_bogus_error_responses":  one(onOff, 1),
	"ipv4/icmp_msgs_burst":                    one(ints(0, math.MaxInt32), 50),
	"ipv4/icmp_msgs_per_sec":                  one(ints(0, math.MaxInt32), 1000),
	"ipv4/icmp_ratelimit":                     one(anyMS, 250),
	"ipv4/icmp_ratemask":                      one(anyInt, 6168),
	"ipv4/igmp_link_local_mcast_reports":      one(anyByte, 1),
	"ipv4/igmp_max_memberships":               one(anyInt, 20),
	"ipv4/igmp_max_msf":                       one(anyInt, 10),
	"ipv4/igmp_qrv":                           one(ints(1, math.MaxInt32), 2),
	"ipv4/ip_autobind_reuse":                  one(onOff, 0),
	"ipv4/ip_default_ttl":                     one(uints(1, 255), 64),
	"ipv4/ip_dynaddr":                         one(anyByte, 0),
	"ipv4/ip_early_demux":                     one(anyByte, 1),
	"ipv4/ip_forward_update_priority":         one(onOff, 1),
	"ipv4/ip_forward_use_pmtu":                one(anyByte, 0),
	"ipv4/ip_no_pmtu_disc":                    one(anyByte, 0),
	"ipv4/ip_nonlocal_bind":                   one(anyByte, 0),
	"ipv4/ipfrag_max_dist":                    one(ints(0, math.MaxInt32), 64),
	"ipv4/ipfrag_time":                        one(anySeconds, 7500),
	"ipv4/nexthop_compat_mode":                one(onOff, 1),
	"ipv4/raw_l3mdev_accept":                  one(onOff, 1),
	"ipv4/route/min_adv_mss":                  one(anyInt, 256),
	"ipv4/route/min_pmtu":                     one(ints(68, math.MaxInt32), 552),
	"ipv4/route/mtu_expires":                  one(anySeconds, 150000),
	"ipv4/tcp_abort_on_overflow":              one(anyByte, 0),
	"ipv4/tcp_adv_win_scale":                  one(ints(-31, 31), 1),
	"ipv4/tcp_app_win":                        one(uints(0, 31), 31),
	"ipv4/tcp_autocorking":                    one(onOff, 1),
	"ipv4/tcp_backlog_ack_defer":              one(onOff, 1),
	"ipv4/tcp_base_mss":                       one(anyInt, 1024),
	"ipv4/tcp_challenge_ack_limit":            one(anyInt, 2147483647),
	"ipv4/tcp_child_ehash_entries":            one(uints(0, 16777216), 0),
	"ipv4/tcp_comp_sack_delay_ns":             one(number{kind: numLong, min: 0, max: -1}, 1000000),
	"ipv4/tcp_comp_sack_nr":                   one(anyByte, 44),
	"ipv4/tcp_comp_sack_slack_ns":             one(number{kind: numLong, min: 0, max: -1}, 100000),
	"ipv4/tcp_dsack":                          one(anyByte, 1),
	"ipv4/tcp_early_demux":                    one(anyByte, 1),
	"ipv4/tcp_early_retrans":                  one(uints(0, 4), 3),
	"ipv4/tcp_ecn":                            one(uints(0, 2), 2),
	"ipv4/tcp_ecn_fallback":                   one(onOff, 1),
	"ipv4/tcp_ecn_option":                     one(uints(0, 2), 2),
	"ipv4/tcp_ecn_option_beacon":              one(uints(0, 3), 3),
	"ipv4/tcp_fack":                           one(anyByte, 0),
	"ipv4/tcp_fastopen":                       one(anyInt, 1),
	"ipv4/tcp_fastopen_blackhole_timeout_sec": one(ints(0, math.MaxInt32), 0),
	"ipv4/tcp_fin_timeout":                    one(anySeconds, 15000),
	"ipv4/tcp_frto":                           one(anyByte, 2),
	"ipv4/tcp_fwmark_accept":                  one(anyByte, 0),
	"ipv4/tcp_invalid_ratelimit":              one(anyMS, 125),
	"ipv4/tcp_keepalive_intvl":                one(anySeconds, 18750),
	"ipv4/tcp_keepalive_probes":               one(anyByte, 9),
	"ipv4/tcp_keepalive_time":                 one(anySeconds, 1800000),
	"ipv4/tcp_l3mdev_accept":                  one(onOff, 0),
	"ipv4/tcp_limit_output_bytes":             one(anyInt, 4194304),
	"ipv4/tcp_max_reordering":                 one(ints(1, math.MaxInt32), 300),
	"ipv4/tcp_max_syn_backlog":                one(anyInt, 2048),
	"ipv4/tcp_max_tw_buckets":                 one(anyInt, 131072),
	"ipv4/tcp_migrate_req":                    one(onOff, 0),
	"ipv4/tcp_min_rtt_wlen":                   one(ints(0, 86400), 300),
	"ipv4/tcp_min_snd_mss":                    one(ints(48, 65535), 48),
	"ipv4/tcp_min_tso_segs":                   one(uints(1, 255), 2),
	"ipv4/tcp_moderate_rcvbuf":                one(anyByte, 1),
	"ipv4/tcp_mtu_probe_floor":                one(ints(48, 65535), 48),
	"ipv4/tcp_mtu_probing":                    one(anyByte, 0),
	"ipv4/tcp_no_metrics_save":                one(anyByte, 0),
	"ipv4/tcp_no_ssthresh_metrics_save":       one(onOff, 1),
	"ipv4/tcp_notsent_lowat":                  one(anyUint, 4294967295),
	"ipv4/tcp_orphan_retries":                 one(anyByte, 0),
	"ipv4/tcp_pacing_ca_ratio":                one(ints(0, 1000), 120),
	"ipv4/tcp_pacing_ss_ratio":                one(ints(0, 1000), 200),
	"ipv4/tcp_pingpong_thresh":                one(uints(1, 255), 1),
	"ipv4/tcp_plb_cong_thresh":                one(ints(0, 256), 128),
	"ipv4/tcp_plb_enabled":                    one(onOff, 0),
	"ipv4/tcp_plb_idle_rehash_rounds":         one(uints(0, 31), 3),
	"ipv4/tcp_plb_rehash_rounds":              one(uints(0, 31), 12),
	"ipv4/tcp_plb_suspend_rto_sec":            one(anyByte, 60),
	"ipv4/tcp_probe_interval":                 one(uints(0, 17179869), 600),
	"ipv4/tcp_probe_threshold":                one(anyInt, 8),
	"ipv4/tcp_recovery":                       one(anyByte, 1),
	"ipv4/tcp_reflect_tos":                    one(onOff, 0),
	"ipv4/tcp_retrans_collapse":               one(anyByte, 1),
	"ipv4/tcp_retries1":                       one(anyByte, 3),
	"ipv4/tcp_retries2":                       one(anyByte, 15),
	"ipv4/tcp_rfc1337":                        one(anyByte, 0),
	"ipv4/tcp_rto_max_ms":                     one(ints(1000, 120000), 120000),
	"ipv4/tcp_rto_min_us":                     one(ints(1, math.MaxInt32), 200000),
	"ipv4/tcp_sack":                           one(anyByte, 1),
	"ipv4/tcp_shrink_window":                  one(onOff, 0),
	"ipv4/tcp_slow_start_after_idle":          one(anyByte, 1),
	"ipv4/tcp_stdurg":                         one(anyByte, 0),
	"ipv4/tcp_syn_linear_timeouts":            one(uints(0, 127), 4),
	"ipv4/tcp_syn_retries":                    one(uints(1, 127), 6),
	"ipv4/tcp_synack_retries":                 one(anyByte, 5),
	"ipv4/tcp_syncookies":                     one(anyByte, 1),
	"ipv4/tcp_thin_linear_timeouts":           one(anyByte, 0),
	"ipv4/tcp_timestamps":                     one(anyByte, 1),
	"ipv4/tcp_tso_rtt_log":                    one(anyByte, 9),
	"ipv4/tcp_tso_win_divisor":                one(anyByte, 3),
	"ipv4/tcp_tw_reuse":                       one(uints(0, 2), 2),
	"ipv4/tcp_tw_reuse_delay":                 one(uints(1, 60000), 1000),
	"ipv4/tcp_window_scaling":                 one(anyByte, 1),
	"ipv4/tcp_workaround_signed_windows":      one(anyByte, 0),
	"ipv4/udp_child_hash_entries":             one(uints(0, 65536), 0),
	"ipv4/udp_early_demux":                    one(anyByte, 1),
	"ipv4/udp_l3mdev_accept":                  one(onOff, 0),
	"ipv4/udp_rmem_min":                       one(ints(1, math.MaxInt32), 4096),
	"ipv4/udp_wmem_min":                       one(ints(1, math.MaxInt32), 4096),
	"ipv4/xfrm4_gc_thresh":                    one(anyInt, 32768),
	"ipv6/anycast_src_echo_reply":             one(anyByte, 0),
	"ipv6/auto_flowlabels":                    one(uints(0, 3), 1),
	"ipv6/bindv6only":                         one(anyByte, 0),
	"ipv6/fib_multipath_hash_fields":          one(uints(1, 4095), 7),
	"ipv6/fib_multipath_hash_policy":          one(uints(0, 3), 0),
	"ipv6/fib_notify_on_flag_change":          one(uints(0, 2), 0),
	"ipv6/flowlabel_consistency":              one(anyByte, 1),
	"ipv6/flowlabel_reflect":                  one(ints(0, 7), 0),
	"ipv6/flowlabel_state_ranges":             one(anyByte, 0),
	"ipv6/fwmark_reflect":                     one(anyByte, 0),
	"ipv6/icmp/echo_ignore_all":               one(anyByte, 0),
	"ipv6/icmp/echo_ignore_anycast":           one(anyByte, 0),
	"ipv6/icmp/echo_ignore_multicast":         one(anyByte, 0),
	"ipv6/icmp/error_anycast_as_unicast":      one(onOff, 0),
	"ipv6/icmp/ratelimit":                     one(anyMS, 25),
	"ipv6/idgen_delay":                        one(anySeconds, 250),
	"ipv6/idgen_retries":                      one(anyInt, 3),
	"ipv6/ioam6_id":                           one(uints(0, 16777215), 16777215),
	"ipv6/ioam6_id_wide":                      one(number{kind: numLong, min: 0, max: 72057594037927935}, 72057594037927935),
	"ipv6/ip6frag_time":                       one(anySeconds, 15000),
	"ipv6/ip_nonlocal_bind":                   one(anyByte, 0),
	"ipv6/max_dst_opts_length":                one(anyInt, 2147483647),
	"ipv6/max_dst_opts_number":                one(anyInt, 8),
	"ipv6/max_hbh_length":                     one(anyInt, 2147483647),
	"ipv6/max_hbh_opts_number":                one(anyInt, 8),
	"ipv6/route/gc_elasticity":                one(anyInt, 9),
	"ipv6/route/gc_interval":                  one(anySeconds, 7500),
	"ipv6/route/gc_thresh":                    one(anyInt, 1024),
	"ipv6/route/gc_timeout":                   one(anySeconds, 15000),
	"ipv6/route/max_size":                     one(anyInt, 2147483647),
	"ipv6/route/min_adv_mss":                  one(anyInt, 1220),
	"ipv6/route/mtu_expires":                  one(anySeconds, 150000),
	"ipv6/route/skip_notify_on_dev_down":      one(onOff, 0),
	"ipv6/seg6_flowlabel":                     one(anyInt, 0),
	"ipv6/xfrm6_gc_thresh":                    one(anyInt, 32768),
	"unix/max_dgram_qlen":                     one(anyInt, 10),
	"vrf/strict_mode":                         one(onOff, 0),

	"core/rmem_default": readOnly(212992), "core/rmem_max": readOnly(4194304),
	"core/wmem_default": readOnly(212992), "core/wmem_max": readOnly(4194304),
	"ipv4/tcp_ehash_entries": readOnly(-262144), "ipv4/udp_hash_entries": readOnly(-16384),

	"ipv4/tcp_rmem":       {number: ints(1, math.MaxInt32), fresh: []int64{4096, 131072, 33554432}},
	"ipv4/tcp_wmem":       {number: ints(1, math.MaxInt32), fresh: []int64{4096, 16384, 4194304}},
	"ipv4/tcp_reordering": one(ints(1, 300), 3),

	"ipv4/ping_group_range":           {number: ints(0, math.MaxInt32), fresh: []int64{1, 0}},
	"ipv4/ip_local_port_range":        {number: ints(1, 65535), fresh: []int64{32768, 60999}},
	"ipv4/ip_unprivileged_port_start": one(ints(0, 65535), 1024),

	"ipv4/ipfrag_high_thresh":  one(number{kind: numLong}, 4194304),
	"ipv4/ipfrag_low_thresh":   one(number{kind: numLong}, 3145728),
	"ipv6/ip6frag_high_thresh": one(number{kind: numLong}, 4194304),
	"ipv6/ip6frag_low_thresh":  one(number{kind: numLong}, 3145728),

	"ipv6/route/gc_min_interval":    {number: anySeconds, fresh: []int64{hz / 2}, sameAs: "ipv6/route/gc_min_interval_ms"},
	"ipv6/route/gc_min_interval_ms": one(anyMS, hz/2),

	"ipv4/route/flush": {number: anyInt, fresh: []int64{0}, mode: modeWrites},
	"ipv6/route/flush": {number: anyInt, fresh: []int64{0}, mode: modeWrites},
}

func readOnly(v int64) sysctlNumbers {
	return sysctlNumbers{number: anyInt, fresh: []int64{v}, mode: modeReads}
}

// formatOf is the format of a setting with the bounds that follow from others.
func (n *Namespace) formatOf(name string) number {
	f := sysctlTable[name].number
	switch name {
	case "ipv4/tcp_reordering":
		f.max = n.sysctlInt("ipv4/tcp_max_reordering")
	case "ipv4/ipfrag_high_thresh", "ipv6/ip6frag_high_thresh": // the two thresholds bound each other
		f.min, f.max = n.sysctlInt(strings.Replace(name, "high", "low", 1)), -1
	case "ipv4/ipfrag_low_thresh", "ipv6/ip6frag_low_thresh":
		f.max = n.sysctlInt(strings.Replace(name, "low", "high", 1))
	}
	return f
}

// checkNumbers refuses what is within the bounds and still not right; then nothing is
// stored.
func (n *Namespace) checkNumbers(name string, v []int64) error {
	switch name {
	case "ipv4/ping_group_range": // empty where upside down
		if v[0] > v[1] {
			v[0], v[1] = 1, 0
		}
	case "ipv4/ip_local_port_range":
		if v[1] < v[0] || v[0] < n.sysctlInt("ipv4/ip_unprivileged_port_start") {
			return fail(rpdb.EINVAL, "")
		}
	case "vrf/strict_mode": // vrf_strict_mode_change
		if v[0] != 0 && n.sharedVRFTables() {
			return fail(rpdb.EBUSY, "")
		}
	case "ipv4/ip_unprivileged_port_start":
		if v[0] > n.sysctlInt("ipv4/ip_local_port_range") {
			return fail(rpdb.EINVAL, "")
		}
	}
	return nil
}
