package netns

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// Attributes of a nexthop object (NHA_*), of its parts, and its types.
const (
	groupMultipath = 0 // NEXTHOP_GRP_TYPE_MPATH
	groupResilient = 1

	dumpStats   = 1       // NHA_OP_FLAG_DUMP_STATS
	dumpHWStats = 2       // NHA_OP_FLAG_DUMP_HW_STATS
	wideWeights = 1 << 31 // NHA_OP_FLAG_RESP_GRP_RESVD_0

	objectHeaderLen = 8 // struct nhmsg
	memberLen       = 8 // struct nexthop_grp

	idleDefault = 120 * hz // NH_RES_DEFAULT_IDLE_TIMER
)

// The policies of the requests (rtm_nh_policy_new and the like).
var (
	objectNewPolicy = []policy{
		nla.NHAID: {kind: attrU32}, nla.NHAGroup: {kind: attrBinary}, nla.NHAGroupType: {kind: attrU16}, nla.NHABlackhole: {kind: attrFlag},
		nla.NHAOIF: {kind: attrU32}, nla.NHAGateway: {kind: attrBinary}, nla.NHAEncapType: {kind: attrU16}, nla.NHAEncap: {kind: attrNested},
		nla.NHAFDB: {kind: attrFlag}, nla.NHAResGroup: {kind: attrNested}, nla.NHAHWStatsEnable: {kind: attrU32, max: 1},
	}
	objectGetPolicy  = []policy{nla.NHAID: {kind: attrU32}, nla.NHAOpFlags: {kind: attrU32, mask: dumpStats | dumpHWStats}}
	objectDelPolicy  = []policy{nla.NHAID: {kind: attrU32}}
	objectDumpPolicy = []policy{
		nla.NHAOIF: {kind: attrU32}, nla.NHAGroups: {kind: attrFlag}, nla.NHAMaster: {kind: attrU32}, nla.NHAFDB: {kind: attrFlag},
		nla.NHAOpFlags: {kind: attrU32, mask: dumpStats | dumpHWStats},
	}
	objectBucketGetPolicy  = []policy{nla.NHAID: {kind: attrU32}, nla.NHAResBucket: {kind: attrNested}}
	objectBucketDumpPolicy = []policy{
		nla.NHAID: {kind: attrU32}, nla.NHAOIF: {kind: attrU32}, nla.NHAMaster: {kind: attrU32}, nla.NHAResBucket: {kind: attrNested},
	}
	objectResPolicy = []policy{
		nla.NHAResGroupBuckets: {kind: attrU16}, nla.NHAResGroupIdleTimer: {kind: attrU32}, nla.NHAResGroupUnbalancedTimer: {kind: attrU32},
	}
)

// objectConfig is a request for an object (struct nh_config).
type objectConfig struct {
	id       uint32
	family   rpdb.Family
	protocol uint8
	flags    uint32
	fdb      bool
	reject   bool
	hop      hopConfig
	dev      *device
	members  []byte // nil: no group
	typ      uint16
	hwStats  bool

	numBuckets             uint16
	hasBuckets             bool
	idle, unbalanced       jiffies
	hasIdle, hasUnbalanced bool
}

func parseObjectRequest(r *request, p []policy) (attrs, error) {
	if len(r.data) < objectHeaderLen {
		return nil, fail(rpdb.EINVAL, "Invalid header length")
	}
	return parseAttrs(r.data[objectHeaderLen:], p, strict, &r.ext)
}

// newObject answers RTM_NEWNEXTHOP (rtm_new_nexthop).
func newObject(r *request) error {
	n := r.ns
	tb, err := parseObjectRequest(r, objectNewPolicy)
	if err != nil {
		return err
	}
	c, err := objectConfigOf(r, tb)
	if err != nil {
		return err
	}
	if r.head.Flags&netlink.Replace != 0 && c.id == 0 {
		return fail(rpdb.EINVAL, "Replace requires nexthop id")
	}
	if err := n.resolveObject(c, tb); err != nil {
		return err
	}
	if c.id == 0 {
		c.id = n.nexthops.freeID()
	}
	h, err := n.makeObject(c)
	if err != nil {
		return err
	}
	return n.insertObject(h, c, r)
}

