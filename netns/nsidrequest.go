package netns

import (
	"maps"
	"slices"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

var nsidPolicy = []policy{
	nla.NetNSANSID:        {kind: attrS32},
	nla.NetNSAPID:         {kind: attrU32},
	nla.NetNSAFD:          {kind: attrU32},
	nla.NetNSATargetNSID:  {kind: attrS32},
	nla.NetNSACurrentNSID: {},
}

const genHead = 4 // struct rtgenmsg, aligned

func nsidAttrs(r *request, how validation) (attrs, error) {
	return parseAttrs(r.data[min(genHead, len(r.data)):], nsidPolicy, how, &r.ext)
}

// newNSID answers RTM_NEWNSID: gives another namespace a number (rtnl_net_newid).
func newNSID(r *request) error {
	tb, err := nsidAttrs(r, liberal)
	if err != nil {
		return err
	}
	if !tb.has(nla.NetNSANSID) {
		return fail(rpdb.EINVAL, "nsid is missing")
	}
	peer, named, err := r.peerNetns(tb, false)
	if err != nil {
		return err
	}
	want := int32(tb.u32(nla.NetNSANSID))
	if _, known := r.ns.nsidOf(peer); known {
		return failAttr(rpdb.EEXIST, "Peer netns already has a nsid assigned", named)
	}
	if want < 0 {
		r.ns.giveNSID(peer, r)
		return nil
	}
	if r.ns.byNSID(want) != nil {
		return failAttr(rpdb.EEXIST, "The specified nsid is already used", tb[nla.NetNSANSID])
	}
	r.ns.setNSID(peer, want, r)
	return nil
}

// peerNetns is the namespace that a request is about, with the attribute that names
// it. A question may name it by number.
func (r *request) peerNetns(tb attrs, byNumber bool) (*Namespace, []byte, error) {
	var peer *Namespace
	var err error
	var named []byte
	switch {
	case tb.has(nla.NetNSAPID):
		named = tb[nla.NetNSAPID]
		peer, err = r.ns.world.byPID(tb.u32(nla.NetNSAPID))
	case tb.has(nla.NetNSAFD):
		named = tb[nla.NetNSAFD]
		peer, err = r.ns.world.byFD(tb.u32(nla.NetNSAFD))
	case byNumber && tb.has(nla.NetNSANSID):
		named = tb[nla.NetNSANSID]
		if peer = r.ns.byNSID(int32(tb.u32(nla.NetNSANSID))); peer == nil {
			err = fail(rpdb.ENOENT, "")
		}
	default:
		return nil, nil, fail(rpdb.EINVAL, "Peer netns reference is missing")
	}
	if err != nil {
		return nil, nil, failAttr(refusal(err).Errno, "Peer netns reference is invalid", named)
	}
	return peer, named, nil
}

// getNSID answers RTM_GETNSID about one namespace (rtnl_net_getid).
func getNSID(r *request) error {
	how := liberal
	if r.strict() {
		how = deprecatedStrict
	}
	tb, err := nsidAttrs(r, how)
	if err != nil {
		return err
	}
	if r.strict() && tb.has(nla.NetNSACurrentNSID) {
		return fail(rpdb.EINVAL, "Unsupported attribute in peer netns getid request")
	}
	peer, _, err := r.peerNetns(tb, true)
	if err != nil {
		return err
	}
	target := r.ns
	if tb.has(nla.NetNSATargetNSID) {
		if target = r.ns.byNSID(int32(tb.u32(nla.NetNSATargetNSID))); target == nil {
			return failAttr(rpdb.EINVAL, "Target netns reference is invalid", tb[nla.NetNSATargetNSID])
		}
	}
	m := &message{b: encodeNSID(target.nsidOrNone(peer))}
	if tb.has(nla.NetNSATargetNSID) {
		m.u32(nla.NetNSACurrentNSID, uint32(r.ns.nsidOrNone(peer)))
	}
	r.reply(rtmNewNSID, 0, m.b)
	return nil
}

// dumpNSIDs answers RTM_GETNSID about all namespaces with a number (rtnl_net_dumpid).
func dumpNSIDs(r *request) error {
	of, target := r.ns, false
	if r.strict() {
		tb, err := nsidAttrs(r, deprecatedStrict)
		if err != nil {
			return err
		}
		for typ := range tb {
			switch {
			case !tb.has(typ):
			case typ != nla.NetNSATargetNSID:
				return failAttr(rpdb.EINVAL, "Unsupported attribute in dump request", tb[typ])
			default:
				if of = r.ns.byNSID(int32(tb.u32(typ))); of == nil {
					return failAttr(rpdb.EINVAL, "Invalid target network namespace id", tb[typ])
				}
				target = true
			}
		}
	}
	of.nsids.mu.Lock()
	all := maps.Clone(of.nsids.by)
	of.nsids.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(all)) {
		m := &message{b: encodeNSID(id)}
		if target {
			m.u32(nla.NetNSACurrentNSID, uint32(r.ns.nsidOrNone(all[id])))
		}
		r.row(rtmNewNSID, 0, m.b)
	}
	return nil
}

// nsidNone is what stands for the number of a namespace without one
// (NETNSA_NSID_NOT_ASSIGNED).
const nsidNone = -1

// nsidOrNone is peernet2id.
func (n *Namespace) nsidOrNone(other *Namespace) int32 {
	if id, ok := n.nsidOf(other); ok {
		return id
	}
	return nsidNone
}
