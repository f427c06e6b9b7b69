package netns

import "slices"

// Options of a router advertisement (ND_OPT_*).
const (
	raOptSource = 1
	raOptPrefix = 3
	raOptMTU    = 5
	raOptRoute  = 24
)

// raOptions are the options of a router advertisement with their headers: the first one of
// its type, of prefixes and routes all.
type raOptions struct {
	source, mtu      []byte
	prefixes, routes [][]byte
}

// parseRAOptions reads options; false if one has no length, or is longer than what came
// (ndisc_parse_options).
func parseRAOptions(b []byte) (o raOptions, ok bool) {
	b = slices.Clip(b)
	for len(b) > 0 {
		if len(b) < 2 || b[1] == 0 || int(b[1])*8 > len(b) {
			return o, false
		}
		x := b[:int(b[1])*8]
		b = b[len(x):]
		switch {
		case x[0] == raOptSource && o.source == nil:
			o.source = x
		case x[0] == raOptMTU && o.mtu == nil:
			o.mtu = x
		case x[0] == raOptPrefix:
			o.prefixes = append(o.prefixes, x)
		case x[0] == raOptRoute:
			o.routes = append(o.routes, x)
		}
	}
	return o, true
}