// objectConfigOf reads and checks what needs no state (rtm_to_nh_config).
func objectConfigOf(r *request, tb attrs) (*objectConfig, error) {
	head := r.data[:objectHeaderLen]
	invalid := func(text string) (*objectConfig, error) { return nil, fail(rpdb.EINVAL, text) }
	c := &objectConfig{
		family: rpdb.Family(head[0]), protocol: head[2], flags: binary.NativeEndian.Uint32(head[4:]),
		typ: groupMultipath,
	}
	switch {
	case head[3] != 0 || head[1] != 0:
		return invalid("Invalid values in ancillary header")
	case c.flags&^rpdb.NHOnlink != 0:
		return invalid("Invalid nexthop flags in ancillary header")
	case c.family != rpdb.IPv4 && c.family != rpdb.IPv6 && (c.family != rpdb.Unspec || !tb.has(nla.NHAGroup)):
		return invalid("Invalid address family")
	}
	if tb.has(nla.NHAID) {
		c.id = tb.u32(nla.NHAID)
	}
	if c.fdb = tb.has(nla.NHAFDB); c.fdb {
		if tb.has(nla.NHAOIF) || tb.has(nla.NHABlackhole) || tb.has(nla.NHAEncap) || tb.has(nla.NHAEncapType) {
			return invalid("Fdb attribute can not be used with encap, oif or blackhole")
		}
		if c.flags != 0 {
			return invalid("Unsupported nexthop flags in ancillary header")
		}
	}
	switch {
	case tb.has(nla.NHAGroup):
		return c, c.readGroup(tb, &r.ext)
	case tb.has(nla.NHABlackhole):
		if tb.has(nla.NHAGateway) || tb.has(nla.NHAOIF) || tb.has(nla.NHAEncap) || tb.has(nla.NHAEncapType) || tb.has(nla.NHAFDB) {
			return invalid("Blackhole attribute can not be used with gateway, oif, encap or fdb")
		}
		c.reject = true
		return c, nil
	case !c.fdb && !tb.has(nla.NHAOIF):
		return invalid("Device attribute required for non-blackhole and non-fdb nexthops")
	}
	return c, c.readHop(r, tb)
}

// readHop reads the nexthop of an object that is no group.
func (c *objectConfig) readHop(r *request, tb attrs) error {
	invalid := func(text string) error { return fail(rpdb.EINVAL, text) }
	switch {
	case tb.has(nla.NHAGateway):
		if len(tb[nla.NHAGateway]) != c.family.Bits()/8 {
			return invalid("Invalid gateway")
		}
		if a, _ := netip.AddrFromSlice(tb[nla.NHAGateway]); !a.IsUnspecified() {
			c.hop.gw = a
		}
	case c.flags&rpdb.NHOnlink != 0:
		return invalid("ONLINK flag can not be set for nexthop without a gateway")
	}
	switch {
	case tb.has(nla.NHAEncap):
		if !tb.has(nla.NHAEncapType) {
			return invalid("LWT encapsulation type is missing")
		}
		c.hop.encap, c.hop.encapType = tb[nla.NHAEncap], tb.u16(nla.NHAEncapType)
		if err := r.checkEncapType(c.hop.encapType); err != nil {
			return err
		}
	case tb.has(nla.NHAEncapType):
		return invalid("LWT encapsulation attribute is missing")
	}
	if tb.has(nla.NHAHWStatsEnable) {
		return invalid("Cannot enable nexthop hardware statistics for non-group nexthops")
	}
	return nil
}

