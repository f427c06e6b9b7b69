package netns

import "strings"

// release is a kernel version.
type release struct{ major, minor int }

// since reports whether the emulated kernel is of a release or a later one. One that
// cannot be read counts as the newest.
func (w *World) since(r release) bool {
	major, minor, ok := w.config.Kernel.Version()
	return !ok || major > r.major || major == r.major && minor >= r.minor
}

// sysctlSince are the settings that kernels of the last years do not all have, with
// the release that brought them; those of devices without the name of the device.
// A setting that is not here is taken to be in every kernel that is emulated.
var sysctlSince = map[string]release{
	"core/txrehash": {5, 18},

	"ipv4/conf/arp_evict_nocarrier":     {5, 16},
	"ipv4/fib_multipath_hash_fields":    {5, 14},
	"ipv4/fib_multipath_hash_seed":      {6, 11},
	"ipv4/fib_notify_on_flag_change":    {5, 12},
	"ipv4/icmp_echo_enable_probe":       {5, 13},
	"ipv4/ip_autobind_reuse":            {5, 7},
	"ipv4/neigh/interval_probe_time_ms": {6, 0},
	"ipv4/nexthop_compat_mode":          {5, 8},
	"ipv4/tcp_backlog_ack_defer":        {6, 7},
	"ipv4/tcp_child_ehash_entries":      {6, 1},
	"ipv4/tcp_comp_sack_slack_ns":       {5, 8},
	"ipv4/tcp_ecn_option":               {6, 18},
	"ipv4/tcp_ecn_option_beacon":        {6, 18},
	"ipv4/tcp_migrate_req":              {5, 14},
	"ipv4/tcp_mtu_probe_floor":          {5, 4},
	"ipv4/tcp_no_ssthresh_metrics_save": {5, 6},
	"ipv4/tcp_pingpong_thresh":          {6, 7},
	"ipv4/tcp_plb_cong_thresh":          {6, 2},
	"ipv4/tcp_plb_enabled":              {6, 2},
	"ipv4/tcp_plb_idle_rehash_rounds":   {6, 2},
	"ipv4/tcp_plb_rehash_rounds":        {6, 2},
	"ipv4/tcp_plb_suspend_rto_sec":      {6, 2},
	"ipv4/tcp_reflect_tos":              {5, 10},
	"ipv4/tcp_rto_max_ms":               {6, 15},
	"ipv4/tcp_rto_min_us":               {6, 11},
	"ipv4/tcp_shrink_window":            {6, 5},
	"ipv4/tcp_syn_linear_timeouts":      {6, 5},
	"ipv4/tcp_tso_rtt_log":              {5, 18},
	"ipv4/tcp_tw_reuse_delay":           {6, 15},
	"ipv4/udp_child_hash_entries":       {6, 2},

	"ipv6/conf/accept_ra_min_lft":       {6, 6},
	"ipv6/conf/accept_untracked_na":     {5, 19},
	"ipv6/conf/force_forwarding":        {6, 17},
	"ipv6/conf/ioam6_enabled":           {5, 15},
	"ipv6/conf/ioam6_id":                {5, 15},
	"ipv6/conf/ioam6_id_wide":           {5, 15},
	"ipv6/conf/ndisc_evict_nocarrier":   {5, 16},
	"ipv6/conf/ra_defrtr_metric":        {5, 12},
	"ipv6/conf/ra_honor_pio_life":       {6, 7},
	"ipv6/conf/ra_honor_pio_pflag":      {6, 12},
	"ipv6/conf/regen_min_advance":       {6, 9},
	"ipv6/conf/rpl_seg_enabled":         {5, 7},
	"ipv6/fib_multipath_hash_fields":    {5, 14},
	"ipv6/fib_notify_on_flag_change":    {5, 12},
	"ipv6/ioam6_id":                     {5, 15},
	"ipv6/ioam6_id_wide":                {5, 15},
	"ipv6/neigh/interval_probe_time_ms": {6, 0},
}

// hasSysctl reports whether the emulated kernel has a setting, by its path below net.
func (w *World) hasSysctl(name string) bool {
	if parts := strings.Split(name, "/"); len(parts) == 4 {
		name = parts[0] + "/" + parts[1] + "/" + parts[3]
	}
	r, newer := sysctlSince[name]
	return !newer || w.since(r)
}

// told6Since are the releases that made messages of IPv6 settings longer: the first
// setting that older kernels do not tell (DEVCONF_MAX).
var told6Since = []struct {
	release
	first int
}{
	{release{5, 7}, 51},
	{release{5, 12}, 52},
	{release{5, 15}, 53},
	{release{5, 16}, 56},
	{release{5, 19}, 57},
	{release{6, 6}, 58},
	{release{6, 17}, conf6ForceForwarding},
}

// told6 is how many IPv6 settings messages tell.
func (w *World) told6() int {
	for _, t := range told6Since {
		if !w.since(t.release) {
			return t.first
		}
	}
	return conf6Told
}

// told4 is how many IPv4 settings messages tell (IPV4_DEVCONF_MAX).
func (w *World) told4() int {
	if !w.since(release{5, 16}) {
		return conf4EvictNoCarrier
	}
	return len(conf4{})
}
