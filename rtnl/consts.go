package rtnl

import "github.com/mdlayher/netlink"

// Message types (linux/rtnetlink.h).
const (
	RTMNewLink          netlink.HeaderType = 16
	RTMDelLink          netlink.HeaderType = 17
	RTMGetLink          netlink.HeaderType = 18
	RTMNewAddr          netlink.HeaderType = 20
	RTMDelAddr          netlink.HeaderType = 21
	RTMGetAddr          netlink.HeaderType = 22
	RTMNewRoute         netlink.HeaderType = 24
	RTMDelRoute         netlink.HeaderType = 25
	RTMGetRoute         netlink.HeaderType = 26
	RTMNewNeigh         netlink.HeaderType = 28
	RTMDelNeigh         netlink.HeaderType = 29
	RTMGetNeigh         netlink.HeaderType = 30
	RTMNewRule          netlink.HeaderType = 32
	RTMDelRule          netlink.HeaderType = 33
	RTMGetRule          netlink.HeaderType = 34
	RTMNewAddrLabel     netlink.HeaderType = 72
	RTMDelAddrLabel     netlink.HeaderType = 73
	RTMGetAddrLabel     netlink.HeaderType = 74
	RTMNewNextHop       netlink.HeaderType = 104
	RTMDelNextHop       netlink.HeaderType = 105
	RTMGetNextHop       netlink.HeaderType = 106
	RTMNewNextHopBucket netlink.HeaderType = 116
	RTMDelNextHopBucket netlink.HeaderType = 117
	RTMGetNextHopBucket netlink.HeaderType = 118
)

// Flags of rtm_flags beside those of a nexthop (rpdb.NH*) and of a reply
// (rpdb.Flag*).
const (
	FlagPrefix        uint32 = 0x800
	FlagLookupTable   uint32 = 0x1000 // request: report the table that was searched
	FlagFibMatch      uint32 = 0x2000 // request: answer with the route itself
	FlagOffload       uint32 = 0x4000
	FlagTrap          uint32 = 0x8000
	FlagOffloadFailed uint32 = 0x20000000

	flagRouteNotify uint32 = 0x10000 // RTCF_NOTIFY, of an answer
)

// What the reading of nexthop objects needs beside package nla.
const (
	nhaResGroupPad = 0
	groupResilient = 1 // NEXTHOP_GRP_TYPE_RES
)

const extMaskSkipStats = 1 << 3 // RTEXT_FILTER_SKIP_STATS