// readGroup reads what a group is asked to be (nh_check_attr_group,
// rtm_to_nh_config_grp_res).
func (c *objectConfig) readGroup(tb attrs, ext *extack) error {
	invalid := func(text string) error { return fail(rpdb.EINVAL, text) }
	if c.family != rpdb.Unspec {
		return invalid("Invalid family for group")
	}
	c.members = tb[nla.NHAGroup]
	if tb.has(nla.NHAGroupType) {
		c.typ = tb.u16(nla.NHAGroupType)
	}
	if c.typ > groupResilient {
		return invalid("Invalid group type")
	}
	if len(c.members) == 0 || len(c.members)%memberLen != 0 {
		return invalid("Invalid length for nexthop group attribute")
	}
	var ids []uint32
	for m := range slices.Chunk(c.members, memberLen) {
		ids = append(ids, binary.NativeEndian.Uint32(m))
	}
	for i, m := range slices.Collect(slices.Chunk(c.members, memberLen)) {
		switch {
		case m[6] != 0 || m[7] != 0:
			return invalid("Reserved field in nexthop_grp must be 0")
		case memberWeight(m) == 0:
			return invalid("Invalid value for weight")
		case slices.Contains(ids[i+1:], ids[i]):
			return invalid("Nexthop id can not be used twice in a group")
		}
	}
	for typ := nla.NHAGroupType + 1; typ < len(tb); typ++ {
		if tb.has(typ) && typ != nla.NHAHWStatsEnable && typ != nla.NHAFDB && (typ != nla.NHAResGroup || c.typ != groupResilient) {
			return invalid("No other attributes can be set in nexthop groups")
		}
	}
	if c.typ == groupResilient {
		if err := c.readResilient(tb, ext); err != nil {
			return err
		}
	}
	c.hwStats = tb.has(nla.NHAHWStatsEnable) && tb.u32(nla.NHAHWStatsEnable) != 0
	return nil
}

func memberWeight(m []byte) uint16 { return (uint16(m[5])<<8 | uint16(m[4])) + 1 }

func (c *objectConfig) readResilient(tb attrs, ext *extack) error {
	c.idle = idleDefault
	if !tb.has(nla.NHAResGroup) {
		return nil
	}
	res, err := parseAttrs(tb[nla.NHAResGroup], objectResPolicy, strict, ext)
	if err != nil {
		return err
	}
	if c.hasBuckets = res.has(nla.NHAResGroupBuckets); c.hasBuckets {
		if c.numBuckets = res.u16(nla.NHAResGroupBuckets); c.numBuckets == 0 {
			return fail(rpdb.EINVAL, "Number of buckets needs to be non-0")
		}
	}
	if c.hasIdle = res.has(nla.NHAResGroupIdleTimer); c.hasIdle {
		c.idle = fromClock(res.u32(nla.NHAResGroupIdleTimer))
	}
	if c.hasUnbalanced = res.has(nla.NHAResGroupUnbalancedTimer); c.hasUnbalanced {
		c.unbalanced = fromClock(res.u32(nla.NHAResGroupUnbalancedTimer))
	}
	return nil
}

// fromClock is the inverse of clock (clock_t_to_jiffies).
func fromClock(c uint32) jiffies { return jiffies(c) * hz / userHz }

// resolveObject checks a request against the state (rtm_to_nh_config_rtnl,
// nh_check_attr_group_rtnl).
func (n *Namespace) resolveObject(c *objectConfig, tb attrs) error {
	if c.members != nil {
		return n.resolveMembers(c)
	}
	if !tb.has(nla.NHAOIF) {
		return nil
	}
	c.hop.oif = int(int32(tb.u32(nla.NHAOIF)))
	c.dev = n.byIndex(c.hop.oif)
	switch {
	case c.dev == nil:
		return fail(rpdb.EINVAL, "Invalid device index")
	case !c.dev.Up():
		return fail(rpdb.ENETDOWN, "Nexthop device is not up")
	case !c.dev.hasCarrier():
		return fail(rpdb.ENETDOWN, "Carrier for nexthop device is down")
	}
	return nil
}

func (n *Namespace) resolveMembers(c *objectConfig) error {
	many := len(c.members) > memberLen
	family := rpdb.Unspec
	for m := range slices.Chunk(c.members, memberLen) {
		h := n.nexthops.find(binary.NativeEndian.Uint32(m))
		text := ""
		switch {
		case h == nil:
			text = "Invalid nexthop id"
		case h.group != nil && h.group.res != nil:
			text = "Resilient group can not be a nexthop within a group"
		case h.group != nil:
			text = "Hash-threshold group can not be a nexthop within a group"
		case h.hop.reject && many:
			text = "Blackhole nexthop can not be used in a group with more than 1 path"
		case c.fdb && !h.hop.fdb:
			text = "FDB nexthop group can only have fdb nexthops"
		case c.fdb && family != rpdb.Unspec && family != h.hop.family:
			text = "FDB nexthop group cannot have mixed family nexthops"
		case !c.fdb && h.hop.fdb:
			text = "Non FDB nexthop group cannot have fdb nexthops"
		default:
			family = h.hop.family
			continue
		}
		return fail(rpdb.EINVAL, text)
	}
	return nil
}

