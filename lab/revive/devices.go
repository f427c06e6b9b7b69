package revive

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// asTold are the kinds of devices that can be made from what a state tells of them.
var asTold = map[string]bool{"dummy": true, "ifb": true, "bridge": true, "vrf": true, "wireguard": true}

// devices makes the devices, with their indexes, and then their masters and states.
func (h *host) devices() {
	links := slices.Clone(h.State.Links)
	slices.SortFunc(links, func(a, b rpdb.Link) int { return cmp.Compare(a.Index, b.Index) })
	for _, l := range links {
		if !l.IsLoopback() && l.Name != "lo" {
			h.device(l)
		}
	}
	db := h.ns.View().Database
	for _, l := range links { // all are there: a master may have a larger index
		made := db.Link(l.Index)
		if made == nil || made.Name != l.Name {
			continue
		}
		set := rpdb.Link{Index: l.Index}
		if l.MTU != made.MTU {
			set.MTU = l.MTU
		}
		if l.Group != made.Group {
			set.Group = l.Group
		}
		if len(l.Address) == 6 && !bytes.Equal(l.Address, made.Address) {
			set.Address = l.Address
		}
		if m := db.Link(l.Master); m != nil {
			if m.Kind == "bridge" || m.Kind == "vrf" {
				set.Master = l.Master
			} else {
				h.note("%s is not under %s, which is no bridge and no VRF here", l.Name, m.Name)
			}
		}
		if set.MTU != 0 || set.Group != 0 || set.Address != nil || set.Master != 0 {
			m, err := rtnl.SetLinkAttrs(set)
			h.try("attributes of "+l.Name, m, err)
		}
		if l.Flags&rpdb.IFFUp != 0 || l.Assumed {
			m, err := rtnl.SetLink(l.Index, rpdb.IFFUp, rpdb.IFFUp)
			h.try(l.Name+" up", m, err)
		}
	}
}

// device makes one device. Those of kinds that cannot be made are a network card, or for
// devices without hardware addresses one of kind wireguard, which looks alike.
func (h *host) device(l rpdb.Link) {
	const ether = 1 // ARPHRD_ETHER
	switch {
	case h.plugged[l.Index]:
		if l.Kind != "veth" {
			h.note("%s is an end of a veth pair: a cable is plugged in", l.Name)
		}
	case asTold[l.Kind]:
		made := rpdb.Link{Index: l.Index, Name: l.Name, Kind: l.Kind, VRFTable: l.VRFTable}
		m, err := rtnl.NewLink(made, rtnl.FlagsAdd)
		h.try(fmt.Sprintf("device %s (%s)", l.Name, l.Kind), m, err)
	case l.Type == ether || l.Type == 0:
		address := [6]byte{2, 0, 0, 0, byte(l.Index >> 8), byte(l.Index)}
		if len(l.Address) == 6 {
			address = [6]byte(l.Address)
		}
		if _, err := h.ns.AddEthernetAt(l.Index, l.Name, address); err != nil {
			h.note("not carried over: device %s: %s", l.Name, reason(err))
			return
		}
		if l.Kind != "" {
			h.note("%s is a network card here, not a %s device", l.Name, l.Kind)
		}
	default:
		m, err := rtnl.NewLink(rpdb.Link{Index: l.Index, Name: l.Name, Kind: "wireguard"}, rtnl.FlagsAdd)
		h.try("device "+l.Name, m, err)
		h.note("%s is made as a device of kind wireguard, as which it has no hardware address; packets end in it", l.Name)
	}
}
