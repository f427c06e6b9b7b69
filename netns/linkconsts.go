package netns

import (
	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// Requests that only links have (linux/rtnetlink.h).
const (
	rtmSetLink     netlink.HeaderType = 19
	rtmNewLinkProp netlink.HeaderType = 108
	rtmDelLinkProp netlink.HeaderType = 109
)

// Attributes inside of nla.IFLAProtoDownReason.
const (
	protoDownReasonMask  = 1
	protoDownReasonValue = 2
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
	0:                       {strictStart: nla.IFLADPLLPin},
	nla.IFLAAddress:         {kind: attrBinary, len: maxAddrLen},
	nla.IFLABroadcast:       {kind: attrBinary, len: maxAddrLen},
	nla.IFLAIfname:          {kind: attrString, len: ifNameSize - 1},
	nla.IFLAMTU:             {kind: attrU32},
	nla.IFLALink:            {kind: attrU32},
	nla.IFLAMaster:          {kind: attrU32},
	nla.IFLATxQLen:          {kind: attrU32},
	nla.IFLAMap:             {len: 32},
	nla.IFLAWeight:          {kind: attrU32},
	nla.IFLAOperstate:       {kind: attrU8},
	nla.IFLALinkMode:        {kind: attrU8},
	nla.IFLALinkInfo:        {kind: attrNested},
	nla.IFLANetNSPID:        {kind: attrU32},
	nla.IFLAIfAlias:         {kind: attrBinary, len: ifAliasSize - 1},
	nla.IFLAVFInfoList:      {kind: attrNested},
	nla.IFLAVFPorts:         {kind: attrNested},
	nla.IFLAPortSelf:        {kind: attrNested},
	nla.IFLAAFSpec:          {kind: attrNested},
	nla.IFLAGroup:           {kind: attrU32},
	nla.IFLANetNSFD:         {kind: attrU32},
	nla.IFLAExtMask:         {kind: attrU32},
	nla.IFLAPromiscuity:     {kind: attrU32},
	nla.IFLANumTxQueues:     {kind: attrU32},
	nla.IFLANumRxQueues:     {kind: attrU32},
	nla.IFLACarrier:         {kind: attrU8},
	nla.IFLAPhysPortID:      {kind: attrBinary, len: 32},
	nla.IFLACarrierChanges:  {kind: attrU32},
	nla.IFLAPhysSwitchID:    {kind: attrBinary, len: 32},
	nla.IFLALinkNetNSID:     {kind: attrS32},
	nla.IFLAProtoDown:       {kind: attrU8},
	nla.IFLAGSOMaxSegs:      {kind: attrU32},
	nla.IFLAGSOMaxSize:      {kind: attrU32, min: 193, max: 1<<32 - 1},
	nla.IFLAXDP:             {kind: attrNested},
	nla.IFLAEvent:           {kind: attrU32},
	nla.IFLATargetNetNSID:   {kind: attrS32},
	nla.IFLACarrierUps:      {kind: attrU32},
	nla.IFLACarrierDowns:    {kind: attrU32},
	nla.IFLANewIfindex:      {kind: attrS32, min: 1, max: 1<<31 - 1},
	nla.IFLAMinMTU:          {kind: attrU32},
	nla.IFLAMaxMTU:          {kind: attrU32},
	nla.IFLAPropList:        {kind: attrNested},
	nla.IFLAAltIfname:       {kind: attrString, len: altIfNameSize - 1},
	nla.IFLAPermAddress:     {kind: attrReject},
	nla.IFLAProtoDownReason: {kind: attrNested},
	nla.IFLAParentDevName:   {kind: attrNulString},
	nla.IFLAGROMaxSize:      {kind: attrU32},
	nla.IFLATSOMaxSize:      {kind: attrReject},
	nla.IFLATSOMaxSegs:      {kind: attrReject},
	nla.IFLAAllMulti:        {kind: attrReject},
	nla.IFLAGSOIPv4MaxSize:  {kind: attrU32, min: 193, max: 1<<32 - 1},
	nla.IFLAGROIPv4MaxSize:  {kind: attrU32},
	nla.IFLANetNSImmutable:  {kind: attrReject},
	nla.IFLAHeadroom:        {kind: attrReject},
	nla.IFLATailroom:        {kind: attrReject},
}

// linkInfoPolicy is what IFLA_LINKINFO may hold (ifla_info_policy).
var linkInfoPolicy = []policy{
	nla.IFLAInfoKind:      {kind: attrString},
	nla.IFLAInfoData:      {kind: attrNested},
	nla.IFLAInfoSlaveKind: {kind: attrString},
	nla.IFLAInfoSlaveData: {kind: attrNested},
}