// makeObject makes an object that is in no table yet (nexthop_create,
// nexthop_create_group).
func (n *Namespace) makeObject(c *objectConfig) (*nexthop, error) {
	n.nexthops.serial++
	h := &nexthop{id: c.id, serial: n.nexthops.serial, protocol: c.protocol}
	if c.members != nil {
		h.group = n.makeGroup(h, c)
		return h, nil
	}
	h.hop = &objectHop{family: c.family, reject: c.reject, fdb: c.fdb, serial: h.serial}
	hop := &h.hop.hop
	*hop = hop4{gw: c.hop.gw, flags: c.flags, weight: 1, scope: rpdb.ScopeLink}
	if c.reject {
		c.hop.oif = rpdb.Loopback
	}
	hop.oif = c.hop.oif
	if c.hop.encap != nil {
		encap, err := buildEncap(c.hop.encapType, c.hop.encap)
		if err != nil {
			return nil, err
		}
		hop.encap = encap
	}
	if c.fdb {
		if c.family == rpdb.IPv6 && !hop.gw.IsValid() {
			hop.gw = netip.IPv6Unspecified() // fib6_nh_init takes the gateway as it is
		}
		return h, nil
	}
	var err error
	if c.family == rpdb.IPv4 {
		err = n.checkHop4(hop, n.l3Table(c.dev), rpdb.ScopeGlobal)
	} else {
		err = n.checkHop6(hop, n.l3Table(c.dev))
	}
	h.flags = hop.flags
	return h, err
}

// checkHop6 resolves the nexthop of an IPv6 object (nh_create_ipv6). One on lo is
// checked like any other: it is a route that makes a nexthop on lo reject.
func (n *Namespace) checkHop6(hop *hop4, table uint32) error {
	c := &config6{table: table, dev: hop.oif, gateway: hop.gw, onlink: hop.flags&rpdb.NHOnlink != 0}
	var nh rpdb.NextHop
	if err := n.initHop6(&nh, c); err != nil {
		return err
	}
	hop.dev, hop.oif, hop.gw, hop.flags = n.byIndex(nh.Dev), nh.Dev, nh.Gateway, nh.Flags
	return nil
}

func (n *Namespace) makeGroup(h *nexthop, c *objectConfig) *group {
	g := &group{fdb: c.fdb, hwStats: c.hwStats}
	for m := range slices.Chunk(c.members, memberLen) {
		g.entries = append(g.entries, &groupEntry{
			parent: h, nh: n.nexthops.find(binary.NativeEndian.Uint32(m)), weight: uint32(memberWeight(m)),
		})
	}
	if c.typ == groupResilient {
		g.res = &resTable{buckets: make([]bucket, c.numBuckets), idle: c.idle, unbalanced: c.unbalanced}
	}
	return g
}

// insertObject puts an object into the table, or into the place of the one with its
// id (insert_nexthop).
func (n *Namespace) insertObject(h *nexthop, c *objectConfig, r *request) error {
	replace := r.head.Flags&netlink.Replace != 0
	i, exists := n.nexthops.search(h.id)
	switch {
	case exists && !replace:
		return fail(rpdb.EEXIST, "")
	case exists:
		old := n.nexthops.list[i]
		if err := n.replaceObject(old, h, c); err != nil {
			return err
		}
		n.notifyObject(rtnl.RTMNewNextHop, old, r)
		if !n.hidesObjects() {
			n.tellRoutesOf(old, r)
		}
		return nil
	case replace && r.head.Flags&netlink.Create == 0:
		return fail(rpdb.ENOENT, "Replace specified without create and no entry exists")
	}
	if g := h.group; g != nil {
		if g.res != nil {
			if !c.hasBuckets {
				return fail(rpdb.EINVAL, "Number of buckets not specified for nexthop group insertion")
			}
			g.res.rebalance(g, n.world.now())
			g.res.upkeep(n.world.now(), nil)
			n.nexthops.plan(g.res)
		}
		g.join()
	}
	n.nexthops.list = slices.Insert(n.nexthops.list, i, h)
	n.notifyObject(rtnl.RTMNewNextHop, h, r)
	return nil
}

