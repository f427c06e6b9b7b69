package ipcmd

import (
	"encoding/binary"
	"slices"
	"strconv"
	"strings"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// linkCache asks for devices one by one, and keeps the answers for the run
// (ll_map.c). It is the LinkNames of the printers.
type linkCache struct {
	s       *session
	byIndex map[int]*rpdb.Link
	byName  map[string]*rpdb.Link
}

const (
	extMaskVF        = 1
	extMaskSkipStats = 8
)

// ask sends RTM_GETLINK over the side connection (ll_link_get); nil if there is no
// such device.
func (l *linkCache) ask(name string, index int) *rpdb.Link {
	if l.s.side == nil {
		l.s.side = l.s.dial()
	}
	r := request{typ: rtnl.RTMGetLink, body: make([]byte, 16)}
	binary.NativeEndian.PutUint32(r.body[4:], uint32(index))
	r.u32(nla.IFLAExtMask, extMaskVF|extMaskSkipStats)
	if name != "" {
		typ := uint16(nla.IFLAIfname)
		if len(name) >= 16 {
			typ = nla.IFLAAltIfname
		}
		r.str(typ, name)
	}
	var link *rpdb.Link
	for m, err := range l.s.side.Do(r.message()) {
		if err != nil {
			return nil
		}
		m.Data = slices.Clone(m.Data)
		if k, err := rtnl.ParseLink(m); err == nil {
			link = &k
		}
	}
	return link
}

func (l *linkCache) keep(k *rpdb.Link) {
	if l.byIndex == nil {
		l.byIndex, l.byName = map[int]*rpdb.Link{}, map[string]*rpdb.Link{}
	}
	l.byIndex[k.Index], l.byName[k.Name] = k, k
	for _, a := range k.AltNames {
		l.byName[a] = k
	}
}

// forget drops what is known of a device that changed (ll_drop_by_index).
func (l *linkCache) forget() { l.byIndex, l.byName = nil, nil }

// add notes the device of an RTM_NEWLINK message (ll_remember_index).
func (l *linkCache) add(m netlink.Message) {
	m.Data = slices.Clone(m.Data)
	if k, err := rtnl.ParseLink(m); err == nil {
		l.keep(&k)
	}
}

// Link returns a device by index, nil if there is none.
func (l *linkCache) Link(index int) *rpdb.Link {
	if k, ok := l.byIndex[index]; ok {
		return k
	}
	k := l.ask("", index)
	if k != nil {
		l.keep(k)
	}
	return k
}

// LinkName implements iproute2.LinkNames.
func (l *linkCache) LinkName(index int) (string, bool) {
	if index <= 0 {
		return "", false
	}
	if k := l.Link(index); k != nil {
		return k.Name, true
	}
	return "", false
}

// named returns a device by its name or an alternative name, nil if there is none.
func (l *linkCache) named(name string) *rpdb.Link {
	if k, ok := l.byName[name]; ok {
		return k
	}
	k := l.ask(name, 0)
	if k != nil {
		l.keep(k)
		l.byName[name] = k
	}
	return k
}

// LinkIndex implements iproute2.LinkNames; the form ifN is taken for a device that
// has no such name (ll_name_to_index).
func (l *linkCache) LinkIndex(name string) (int, bool) {
	if name == "" {
		return 0, false
	}
	if k := l.named(name); k != nil {
		return k.Index, true
	}
	return parseIfN(name)
}

// parseIfN reads ifN (ll_idx_a2n); sscanf accepts what follows the number.
func parseIfN(name string) (int, bool) {
	digits, ok := strings.CutPrefix(name, "if")
	if !ok {
		return 0, false
	}
	end := 0
	for end < len(digits) && digits[end] >= '0' && digits[end] <= '9' {
		end++
	}
	n, err := strconv.ParseUint(digits[:end], 10, 32)
	return int(int32(n)), err == nil && n != 0
}

// device returns the index of a device, 0 if there is none.
func (s *session) device(name string) int {
	i, _ := s.links.LinkIndex(name)
	return i
}

// vrfTable returns the table of a VRF device by name: 0 if it is none, main for
// default (ipvrf_get_table).
func (s *session) vrfTable(name string) uint32 {
	k := s.links.named(name)
	switch {
	case k == nil && name == "default":
		return rpdb.TableMain
	case k == nil || k.Kind != "vrf":
		return 0
	}
	return k.VRFTable
}

// drop forgets a device that has gone (ll_entry_destroy).
func (l *linkCache) drop(index int) {
	k := l.byIndex[index]
	delete(l.byIndex, index)
	for name, x := range l.byName {
		if x == k {
			delete(l.byName, name)
		}
	}
}
