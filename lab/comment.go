package lab

import (
	"strings"

	"github.com/rulewalk/rulewalk/iproute2"
	"github.com/rulewalk/rulewalk/lab/internal/datapath"
	"github.com/rulewalk/rulewalk/rpdb"
)

// comment tells in one line how a captured packet was decided on: the rule, and the route
// of the rule's table; for a packet that arrives, how it will be.
func comment(f *datapath.Frame) string {
	d := f.Decision
	if d == nil {
		flow, ok := f.Flow()
		if !ok || f.Kind == 3 {
			return ""
		}
		flow.IIF = f.Device.Index
		lookup := f.View.Database.Lookup(&flow)
		d = &lookup
	}
	o := &iproute2.Options{Links: iproute2.NewLinkTable(f.View.Database.State().Links)}
	parts := []string{}
	switch {
	case d.Rule != nil:
		parts = append(parts, "rule "+strings.ReplaceAll(iproute2.FormatRule(d.Rule, o), ":\t", ": "))
	case d.Route != nil: // the fast way of a host whose rules were never changed
		parts = append(parts, "rules local and main")
	}
	if d.Route != nil {
		o.Table = d.Route.Table
		parts = append(parts, strings.TrimSpace(strings.ReplaceAll(iproute2.FormatRoute(d.Route, o), "\n\t", " ")))
	}
	switch {
	case d.Drop != rpdb.NoDrop:
		parts = append(parts, "dropped: "+d.Drop.String())
	case d.Err != rpdb.OK:
		parts = append(parts, d.Err.Error())
	case d.Route == nil:
		parts = append(parts, d.Type.String())
	}
	return strings.Join(parts, ": ")
}
