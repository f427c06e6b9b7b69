package iproute2

import (
	"encoding/binary"
	"strings"
)

// bridgeFields are the attributes of a bridge (IFLA_BR_*) in the order of printing.
var bridgeFields = []kindField{
	{1, "forward_delay", "forward_delay %d ", asUint},
	{2, "hello_time", "hello_time %d ", asUint},
	{3, "max_age", "max_age %d ", asUint},
	{4, "ageing_time", "ageing_time %d ", asUint},
	{5, "stp_state", "stp_state %d ", asUint},
	{6, "priority", "priority %d ", asUint},
	{7, "vlan_filtering", "vlan_filtering %d ", asUint},
	{8, "vlan_protocol", "vlan_protocol %s ", asProto},
	{11, "bridge_id", "bridge_id %s ", asBridgeID},
	{10, "root_id", "designated_root %s ", asBridgeID},
	{12, "root_port", "root_port %d ", asUint},
	{13, "root_path_cost", "root_path_cost %d ", asUint},
	{14, "topology_change", "topology_change %d ", asUint},
	{15, "topology_change_detected", "topology_change_detected %d ", asUint},
	{16, "hello_timer", "", asTimer},
	{17, "tcn_timer", "", asTimer},
	{18, "topology_change_timer", "", asTimer},
	{19, "gc_timer", "", asTimer},
	{bridgeFDBLearned, "fdb_n_learned", "fdb_n_learned %d ", asUint},
	{bridgeFDBMaxLearned, "fdb_max_learned", "fdb_max_learned %d ", asUint},
	{39, "vlan_default_pvid", "vlan_default_pvid %d ", asUint},
	{41, "vlan_stats_enabled", "vlan_stats_enabled %d ", asUint},
	{45, "vlan_stats_per_port", "vlan_stats_per_port %d ", asUint},
	{9, "group_fwd_mask", "group_fwd_mask %s ", asHex},
	{20, "group_addr", "group_address %s ", asMAC},
	{23, "mcast_snooping", "mcast_snooping %d ", asUint},
	{bridgeBoolOpts, "", "", asUint},
	{22, "mcast_router", "mcast_router %d ", asUint},
	{24, "mcast_query_use_ifaddr", "mcast_query_use_ifaddr %d ", asUint},
	{25, "mcast_querier", "mcast_querier %d ", asUint},
	{26, "mcast_hash_elasticity", "mcast_hash_elasticity %d ", asUint},
	{27, "mcast_hash_max", "mcast_hash_max %d ", asUint},
	{28, "mcast_last_member_cnt", "mcast_last_member_count %d ", asUint},
	{29, "mcast_startup_query_cnt", "mcast_startup_query_count %d ", asUint},
	{30, "mcast_last_member_intvl", "mcast_last_member_interval %d ", asUint},
	{31, "mcast_membership_intvl", "mcast_membership_interval %d ", asUint},
	{32, "mcast_querier_intvl", "mcast_querier_interval %d ", asUint},
	{33, "mcast_query_intvl", "mcast_query_interval %d ", asUint},
	{34, "mcast_query_response_intvl", "mcast_query_response_interval %d ", asUint},
	{35, "mcast_startup_query_intvl", "mcast_startup_query_interval %d ", asUint},
	{42, "mcast_stats_enabled", "mcast_stats_enabled %d ", asUint},
	{43, "mcast_igmp_version", "mcast_igmp_version %d ", asUint},
	{44, "mcast_mld_version", "mcast_mld_version %d ", asUint},
	{36, "nf_call_iptables", "nf_call_iptables %d ", asUint},
	{37, "nf_call_ip6tables", "nf_call_ip6tables %d ", asUint},
	{38, "nf_call_arptables", "nf_call_arptables %d ", asUint},
}

const (
	bridgeBoolOpts      = 46 // IFLA_BR_MULTI_BOOLOPT
	bridgeFDBLearned    = 48
	bridgeFDBMaxLearned = 49
)

// bridgeBools are the bits of IFLA_BR_MULTI_BOOLOPT, and since when ip prints them.
var bridgeBools = []struct {
	bit          uint32
	key          string
	major, minor int
}{
	{1 << 0, "no_linklocal_learn", 5, 0},
	{1 << 1, "mcast_vlan_snooping", 5, 15},
	{1 << 2, "mst_enabled", 6, 10},
	{1 << 3, "mdb_offload_fail_notification", 6, 17},
	{1 << 4, "fdb_local_vlan_0", 6, 18},
}

func printBridge(r *Record, as Attrs) {
	version := r.o.version()
	for _, f := range bridgeFields {
		switch {
		case !as.Has(f.attr):
		case f.attr == bridgeBoolOpts:
			printBridgeBools(r, as[f.attr])
		case (f.attr == bridgeFDBLearned || f.attr == bridgeFDBMaxLearned) && !version.AtLeast(6, 7):
		default:
			printField(r, as, f)
		}
	}
}

