package netns

import "github.com/mdlayher/netlink"

// Requests that only links have (linux/rtnetlink.h).
const (
	rtmSetLink     netlink.HeaderType = 19
	rtmNewLinkProp netlink.HeaderType = 108
	rtmDelLinkProp netlink.HeaderType = 109
)

// Attributes of a link (IFLA_*, linux/if_link.h).
const (
	iflaAddress         = 1
	iflaBroadcast       = 2
	iflaIfname          = 3
	iflaMTU             = 4
	iflaLink            = 5
	iflaQdisc           = 6
	iflaStats           = 7
	iflaMaster          = 10
	iflaProtInfo        = 12
	iflaTxQLen          = 13
	iflaMap             = 14
	iflaWeight          = 15
	iflaOperstate       = 16
	iflaLinkMode        = 17
	iflaLinkInfo        = 18
	iflaNetNSPID        = 19
	iflaIfAlias         = 20
	iflaVFInfoList      = 22
	iflaStats64         = 23
	iflaVFPorts         = 24
	iflaPortSelf        = 25
	iflaAFSpec          = 26
	iflaGroup           = 27
	iflaNetNSFD         = 28
	iflaExtMask         = 29
	iflaPromiscuity     = 30
	iflaNumTxQueues     = 31
	iflaNumRxQueues     = 32
	iflaCarrier         = 33
	iflaPhysPortID      = 34
	iflaCarrierChanges  = 35
	iflaPhysSwitchID    = 36
	iflaLinkNetNSID     = 37
	iflaProtoDown       = 39
	iflaGSOMaxSegs      = 40
	iflaGSOMaxSize      = 41
	iflaXDP             = 43
	iflaEvent           = 44
	iflaNewNetNSID      = 45
	iflaTargetNetNSID   = 46
	iflaCarrierUps      = 47
	iflaCarrierDowns    = 48
	iflaNewIfindex      = 49
	iflaMinMTU          = 50
	iflaMaxMTU          = 51
	iflaPropList        = 52
	iflaAltIfname       = 53
	iflaPermAddress     = 54
	iflaProtoDownReason = 55
	iflaParentDevName   = 56
	iflaGROMaxSize      = 58
	iflaTSOMaxSize      = 59
	iflaTSOMaxSegs      = 60
	iflaAllMulti        = 61
	iflaDevlinkPort     = 62
	iflaGSOIPv4MaxSize  = 63
	iflaGROIPv4MaxSize  = 64
	iflaDPLLPin         = 65
	iflaPacingHorizon   = 66
	iflaNetNSImmutable  = 67
	iflaHeadroom        = 68
	iflaTailroom        = 69

	iflaInfoKind      = 1
	iflaInfoData      = 2
	iflaInfoSlaveKind = 4
	iflaInfoSlaveData = 5

	iflaXDPAttached = 2

	iflaInetConf = 1

	protoDownReasonMask  = 1
	protoDownReasonValue = 2

	iflaInet6Flags       = 1
	iflaInet6Conf        = 2
	iflaInet6Stats       = 3
	iflaInet6CacheInfo   = 5
	iflaInet6ICMP6Stats  = 6
	iflaInet6Token       = 7
	iflaInet6AddrGenMode = 8
	iflaInet6RAMTU       = 9
)

// RTEXT_FILTER_SKIP_STATS
const extMaskSkipStats = 8

// Longest names (IFNAMSIZ, ALTIFNAMSIZ, IFALIASZ, MAX_ADDR_LEN).
const (
	ifNameSize    = 16
	altIfNameSize = 128
	ifAliasSize   = 256
	maxAddrLen    = 32
)

// Operational states (RFC 2863, IF_OPER_*).
const (
	operUnknown        = 0
	operDown           = 2
	operLowerLayerDown = 3
	operTesting        = 4
	operDormant        = 5
	operUp             = 6
)

// linkPolicy is what a message about links may hold (ifla_policy).
var linkPolicy = []policy{
	0:                   {strictStart: iflaDPLLPin},
	iflaAddress:         {kind: attrBinary, len: maxAddrLen},
	iflaBroadcast:       {kind: attrBinary, len: maxAddrLen},
	iflaIfname:          {kind: attrString, len: ifNameSize - 1},
	iflaMTU:             {kind: attrU32},
	iflaLink:            {kind: attrU32},
	iflaMaster:          {kind: attrU32},
	iflaTxQLen:          {kind: attrU32},
	iflaMap:             {len: 32},
	iflaWeight:          {kind: attrU32},
	iflaOperstate:       {kind: attrU8},
	iflaLinkMode:        {kind: attrU8},
	iflaLinkInfo:        {kind: attrNested},
	iflaNetNSPID:        {kind: attrU32},
	iflaIfAlias:         {kind: attrBinary, len: ifAliasSize - 1},
	iflaVFInfoList:      {kind: attrNested},
	iflaVFPorts:         {kind: attrNested},
	iflaPortSelf:        {kind: attrNested},
	iflaAFSpec:          {kind: attrNested},
	iflaGroup:           {kind: attrU32},
	iflaNetNSFD:         {kind: attrU32},
	iflaExtMask:         {kind: attrU32},
	iflaPromiscuity:     {kind: attrU32},
	iflaNumTxQueues:     {kind: attrU32},
	iflaNumRxQueues:     {kind: attrU32},
	iflaCarrier:         {kind: attrU8},
	iflaPhysPortID:      {kind: attrBinary, len: 32},
	iflaCarrierChanges:  {kind: attrU32},
	iflaPhysSwitchID:    {kind: attrBinary, len: 32},
	iflaLinkNetNSID:     {kind: attrS32},
	iflaProtoDown:       {kind: attrU8},
	iflaGSOMaxSegs:      {kind: attrU32},
	iflaGSOMaxSize:      {kind: attrU32, min: 193, max: 1<<32 - 1},
	iflaXDP:             {kind: attrNested},
	iflaEvent:           {kind: attrU32},
	iflaTargetNetNSID:   {kind: attrS32},
	iflaCarrierUps:      {kind: attrU32},
	iflaCarrierDowns:    {kind: attrU32},
	iflaNewIfindex:      {kind: attrS32, min: 1, max: 1<<31 - 1},
	iflaMinMTU:          {kind: attrU32},
	iflaMaxMTU:          {kind: attrU32},
	iflaPropList:        {kind: attrNested},
	iflaAltIfname:       {kind: attrString, len: altIfNameSize - 1},
	iflaPermAddress:     {kind: attrReject},
	iflaProtoDownReason: {kind: attrNested},
	iflaParentDevName:   {kind: attrNulString},
	iflaGROMaxSize:      {kind: attrU32},
	iflaTSOMaxSize:      {kind: attrReject},
	iflaTSOMaxSegs:      {kind: attrReject},
	iflaAllMulti:        {kind: attrReject},
	iflaGSOIPv4MaxSize:  {kind: attrU32, min: 193, max: 1<<32 - 1},
	iflaGROIPv4MaxSize:  {kind: attrU32},
	iflaNetNSImmutable:  {kind: attrReject},
	iflaHeadroom:        {kind: attrReject},
	iflaTailroom:        {kind: attrReject},
}

// linkInfoPolicy is what IFLA_LINKINFO may hold (ifla_info_policy).
var linkInfoPolicy = []policy{
	iflaInfoKind:      {kind: attrString},
	iflaInfoData:      {kind: attrNested},
	iflaInfoSlaveKind: {kind: attrString},
	iflaInfoSlaveData: {kind: attrNested},
}
