package iproute2

import (
	"net/netip"
	"strconv"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// LinkNames turns device indexes into names and back.
type LinkNames interface {
	LinkName(index int) (string, bool)
	LinkIndex(name string) (int, bool)
}

// LinkTable is the LinkNames of a list of devices. It finds alternative names
// too. Reading it concurrently is safe.
type LinkTable struct {
	name  map[int]string
	index map[string]int
	links map[int]*rpdb.Link
}

// NewLinkTable indexes the devices of a state, which must not be changed while
// the table is in use.
func NewLinkTable(links []rpdb.Link) *LinkTable {
	t := &LinkTable{
		name:  make(map[int]string, len(links)),
		index: make(map[string]int, len(links)),
		links: make(map[int]*rpdb.Link, len(links)),
	}
	for i := range links {
		l := &links[i]
		for _, a := range l.AltNames {
			t.index[a] = l.Index
		}
	}
	for i := range links {
		l := &links[i]
		t.name[l.Index] = l.Name
		t.index[l.Name] = l.Index
		t.links[l.Index] = l
	}
	return t
}

// LinkName returns the name of a device.
func (t *LinkTable) LinkName(index int) (string, bool) {
	s, ok := t.name[index]
	return s, ok
}

// LinkIndex returns the index of a device by its name or an alternative name.
func (t *LinkTable) LinkIndex(name string) (int, bool) {
	i, ok := t.index[name]
	return i, ok
}

// Link returns a device by index, nil if there is none.
func (t *LinkTable) Link(index int) *rpdb.Link { return t.links[index] }

// Options say how to print. A nil *Options is the zero Options: what ip prints
// without flags, with the names built in and devices as ifN.
type Options struct {
	Names *Names    // nil: DefaultNames
	Links LinkNames // nil: no device has a name

	Details bool // ip -d
	Stats   int  // ip -s, given this many times
	OneLine bool // ip -o

	// Table hides this table in routes, as listing with a table selector does; 0
	// hides none, so that every table but main is shown, as with table all.
	Table uint32

	// Version is the version of iproute2 to print as, for example V6_1; 0 is Newest.
	Version Version
	Brief   bool    // ip -br
	Human   bool    // ip -h: counters with a unit
	IEC     bool    // ip -iec: units of 1024
	Palette Palette // ip -c; 0: no colour

	// NSName returns the name of the namespace of an id (nsid), empty if it has
	// none; nil: none has a name.
	NSName func(nsid int) string

	// HostName returns the name of an address (ip -r), empty if it has none; nil:
	// addresses are not resolved.
	HostName func(netip.Addr) string

	// Hide are the fields of a route that are not shown, which are those that it was
	// selected by.
	Hide RouteFields

	// HopInfo gives the nexthop object of an id for the nh_info of ip -d route; nil
	// leaves it out.
	HopInfo func(id uint32) *rpdb.NextHopObject
}

func (o *Options) names() *Names {
	if o == nil || o.Names == nil {
		return builtinNames
	}
	return o.Names
}

func (o *Options) details() bool { return o != nil && o.Details }

// dev returns the name of a device as ll_index_to_name does: * for 0 and ifN for
// one that has no name.
func (o *Options) dev(index int) string {
	if index == 0 {
		return "*"
	}
	if o != nil && o.Links != nil {
		if s, ok := o.Links.LinkName(index); ok {
			return s
		}
	}
	return "if" + strconv.Itoa(index)
}

// nl returns what separates the lines of one record.
func (o *Options) nl() string {
	if o != nil && o.OneLine {
		return "\\"
	}
	return "\n"
}

// RouteFields is a set of fields of a route.
type RouteFields uint16

// The fields that ip does not show when routes are selected by them.
const (
	HideTable RouteFields = 1 << iota
	HideProtocol
	HideScope
	HideTOS
	HideDev
	HideIIF
	HideMetric
	HideRealms
	HideVia
	HidePrefSrc
)

func (o *Options) shows(f RouteFields) bool { return o == nil || o.Hide&f == 0 }

// showsVia tells whether the gateway of a route is shown; that of the other family
// always is.
func (o *Options) showsVia(r *rtnl.Reply) bool {
	return o.shows(HideVia) || r.Gateway.IsValid() && rpdb.FamilyOf(r.Gateway) != r.Family
}

// showsTable tells whether the table of a route is shown.
func (o *Options) showsTable(table uint32) bool {
	return (table != rpdb.TableMain || o.details()) && o.shows(HideTable) && !(o != nil && o.Table == table)
}