// replaceObject gives an object the contents of another (replace_nexthop).
func (n *Namespace) replaceObject(old, h *nexthop, c *objectConfig) error {
	if err := old.checkUsers(h); err != nil {
		return err
	}
	for _, e := range old.groups {
		if h.group == nil && h.hop.reject && len(e.parent.group.entries) > 1 {
			return fail(rpdb.EINVAL, "Blackhole nexthop can not be a member of a group with more than one path")
		}
		if err := e.parent.checkUsers(h); err != nil {
			return err
		}
	}
	n.changes.Add(1)
	if old.group != nil {
		return n.replaceGroup(old, h, c)
	}
	switch {
	case h.group != nil:
		return fail(rpdb.EINVAL, "Can not replace a nexthop with a nexthop group.")
	case len(old.groups) > 0 && old.hop.fdb != h.hop.fdb:
		return fail(rpdb.EINVAL, "Cannot change nexthop FDB status while in a group")
	}
	n.forgetExceptions4(old.hop.hop.gw, old.hop.hop.oif)
	old.protocol, old.flags, old.hop = h.protocol, h.flags, h.hop
	return nil
}

// replaceGroup is replace_nexthop_grp.
func (n *Namespace) replaceGroup(old, h *nexthop, c *objectConfig) error {
	if h.group == nil {
		return fail(rpdb.EINVAL, "Can not replace a nexthop group with a nexthop.")
	}
	if (h.group.res == nil) != (old.group.res == nil) {
		return fail(rpdb.EINVAL, "Can not replace a nexthop group with one of a different type.")
	}
	if res := old.group.res; res != nil {
		if c.hasBuckets && int(c.numBuckets) != len(res.buckets) {
			return fail(rpdb.EINVAL, "Can not change number of buckets of a resilient nexthop group.")
		}
		if c.hasIdle {
			res.idle = c.idle
		}
		if c.hasUnbalanced {
			res.unbalanced = c.unbalanced
		}
		res.adopt(h.group, n.world.now())
		n.nexthops.plan(res)
		h.group.res = res
	}
	for _, e := range old.group.entries {
		e.leave()
	}
	for _, e := range h.group.entries {
		e.parent = old
	}
	h.group.join()
	old.group = h.group
	return nil
}

// tellRoutesOf tells of the routes by an object, and by the groups that it is in,
// that they changed (nexthop_replace_notify).
func (n *Namespace) tellRoutesOf(h *nexthop, r *request) {
	users := []*nexthop{h}
	for _, e := range h.groups {
		users = append(users, e.parent)
	}
	for _, u := range users {
		if len(u.infos4) > 0 {
			n.tellRoutes4Of(u, r)
		}
		for _, x := range u.routes {
			n.notifyRoute6(x, rtnl.RTMNewRoute, &cause6{req: r}, netlink.Replace)
		}
	}
}

// tellRoutes4Of tells of the IPv4 routes by an object: in each table the highest
// destination first, at one destination in the order of a dump
// (__fib_info_notify_update).
func (n *Namespace) tellRoutes4Of(h *nexthop, r *request) {
	n.eachTable4(func(t *table4) bool {
		var users []*alias4
		t.each(func(a *alias4) bool {
			if a.info.object == h {
				users = append(users, a)
			}
			return true
		})
		slices.SortStableFunc(users, func(a, b *alias4) int { return cmp.Compare(b.dst, a.dst) })
		for _, a := range users {
			n.notifyRoute4(rtnl.RTMNewRoute, netlink.Replace, a, t.id, r)
		}
		return true
	})
}

// delObject answers RTM_DELNEXTHOP (rtm_del_nexthop).
func delObject(r *request) error {
	h, _, err := objectOf(r, objectDelPolicy)
	if err != nil {
		return err
	}
	r.ns.removeObject(h, r)
	return nil
}

