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

// Attributes of a rule (FRA_*, linux/fib_rules.h).
const (
	fraDst            = 1
	fraSrc            = 2
	fraIIFName        = 3
	fraGoto           = 4
	fraPriority       = 6
	fraFWMark         = 10
	fraFlow           = 11
	fraTunID          = 12
	fraSuppressGroup  = 13
	fraSuppressPrefix = 14
	fraTable          = 15
	fraFWMask         = 16
	fraOIFName        = 17
	fraPad            = 18
	fraL3MDev         = 19
	fraUIDRange       = 20
	fraProtocol       = 21
	fraIPProto        = 22
	fraSPortRange     = 23
	fraDPortRange     = 24
	fraDSCP           = 25
	fraFlowLabel      = 26
	fraFlowLabelMask  = 27
	fraSPortMask      = 28
	fraDPortMask      = 29
	fraDSCPMask       = 30
)

// Attributes of a route (RTA_*, linux/rtnetlink.h).
const (
	rtaDst       = 1
	rtaSrc       = 2
	rtaIIF       = 3
	rtaOIF       = 4
	rtaGateway   = 5
	rtaPriority  = 6
	rtaPrefSrc   = 7
	rtaMetrics   = 8
	rtaMultipath = 9
	rtaFlow      = 11
	rtaCacheInfo = 12
	rtaTable     = 15
	rtaMark      = 16
	rtaVia       = 18
	rtaPref      = 20
	rtaEncapType = 21
	rtaEncap     = 22
	rtaExpires   = 23
	rtaPad       = 24
	rtaUID       = 25
	rtaIPProto   = 27
	rtaSPort     = 28
	rtaDPort     = 29
	rtaNHID      = 30
	rtaFlowLabel = 31
)

// Metrics with a meaning of their own (RTAX_*).
const (
	rtaxLock   = 1
	rtaxCCAlgo = 16
)

// Attributes of a nexthop object (NHA_*, linux/nexthop.h).
const (
	nhaID        = 1
	nhaGroup     = 2
	nhaGroupType = 3
	nhaBlackhole = 4
	nhaOIF       = 5
	nhaGateway   = 6
	nhaEncapType = 7
	nhaEncap     = 8
	nhaFDB       = 11
	nhaResGroup  = 12
	nhaResBucket = 13
	nhaOpFlags   = 14

	nhaResGroupPad             = 0
	nhaResGroupBuckets         = 1
	nhaResGroupIdleTimer       = 2
	nhaResGroupUnbalancedTimer = 3
	nhaResGroupUnbalancedTime  = 4

	nhaResBucketIndex    = 1
	nhaResBucketIdleTime = 2
	nhaResBucketNHID     = 3

	groupResilient = 1 // NEXTHOP_GRP_TYPE_RES
)

// Attributes of a link (IFLA_*, linux/if_link.h).
const (
	iflaAddress   = 1
	iflaIfname    = 3
	iflaMTU       = 4
	iflaLink      = 5
	iflaQdisc     = 6
	iflaStats     = 7
	iflaMaster    = 10
	iflaTxQLen    = 13
	iflaOperstate = 16
	iflaLinkInfo  = 18
	iflaStats64   = 23
	iflaAFSpec    = 26
	iflaGroup     = 27
	iflaExtMask   = 29
	iflaPad       = 42
	iflaPropList  = 52
	iflaAltIfname = 53

	iflaInfoKind = 1
	iflaInfoData = 2
	iflaVRFTable = 1

	extMaskSkipStats = 1 << 3 // RTEXT_FILTER_SKIP_STATS
)

// Attributes of an address (IFA_*, linux/if_addr.h).
const (
	ifaAddress   = 1
	ifaLocal     = 2
	ifaLabel     = 3
	ifaBroadcast = 4
	ifaAnycast   = 5
	ifaCacheInfo = 6
	ifaFlags     = 8
	ifaPriority  = 9
	ifaProto     = 11
)

// Attributes of a neighbour (NDA_*) and of an address label (IFAL_*).
const (
	ndaDst    = 1
	ndaLLAddr = 2

	ifalAddress = 1
	ifalLabel   = 2
)
