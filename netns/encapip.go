package netns

import (
	"encoding/binary"

	"github.com/rulewalk/rulewalk/rpdb"
)

// Attributes of an IP tunnel (LWTUNNEL_IP_*, LWTUNNEL_IP6_*): id, destination, source,
// hop limit, traffic class, flags, options.
const (
	encapID    = 1
	encapDst   = 2
	encapSrc   = 3
	encapTTL   = 4
	encapTOS   = 5
	encapFlags = 6
	encapOpts  = 8

	// encapOptFlags are those that options set (IP_TUNNEL_OPTIONS_PRESENT).
	encapOptFlags = 0xd800
)

// encapPolicy is ip_tun_policy and ip6_tun_policy.
func encapPolicy(addr policy) []policy {
	return []policy{
		encapID: {kind: attrU64}, encapDst: addr, encapSrc: addr, encapTTL: {kind: attrU8}, encapTOS: {kind: attrU8},
		encapFlags: {kind: attrU16}, encapOpts: {kind: attrNested},
	}
}

var encapPolicies = map[uint16][]policy{
	encapIP:  encapPolicy(policy{kind: attrU32}),
	encapIP6: encapPolicy(policy{len: 16}),
}

// canonicalEncap returns the attributes of a tunnel as dumps show them
// (ip_tun_build_state, ip_tun_fill_encap_info and their IPv6 likes). Options, and
// tunnels of other types, stay as they were given.
func canonicalEncap(typ uint16, data []byte) ([]byte, error) {
	policies, ok := encapPolicies[typ]
	if !ok {
		return append([]byte{}, data...), nil
	}
	tb, err := parseAttrs(data, policies, liberal, nil)
	if err != nil {
		return nil, err
	}
	addrLen := 4
	if typ == encapIP6 {
		addrLen = 16
	}
	w := &message{}
	// What is absent is 0; of what is longer than its kind the first bytes count.
	put := func(typ, n int) {
		b := make([]byte, n)
		if tb.has(typ) {
			copy(b, tb[typ])
		}
		if typ == encapFlags {
			binary.BigEndian.PutUint16(b, binary.BigEndian.Uint16(b)&^encapOptFlags)
		}
		w.put(uint16(typ), b)
	}
	put(encapID, 8)
	put(encapDst, addrLen)
	put(encapSrc, addrLen)
	put(encapTOS, 1)
	put(encapTTL, 1)
	put(encapFlags, 2)
	if tb.has(encapOpts) {
		w.put(encapOpts, tb[encapOpts])
	}
	return w.b, nil
}

// buildEncap takes a tunnel in (lwtunnel_build_state). The data is a part of the
// request.
func buildEncap(typ uint16, data []byte) (*rpdb.Encap, error) {
	if typ == 0 {
		return nil, failAttr(rpdb.EINVAL, "Unknown LWT encapsulation type", data)
	}
	own, err := canonicalEncap(typ, data)
	if err != nil {
		return nil, err
	}
	return &rpdb.Encap{Type: typ, Data: own}, nil
}
