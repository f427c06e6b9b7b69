// Package nla names the attributes of rtnetlink messages by their types, as
// linux/rtnetlink.h, if_link.h, if_addr.h, fib_rules.h, nexthop.h and neighbour.h do (RTA_DST is
// RTADst). They are the same on every system, which those of golang.org/x/sys are not.
package nla

// Attributes of a device (IFLA_*), with those of the attributes inside of others.
const (
	IFLAAddress         = 1
	IFLABroadcast       = 2
	IFLAIfname          = 3
	IFLAMTU             = 4
	IFLALink            = 5
	IFLAQdisc           = 6
	IFLAStats           = 7
	IFLAMaster          = 10
	IFLAProtInfo        = 12
	IFLATxQLen          = 13
	IFLAMap             = 14
	IFLAWeight          = 15
	IFLAOperstate       = 16
	IFLALinkMode        = 17
	IFLALinkInfo        = 18
	IFLANetNSPID        = 19
	IFLAIfAlias         = 20
	IFLAVFInfoList      = 22
	IFLAStats64         = 23
	IFLAVFPorts         = 24
	IFLAPortSelf        = 25
	IFLAAFSpec          = 26
	IFLAGroup           = 27
	IFLANetNSFD         = 28
	IFLAExtMask         = 29
	IFLAPromiscuity     = 30
	IFLANumTxQueues     = 31
	IFLANumRxQueues     = 32
	IFLACarrier         = 33
	IFLAPhysPortID      = 34
	IFLACarrierChanges  = 35
	IFLAPhysSwitchID    = 36
	IFLALinkNetNSID     = 37
	IFLAPhysPortName    = 38
	IFLAProtoDown       = 39
	IFLAGSOMaxSegs      = 40
	IFLAGSOMaxSize      = 41
	IFLAPad             = 42
	IFLAXDP             = 43
	IFLAEvent           = 44
	IFLANewNetNSID      = 45
	IFLATargetNetNSID   = 46
	IFLACarrierUps      = 47
	IFLACarrierDowns    = 48
	IFLANewIfindex      = 49
	IFLAMinMTU          = 50
	IFLAMaxMTU          = 51
	IFLAPropList        = 52
	IFLAAltIfname       = 53
	IFLAPermAddress     = 54
	IFLAProtoDownReason = 55
	IFLAParentDevName   = 56
	IFLAParentDevBus    = 57
	IFLAGROMaxSize      = 58
	IFLATSOMaxSize      = 59
	IFLATSOMaxSegs      = 60
	IFLAAllMulti        = 61
	IFLADevlinkPort     = 62
	IFLAGSOIPv4MaxSize  = 63
	IFLAGROIPv4MaxSize  = 64
	IFLADPLLPin         = 65
	IFLAPacingHorizon   = 66
	IFLANetNSImmutable  = 67
	IFLAHeadroom        = 68
	IFLATailroom        = 69

	IFLAInetConf = 1

	IFLAInet6Flags       = 1
	IFLAInet6Conf        = 2
	IFLAInet6Stats       = 3
	IFLAInet6CacheInfo   = 5
	IFLAInet6ICMP6Stats  = 6
	IFLAInet6Token       = 7
	IFLAInet6AddrGenMode = 8
	IFLAInet6RAMTU       = 9

	IFLAInfoKind      = 1
	IFLAInfoData      = 2
	IFLAInfoSlaveKind = 4
	IFLAInfoSlaveData = 5

	IFLAVRFTable = 1

	IFLAXDPAttached = 2
)

// Attributes of an address (IFA_*).
const (
	IFAAddress   = 1
	IFALocal     = 2
	IFALabel     = 3
	IFABroadcast = 4
	IFAAnycast   = 5
	IFACacheInfo = 6
	IFAMulticast = 7
	IFAFlags     = 8
	IFAPriority  = 9
	IFATargetNS  = 10
	IFAProto     = 11
)

// Attributes of an address label (IFAL_*).
const (
	IFALAddress = 1
	IFALLabel   = 2
)

