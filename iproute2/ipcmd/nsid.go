package ipcmd

import (
	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/iproute2"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

// Messages and attributes about the ids of namespaces (linux/net_namespace.h).
const (
	rtmNewNSID netlink.HeaderType = 88
	rtmDelNSID netlink.HeaderType = 89
	rtmGetNSID netlink.HeaderType = 90

	nsidHeaderLen = 4 // struct rtgenmsg, padded
)

// nsidOf returns the id that a named namespace has here, -1 if none
// (get_netnsid_from_name).
func (s *session) nsidOf(name string) int {
	fd, done, err := s.host().Open(name)
	if err != nil {
		return -1
	}
	defer done()
	r := request{typ: rtmGetNSID, body: make([]byte, nsidHeaderLen)}
	r.u32(nla.NetNSAFD, uint32(fd))
	if s.side == nil {
		s.side = s.dial()
	}
	id := -1
	for m, err := range s.side.Do(r.message()) {
		if err != nil {
			return -1
		}
		if m.Header.Type == rtmNewNSID && len(m.Data) >= nsidHeaderLen {
			if as := iproute2.ParseAttrs(m.Data[nsidHeaderLen:]); as.Has(nla.NetNSANSID) {
				id = as.Int(nla.NetNSANSID)
			}
		}
	}
	return id
}

// nsName returns the name of the namespace of an id, empty if it has none
// (get_name_from_nsid).
func (s *session) nsName(id int) string {
	if s.nsNames == nil {
		s.nsNames = map[int]string{}
		names, _ := s.host().Namespaces() // without them, none has a name
		for _, name := range names {
			nsid := s.nsidOf(name)
			if _, ok := s.nsNames[nsid]; !ok && nsid >= 0 {
				s.nsNames[nsid] = name
			}
		}
	}
	return s.nsNames[id]
}

// listNSIDs is ip netns list-id.
func (c *call) listNSIDs() int {
	target, id := int32(-1), int32(-1)
	for ; c.more(); c.advance() {
		switch c.word() {
		case "target-nsid":
			target = c.nsidArg("target-nsid", target)
		case "nsid":
			id = c.nsidArg("nsid", id)
		default:
			c.usage(usageNetNS)
		}
	}
	r := &request{typ: rtmGetNSID, body: make([]byte, nsidHeaderLen)}
	if id >= 0 {
		r.u32(nla.NetNSANSID, uint32(id))
	}
	if target >= 0 {
		r.u32(nla.NetNSATargetNSID, uint32(target))
	}
	var list []iproute2.Object
	show := func(m netlink.Message) {
		rec := c.record()
		c.printNSID(rec, m)
		c.emit(rec, &list)
	}
	status := 0
	if id >= 0 {
		answers, err := c.ask(r)
		if err != nil {
			return c.refused(err)
		}
		for _, m := range answers {
			show(m)
		}
	} else {
		status = c.dump(r, nil, show)
	}
	if c.opt.json {
		c.list(list)
	}
	return status
}

func (c *call) nsidArg(key string, old int32) int32 {
	w := c.word()
	if old >= 0 {
		c.duparg(key, w)
	}
	w = c.value()
	v, ok := parseInteger(w, 0)
	if !ok {
		c.invarg("\""+key+"\" value is invalid", w)
	}
	if v < 0 {
		next, _ := c.peek()
		c.invarg("\""+key+"\" value should be >= 0", next)
	}
	return v
}

// printNSID prints an RTM_NEWNSID or RTM_DELNSID message (print_nsid).
func (s *session) printNSID(r *iproute2.Record, m netlink.Message) {
	if len(m.Data) < nsidHeaderLen {
		return
	}
	as := iproute2.ParseAttrs(m.Data[nsidHeaderLen:])
	if !as.Has(nla.NetNSANSID) {
		return
	}
	if m.Header.Type == rtmDelNSID {
		r.Flag("deleted", "Deleted ")
	}
	id := as.Int(nla.NetNSANSID)
	if id < 0 {
		r.Raw("nsid unassigned ")
	} else {
		r.Add("nsid", "nsid %d ", id)
	}
	if as.Has(nla.NetNSACurrentNSID) {
		current := as.Int(nla.NetNSACurrentNSID)
		if current < 0 {
			r.Raw("current-nsid unassigned ")
		} else {
			r.Add("current-nsid", "current-nsid %d ", current)
		}
		id = current
	}
	if name := s.nsName(id); name != "" && id >= 0 {
		r.Add("name", "(iproute2 netns name: %s)", name)
	}
	r.Raw("\n")
}
