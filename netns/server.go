package netns

import (
	"encoding/binary"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// handler answers one type of request (struct rtnl_link).
type handler struct {
	doit func(*request) error
	dump func(*request) error
	// bulk: a deletion can be of all that fits (RTNL_FLAG_BULK_DEL_SUPPORTED).
	bulk bool
	// bulk7: one of AF_BRIDGE can.
	bulk7 bool
	// split: only the two families know the request.
	split bool
	only6 bool // of the two, only IPv6
	only7 bool // only AF_BRIDGE knows the request
	// mroute: IPv4 multicast routing knows the request too.
	mroute bool
	// global: the request can touch other namespaces too.
	global bool
}

// foreign reports whether a family does not know the request.
func (h *handler) foreign(f rpdb.Family) bool {
	return h.only7 && f != familyBridge || h.split && f != rpdb.IPv6 && (h.only6 || f != rpdb.IPv4) && (!h.mroute || f != familyIPMR)
}

// handlers are the requests that are understood. A type that is not here is refused
// with EOPNOTSUPP, as by a kernel without that part.
var handlers = map[netlink.HeaderType]handler{
	rtnl.RTMNewAddr:          {doit: byFamily(newAddr4, newAddr6)},
	rtnl.RTMDelAddr:          {doit: byFamily(delAddr4, delAddr6), split: true},
	rtnl.RTMGetAddr:          {doit: byFamily(nil, getAddr6), dump: dumpByFamily(dumpAddrs4, dumpAddrs6)},
	rtmGetMulticast:          {dump: byFamily(dumpGroups4, dumpGroups6), split: true},
	rtmGetAnycast:            {dump: byFamily(nil, dumpAnycasts6), split: true, only6: true},
	rtnl.RTMNewRoute:         {doit: routeByFamily(newRoute4, newRoute6)},
	rtnl.RTMDelRoute:         {doit: routeByFamily(delRoute4, delRoute6), split: true, mroute: true},
	rtnl.RTMGetRoute:         {doit: getRoute, dump: dumpRoutes},
	rtnl.RTMNewNeigh:         {doit: neighOrFDB(newNeigh, newFDB)},
	rtnl.RTMDelNeigh:         {doit: neighOrFDB(delNeigh, delFDB), bulk7: true},
	rtnl.RTMGetNeigh:         {doit: neighOrFDB(getNeigh, getFDB), dump: neighOrFDB(dumpNeighs, dumpFDB)},
	rtnl.RTMNewRule:          {doit: newRule},
	rtnl.RTMDelRule:          {doit: delRule},
	rtnl.RTMGetRule:          {dump: dumpRules},
	rtnl.RTMNewNextHop:       {doit: newObject},
	rtnl.RTMDelNextHop:       {doit: delObject},
	rtnl.RTMGetNextHop:       {doit: getObject, dump: dumpObjects},
	rtnl.RTMGetNextHopBucket: {doit: getBucket, dump: dumpBuckets},
	rtnl.RTMNewLink:          {doit: newLink, global: true},
	rtnl.RTMDelLink:          {doit: delLink, global: true},
	rtnl.RTMGetLink:          {doit: getLink, dump: dumpLinksByFamily},
	rtmSetLink:               {doit: setLink, global: true},
	rtmNewLinkProp:           {doit: newLinkProp, global: true},
	rtmDelLinkProp:           {doit: delLinkProp, global: true},
	rtmGetNetconf:            {doit: byFamily(netconf4.get, netconf6.get), dump: dumpByFamily(netconf4.dump, netconf6.dump)},
	rtnl.RTMNewAddrLabel:     {doit: newLabel, split: true, only6: true},
	rtnl.RTMDelAddrLabel:     {doit: delLabel, split: true, only6: true},
	rtnl.RTMGetAddrLabel:     {doit: getLabel, dump: dumpLabels, split: true, only6: true},
	rtmNewTunnel:             {doit: changeVNIFilter, only7: true},
	rtmDelTunnel:             {doit: changeVNIFilter, only7: true},
	rtmGetTunnel:             {dump: dumpVNIFilters, only7: true},
	rtmNewMDB:                {doit: newMDB, only7: true},
	rtmDelMDB:                {doit: delMDB, only7: true, bulk7: true},
	rtmGetMDB:                {doit: getMDB, dump: dumpMDB, only7: true},
	rtmNewNSID:               {doit: newNSID, global: true},
	rtmGetNSID:               {doit: getNSID, dump: dumpNSIDs},
}

// request is one request under way.
type request struct {
	ns   *Namespace
	sock *Socket
	head netlink.Header
	data []byte // after the netlink header
	emit func(netlink.Message)
	ext  extack

	// filtered is set by a dump that leaves something out on request: all its messages
	// say so (NLM_F_DUMP_FILTERED).
	filtered bool
}

// echoed is the request if it asked for an echo, else nil: only then notifications
// about links carry its number.
func (r *request) echoed() *request {
	if r.head.Flags&netlink.Echo == 0 {
		return nil
	}
	return r
}

// reply answers with one message that is no part of a dump.
func (r *request) reply(typ netlink.HeaderType, flags netlink.HeaderFlags, body []byte) {
	r.emit(netlink.Message{Header: r.answerHeader(typ, flags), Data: body})
}

// row adds one message to a dump.
func (r *request) row(typ netlink.HeaderType, flags netlink.HeaderFlags, body []byte) {
	r.reply(typ, flags|r.dumpFlags(), body)
}

// dumpFlags are the flags of the messages of a dump.
func (r *request) dumpFlags() netlink.HeaderFlags {
	if r.filtered {
		return netlink.Multi | netlink.DumpFiltered
	}
	return netlink.Multi
}

func (r *request) answerHeader(typ netlink.HeaderType, flags netlink.HeaderFlags) netlink.Header {
	return netlink.Header{Type: typ, Flags: flags, Sequence: r.head.Sequence, PID: r.sock.id}
}

// strict reports whether the socket asked for strict checks of dump requests
// (NETLINK_GET_STRICT_CHK).
func (r *request) strict() bool { return r.sock.opts.StrictCheck }

// Message types come in fours: new, del, get, set.
const (
	kindDel = 1
	kindGet = 2
	kindOf  = 3

	rtmBase = 16
	rtmMax  = 123 // RTM_MAX of 6.18, rounded up to a four
)

// serve answers one message (netlink_rcv_skb, rtnetlink_rcv_msg).
func (n *Namespace) serve(s *Socket, m netlink.Message, emit func(netlink.Message)) {
	r := &request{ns: n, sock: s, head: m.Header, data: m.Data, emit: emit}
	if m.Header.Flags&netlink.Request == 0 || m.Header.Type < rtmBase {
		if m.Header.Flags&netlink.Acknowledge != 0 {
			r.ack(nil)
		}
		return
	}
	n.expire()
	dumped, err := r.run()
	if dumped {
		r.done(err)
		return
	}
	if err != nil || m.Header.Flags&netlink.Acknowledge != 0 {
		r.ack(err)
	}
}

// run finds the handler and calls it under the locks. It reports whether a dump was
// begun, which ends with a message of its own kind.
func (r *request) run() (dumped bool, err error) {
	if r.head.Type > rtmMax {
		return false, fail(rpdb.EOPNOTSUPP, "")
	}
	if len(r.data) < 1 {
		return false, nil // not even a family: taken for nothing
	}
	h := handlers[r.head.Type]
	isGet := r.head.Type&kindOf == kindGet
	if isGet && r.head.Flags&netlink.Dump != 0 {
		if h.dump == nil || h.foreign(r.family()) {
			return false, fail(rpdb.EOPNOTSUPP, "")
		}
		defer r.lock(false, true)()
		return true, h.dump(r)
	}
	if h.doit == nil {
		return false, fail(rpdb.EOPNOTSUPP, "")
	}
	if h.foreign(r.family()) {
		return false, fail(rpdb.EOPNOTSUPP, "")
	}
	if r.head.Type&kindOf == kindDel && r.head.Flags&flagBulk != 0 && !h.bulk && !(h.bulk7 && r.family() == familyBridge) {
		return false, fail(rpdb.EOPNOTSUPP, "Bulk delete is not supported")
	}
	defer r.lock(h.global, isGet)()
	r.locate()
	if !isGet {
		r.record()
		r.ns.changes.Add(1)
	}
	return false, h.doit(r)
}

// lock takes the locks of a request and returns what gives them back.
func (r *request) lock(global, read bool) func() {
	w, n := r.ns.world, r.ns
	if global {
		w.rtnl.Lock()
		return func() { w.runWatch(); w.settle6(); w.rtnl.Unlock(); w.changed() }
	}
	w.rtnl.RLock()
	if read {
		n.mu.RLock()
		return func() { n.mu.RUnlock(); w.rtnl.RUnlock() }
	}
	n.mu.Lock()
	return func() { n.runDAD6(); n.mu.Unlock(); w.rtnl.RUnlock(); w.changed() }
}

// Netlink's own flags and attributes of outcomes (linux/netlink.h).
const (
	flagCapped  = netlink.Capped
	flagAckTLVs = netlink.AcknowledgeTLVs

	flagBulk  = netlink.HeaderFlags(0x200) // NLM_F_BULK
	headerLen = 16
)

// ack sends the outcome of a request (netlink_ack).
func (r *request) ack(err error) {
	e := refusal(err)
	body := binary.NativeEndian.AppendUint32(nil, uint32(-int32(e.Errno)))
	payload := r.data
	flags := netlink.HeaderFlags(0)
	if e.Errno == rpdb.OK || r.sock.opts.CapAck {
		payload, flags = nil, flagCapped
	}
	echoed := netlink.Message{Header: r.head, Data: r.data}
	body = append(body, rtnl.AppendMessage(nil, echoed)[:headerLen]...)
	body = append(body, payload...)
	body = append(body, make([]byte, -len(body)&3)...)
	if tlvs := r.outcomeAttrs(err); tlvs != nil {
		body, flags = append(body, tlvs...), flags|flagAckTLVs
	}
	r.emit(netlink.Message{Header: r.answerHeader(netlink.Error, flags), Data: body})
}

// done ends a dump (netlink_dump_done).
func (r *request) done(err error) {
	e := refusal(err)
	body := binary.NativeEndian.AppendUint32(nil, uint32(-int32(e.Errno)))
	flags := r.dumpFlags()
	if tlvs := r.outcomeAttrs(err); tlvs != nil {
		body, flags = append(body, tlvs...), flags|flagAckTLVs
	}
	r.emit(netlink.Message{Header: r.answerHeader(netlink.Done, flags), Data: body})
}

// refusal returns the kernel's view of an error. All errors of handlers are
// *rtnl.Error; anything else is a defect of the emulation and shows as EIO.
func refusal(err error) *rtnl.Error {
	switch e := err.(type) { //nolint:errorlint // never wrapped
	case nil:
		return &rtnl.Error{}
	case *rtnl.Error:
		return e
	case *attrError:
		return e.refusal
	default:
		return fail(rpdb.EIO, "emulation: "+err.Error())
	}
}