// printBridgeBools prints a struct br_boolopt_multi.
func printBridgeBools(r *Record, b []byte) {
	if len(b) < 4 {
		return
	}
	value := binary.NativeEndian.Uint32(b)
	for _, o := range bridgeBools {
		if r.o.version().AtLeast(o.major, o.minor) {
			on := 0
			if value&o.bit != 0 {
				on = 1
			}
			r.Add(o.key, o.key+" %d ", on)
		}
	}
}

// portStates are the states of a bridge's port (BR_STATE_*).
var portStates = [...]string{"disabled", "listening", "learning", "forwarding", "blocking"}

// portFields are the attributes of a bridge's port (IFLA_BRPORT_*) after its state.
var portFields = []kindField{
	{2, "priority", "priority %d ", asUint},
	{3, "cost", "cost %d ", asUint},
	{4, "hairpin", "hairpin", asOnOff},
	{5, "guard", "guard", asOnOff},
	{6, "root_block", "root_block", asOnOff},
	{portFastLeave, "fastleave", "fastleave", asOnOff},
	{8, "learning", "learning", asOnOff},
	{9, "flood", "flood", asOnOff},
	{17, "id", "port_id %s ", asHex},
	{18, "no", "port_no %s ", asHex},
	{15, "designated_port", "designated_port %d ", asUint},
	{16, "designated_cost", "designated_cost %d ", asUint},
	{14, "bridge_id", "designated_bridge %s ", asBridgeID},
	{13, "root_id", "designated_root %s ", asBridgeID},
	{23, "hold_timer", "", asTimer},
	{21, "message_age_timer", "", asTimer},
	{22, "forward_delay_timer", "", asTimer},
	{19, "topology_change_ack", "topology_change_ack %d ", asUint},
	{20, "config_pending", "config_pending %d ", asUint},
	{10, "proxy_arp", "proxy_arp", asOnOff},
	{12, "proxy_arp_wifi", "proxy_arp_wifi", asOnOff},
	{25, "multicast_router", "mcast_router %d ", asUint},
	{portFastLeaveAgain, "", "mcast_fast_leave", asOnOff},
	{27, "mcast_flood", "mcast_flood", asOnOff},
	{30, "bcast_flood", "bcast_flood", asOnOff},
	{28, "mcast_to_unicast", "mcast_to_unicast", asOnOff},
	{32, "neigh_suppress", "neigh_suppress", asOnOff},
	{portNeighVLANSuppress, "neigh_vlan_suppress", "neigh_vlan_suppress", asOnOff},
	{portFwdMask, "group_fwd_mask", "group_fwd_mask %s ", asHex},
	{29, "vlan_tunnel", "vlan_tunnel", asOnOff},
	{33, "isolated", "isolated", asOnOff},
	{39, "locked", "locked", asOnOff},
	{portMAB, "mab", "mab", asOnOff},
	{34, "backup_port", "backup_port %s ", asDevice},
	{portBackupNHID, "backup_nhid", "backup_nhid %d ", asUint},
}

const (
	portState             = 1
	portFastLeave         = 7
	portFwdMask           = 31
	portMAB               = 40
	portNeighVLANSuppress = 43
	portBackupNHID        = 44

	portFastLeaveAgain = 0x100 // printed a second time under another word
)

// portSince says which version of ip prints newer attributes of a port.
var portSince = map[uint16][2]int{portMAB: {6, 2}, portNeighVLANSuppress: {6, 4}, portBackupNHID: {6, 5}}

func printBridgePort(r *Record, as Attrs) {
	if as.Has(portState) {
		if s := as.Uint(portState); s < uint64(len(portStates)) {
			r.Add("state", "state %s ", portStates[s])
		} else {
			r.Add("state_index", "state (%d) ", s)
		}
	}
	for _, f := range portFields {
		since, newer := portSince[f.attr]
		switch {
		case newer && !r.o.version().AtLeast(since[0], since[1]):
		case f.attr == portFastLeaveAgain:
			if as.Has(portFastLeave) {
				r.Raw(f.format + " " + onOff(as.Uint(portFastLeave) != 0) + " ")
			}
		case as.Has(f.attr):
			printField(r, as, f)
			if f.attr == portFwdMask {
				r.Add("group_fwd_mask_str", "group_fwd_mask_str %s ", fwdMaskWords(as.Uint(portFwdMask)))
			}
		}
	}
}

// fwdMaskWords names the bits of a mask of link-local groups (_bitmask2str).
func fwdMaskWords(mask uint64) string {
	if mask == 0 {
		return "0x0"
	}
	var words []string
	for i := range 16 {
		switch {
		case mask&(1<<i) == 0:
		case i == 0:
			words = append(words, "stp")
		case i == 2:
			words = append(words, "lacp")
		case i == 14:
			words = append(words, "lldp")
		default:
			words = append(words, hexC(1<<i))
		}
	}
	return strings.Join(words, ",")
}