// getObject answers RTM_GETNEXTHOP (rtm_get_nexthop).
func getObject(r *request) error {
	h, op, err := objectOf(r, objectGetPolicy)
	if err != nil {
		return err
	}
	r.reply(rtnl.RTMNewNextHop, 0, r.ns.appendObject(h, op))
	return nil
}

// objectOf finds the object that a request names.
func objectOf(r *request, p []policy) (h *nexthop, op uint32, err error) {
	tb, err := parseObjectRequest(r, p)
	if err != nil {
		return nil, 0, err
	}
	id, err := objectID(r, tb)
	if err != nil {
		return nil, 0, err
	}
	if h = r.ns.nexthops.find(id); h == nil {
		return nil, 0, fail(rpdb.ENOENT, "")
	}
	if tb.has(nla.NHAOpFlags) {
		op = tb.u32(nla.NHAOpFlags)
	}
	return h, op, nil
}

// objectID reads which object is meant (nh_valid_get_del_req).
func objectID(r *request, tb attrs) (uint32, error) {
	head := r.data[:objectHeaderLen]
	switch {
	case head[1]|head[2]|head[3] != 0 || binary.NativeEndian.Uint32(head[4:]) != 0:
		return 0, fail(rpdb.EINVAL, "Invalid values in header")
	case !tb.has(nla.NHAID):
		return 0, fail(rpdb.EINVAL, "Nexthop id is missing")
	case tb.u32(nla.NHAID) == 0:
		return 0, fail(rpdb.EINVAL, "Invalid nexthop id")
	}
	return tb.u32(nla.NHAID), nil
}

// objectFilter is what a dump is to show (struct nh_dump_filter).
type objectFilter struct {
	dev, master int
	family      rpdb.Family
	onlyGroups  bool
	op          uint32
}

// objectFilterOf reads the filter of a dump (__nh_valid_dump_req).
func objectFilterOf(r *request, tb attrs) (*objectFilter, error) {
	f := &objectFilter{family: r.family(), dev: tb.index(nla.NHAOIF), master: tb.index(nla.NHAMaster), onlyGroups: tb.has(nla.NHAGroups)}
	head := r.data[:objectHeaderLen]
	switch {
	case f.dev < 0:
		return nil, fail(rpdb.EINVAL, "Invalid device index")
	case f.master < 0:
		return nil, fail(rpdb.EINVAL, "Invalid master device index")
	case head[1]|head[2]|head[3] != 0 || binary.NativeEndian.Uint32(head[4:]) != 0:
		return nil, fail(rpdb.EINVAL, "Invalid values in header for nexthop dump request")
	}
	if tb.has(nla.NHAOpFlags) {
		f.op = tb.u32(nla.NHAOpFlags)
	}
	return f, nil
}

// shows reports whether a dump has an object (nh_dump_filtered).
func (f *objectFilter) shows(h *nexthop) bool {
	switch {
	case f.onlyGroups && h.group == nil:
		return false
	case f.dev == 0 && f.master == 0 && f.family == rpdb.Unspec:
		return true
	case h.group != nil, f.family != rpdb.Unspec && h.hop.family != f.family:
		return false
	}
	d := h.hop.hop.dev
	return (f.dev == 0 || d != nil && d.Index == f.dev) &&
		(f.master == 0 || d != nil && d.master != nil && d.master.Index == f.master)
}

// dumpObjects answers RTM_GETNEXTHOP with NLM_F_DUMP (rtm_dump_nexthop).
func dumpObjects(r *request) error {
	tb, err := parseObjectRequest(r, objectDumpPolicy)
	if err != nil {
		return err
	}
	f, err := objectFilterOf(r, tb)
	if err != nil {
		return err
	}
	for _, h := range r.ns.nexthops.list {
		if f.shows(h) {
			r.row(rtnl.RTMNewNextHop, 0, r.ns.appendObject(h, f.op))
		}
	}
	return nil
}

// index is the ifindex in an attribute, 0 if it is not there.
func (a attrs) index(typ int) int {
	if !a.has(typ) {
		return 0
	}
	return int(int32(a.u32(typ)))
}