// Attributes of a route (RTA_*).
const (
	RTADst          = 1
	RTASrc          = 2
	RTAIIF          = 3
	RTAOIF          = 4
	RTAGateway      = 5
	RTAPriority     = 6
	RTAPrefSrc      = 7
	RTAMetrics      = 8
	RTAMultipath    = 9
	RTAFlow         = 11
	RTACacheInfo    = 12
	RTATable        = 15
	RTAMark         = 16
	RTAVia          = 18
	RTANewDst       = 19
	RTAPref         = 20
	RTAEncapType    = 21
	RTAEncap        = 22
	RTAExpires      = 23
	RTAPad          = 24
	RTAUID          = 25
	RTATTLPropagate = 26
	RTAIPProto      = 27
	RTASPort        = 28
	RTADPort        = 29
	RTANHID         = 30
	RTAFlowLabel    = 31
)

// Attributes of the metrics of a route (RTAX_*), inside of RTAMetrics.
const (
	RTAXLock       = 1
	RTAXMTU        = 2
	RTAXWindow     = 3
	RTAXRTT        = 4
	RTAXRTTVar     = 5
	RTAXSSThresh   = 6
	RTAXCWnd       = 7
	RTAXAdvMSS     = 8
	RTAXReordering = 9
	RTAXHopLimit   = 10
	RTAXInitCWnd   = 11
	RTAXFeatures   = 12
	RTAXRTOMin     = 13
	RTAXInitRWnd   = 14
	RTAXQuickAck   = 15
	RTAXCCAlgo     = 16
	RTAXFastOpen   = 17
)

// Attributes of a rule (FRA_*).
const (
	FRADst               = 1
	FRASrc               = 2
	FRAIIFName           = 3
	FRAGoto              = 4
	FRAPriority          = 6
	FRAFWMark            = 10
	FRAFlow              = 11
	FRATunID             = 12
	FRASuppressIfGroup   = 13
	FRASuppressPrefixLen = 14
	FRATable             = 15
	FRAFWMask            = 16
	FRAOIFName           = 17
	FRAPad               = 18
	FRAL3MDev            = 19
	FRAUIDRange          = 20
	FRAProtocol          = 21
	FRAIPProto           = 22
	FRASPortRange        = 23
	FRADPortRange        = 24
	FRADSCP              = 25
	FRAFlowLabel         = 26
	FRAFlowLabelMask     = 27
	FRASPortMask         = 28
	FRADPortMask         = 29
	FRADSCPMask          = 30
)

// Attributes of a nexthop object (NHA_*), with those inside of NHAResGroup and NHAResBucket.
const (
	NHAID            = 1
	NHAGroup         = 2
	NHAGroupType     = 3
	NHABlackhole     = 4
	NHAOIF           = 5
	NHAGateway       = 6
	NHAEncapType     = 7
	NHAEncap         = 8
	NHAGroups        = 9
	NHAMaster        = 10
	NHAFDB           = 11
	NHAResGroup      = 12
	NHAResBucket     = 13
	NHAOpFlags       = 14
	NHAGroupStats    = 15
	NHAHWStatsEnable = 16
	NHAHWStatsUsed   = 17

	NHAResBucketIndex    = 1
	NHAResBucketIdleTime = 2
	NHAResBucketNHID     = 3

	NHAResGroupBuckets         = 1
	NHAResGroupIdleTimer       = 2
	NHAResGroupUnbalancedTimer = 3
	NHAResGroupUnbalancedTime  = 4
)

// Attributes of a neighbour (NDA_*).
const (
	NDADst         = 1
	NDALLAddr      = 2
	NDACacheInfo   = 3
	NDAProbes      = 4
	NDAVLAN        = 5
	NDAPort        = 6
	NDAVNI         = 7
	NDAIfindex     = 8
	NDAMaster      = 9
	NDALinkNetNSID = 10
	NDASrcVNI      = 11
	NDAProtocol    = 12
	NDANHID        = 13
	NDAFDBExt      = 14
	NDAFlagsExt    = 15
	NDAStateMask   = 16
	NDAFlagsMask   = 17
)

// Attributes of the number of a namespace (NETNSA_*).
const (
	NetNSANSID        = 1
	NetNSAPID         = 2
	NetNSAFD          = 3
	NetNSATargetNSID  = 4
	NetNSACurrentNSID = 5
)
