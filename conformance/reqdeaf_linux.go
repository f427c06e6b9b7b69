package conformance

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/mdlayher/netlink"
)

// Netlink of nf_tables.
const (
	netlinkNetfilter = 12 // NETLINK_NETFILTER
	subsysNFTables   = 10 // NFNL_SUBSYS_NFTABLES

	nfnlBatchBegin netlink.HeaderType = 0x10
	nfnlBatchEnd   netlink.HeaderType = 0x11
	nftNewTable    netlink.HeaderType = subsysNFTables << 8
	nftNewChain    netlink.HeaderType = subsysNFTables<<8 | 3
)

// ErrNoFilter says that packets cannot be kept away from a namespace.
var ErrNoFilter = errors.New("cannot keep packets away from the kernel's namespace: nf_tables is needed (CONFIG_NF_TABLES; modprobe nf_tables)")

// deafFamilies are those by which all packets come (NFPROTO_INET, NFPROTO_ARP,
// NFPROTO_BRIDGE). Their first hook is 0: prerouting, and input of ARP.
var deafFamilies = []byte{1, 3, 7}

// deafen lets the devices of the calling thread's namespace hear nothing: no address is
// learned from a packet, no question of a neighbour is answered. An emulated namespace
// by itself sends no packets; what they change is for those to compare who have them.
// It fails with ErrNoFilter.
func deafen() (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("%w: %w", ErrNoFilter, err)
		}
	}()
	c, err := netlink.Dial(netlinkNetfilter, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	table, chain, err := deafTable()
	if err != nil {
		return err
	}
	batch := []netlink.Message{nftMessage(nfnlBatchBegin, 0, 0, nil)}
	for _, f := range deafFamilies {
		batch = append(batch,
			nftMessage(nftNewTable, netlink.Create, f, table),
			nftMessage(nftNewChain, netlink.Create|netlink.Acknowledge, f, chain))
	}
	batch = append(batch, nftMessage(nfnlBatchEnd, 0, 0, nil))
	if _, err := c.SendMessages(batch); err != nil {
		return err
	}
	for range deafFamilies {
		if _, err := c.Receive(); err != nil {
			return err
		}
	}
	return nil
}

// nftMessage is a message with a struct nfgenmsg.
func nftMessage(t netlink.HeaderType, flags netlink.HeaderFlags, family byte, attrs []byte) netlink.Message {
	head := []byte{family, 0, 0, 0}
	if t == nfnlBatchBegin || t == nfnlBatchEnd {
		head[3] = subsysNFTables
	}
	return netlink.Message{
		Header: netlink.Header{Type: t, Flags: netlink.Request | flags},
		Data:   append(head, attrs...),
	}
}

// deafTable returns the attributes of a table and of its one chain, which drops all
// that comes by the first hook.
func deafTable() (table, chain []byte, err error) {
	e := netlink.NewAttributeEncoder()
	e.ByteOrder = binary.BigEndian
	e.String(1, "deaf") // NFTA_TABLE_NAME
	if table, err = e.Encode(); err != nil {
		return nil, nil, err
	}
	e = netlink.NewAttributeEncoder()
	e.ByteOrder = binary.BigEndian
	e.String(1, "deaf")                                    // NFTA_CHAIN_TABLE
	e.String(3, "all")                                     // NFTA_CHAIN_NAME
	e.Nested(4, func(in *netlink.AttributeEncoder) error { // NFTA_CHAIN_HOOK
		in.Uint32(1, 0) // NFTA_HOOK_HOOKNUM
		in.Uint32(2, 0) // NFTA_HOOK_PRIORITY
		return nil
	})
	e.Uint32(5, 0)        // NFTA_CHAIN_POLICY: NF_DROP
	e.String(7, "filter") // NFTA_CHAIN_TYPE
	chain, err = e.Encode()
	return table, chain, err
}
