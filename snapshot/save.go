package snapshot

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// save reads a file of ip route save, ip rule save or ip addr save: the magic and
// the messages of a dump (spec iproute2 10.3). They name devices by index only.
func (l *loader) save(r io.Reader, d document) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if len(b) < 4 {
		return io.ErrUnexpectedEOF
	}
	kind, ok := saveMagics[binary.NativeEndian.Uint32(b)]
	if !ok {
		return fmt.Errorf("a save file of ip from a host of the other byte order")
	}
	p := piece{file: d.name, format: FormatSave, indexOnly: true}
	n := 0
	for m, err := range rtnl.Messages(b[4:]) {
		if err == nil {
			err = p.message(kind, m)
		}
		if err != nil {
			return fmt.Errorf("message %d: %w", n+1, err)
		}
		n++
	}
	p.nameDevices()
	l.pieces = append(l.pieces, p)
	return nil
}

// message adds one message of a save file.
func (p *piece) message(kind saveKind, m netlink.Message) error {
	if m.Header.Type != saveTypes[kind] {
		return fmt.Errorf("type %d, not %d as the file's magic promises", m.Header.Type, saveTypes[kind])
	}
	s := &p.state
	switch kind {
	case saveRoutes:
		r, err := rtnl.ParseRoute(m)
		if err != nil {
			return err
		}
		p.tell(r.Family, rpdb.PartRoutes4, rpdb.PartRoutes6)
		s.Routes = append(s.Routes, r)
	case saveRules:
		r, err := rtnl.ParseRule(m)
		if err != nil {
			return err
		}
		p.tell(r.Family, rpdb.PartRules4, rpdb.PartRules6)
		s.Rules = append(s.Rules, r)
	case saveAddrs:
		a, err := rtnl.ParseAddr(m)
		if err != nil {
			return err
		}
		p.tell(a.Family, rpdb.PartAddrs4, rpdb.PartAddrs6)
		s.Addrs = append(s.Addrs, a)
	}
	return nil
}

var saveTypes = map[saveKind]netlink.HeaderType{
	saveRoutes: rtnl.RTMNewRoute,
	saveRules:  rtnl.RTMNewRule,
	saveAddrs:  rtnl.RTMNewAddr,
}

// tell notes that the piece tells a kind of state of a family.
func (p *piece) tell(f rpdb.Family, p4, p6 rpdb.Parts) {
	if f == rpdb.IPv6 {
		p4 = p6
	}
	p.told |= p4
}

// nameDevices lists the devices that the messages refer to as ifN.
func (p *piece) nameDevices() {
	seen := map[int]bool{0: true}
	p.eachIndex(func(index *int) {
		if !seen[*index] {
			seen[*index] = true
			p.state.Links = append(p.state.Links, assumedLink(*index, fmt.Sprintf("if%d", *index)))
		}
	})
}
