package explain

import (
	"fmt"

	"github.com/rulewalk/rulewalk/rpdb"
)

func (b *builder) checks() {
	for i := range b.walk.Checks {
		c := &b.walk.Checks[i]
		v := CheckView{
			Check: c.What.String(), Value: c.Value, Passed: c.Passed, Drop: c.Drop.String(),
		}
		if c.Passed {
			v.Drop = ""
		}
		if c.Dev != 0 {
			v.Dev = b.w.dev(c.Dev)
		}
		v.left, v.right = b.check(c)
		v.Text = v.left + ": " + v.right
		b.view.Checks = append(b.view.Checks, v)
	}
}

// check tells a test in two halves: what is tested, and how it went.
func (b *builder) check(c *rpdb.Check) (left, right string) {
	f := &b.walk.Flow
	dev := b.w.dev(c.Dev)
	switch c.What {
	case rpdb.CheckRPFilter:
		return b.rpFilter(c)
	case rpdb.CheckMartianSource:
		return fmt.Sprintf("source %s", sourceOf(f)), outcome(c, "may arrive on "+dev, "may not arrive on "+dev+" (martian)")
	case rpdb.CheckMartianDest:
		return fmt.Sprintf("destination %s", f.Dst), outcome(c, "may arrive on "+dev, "may not arrive on "+dev+" (martian)")
	case rpdb.CheckForwarding:
		return "forwarding on " + dev, outcome(c, "on", "off")
	case rpdb.CheckSourceOwner:
		return fmt.Sprintf("source %s", sourceOf(f)), outcome(c, "an address of this host, on "+dev, "no address of this host")
	case rpdb.CheckOutDevice:
		if b.w.links[c.Dev] == nil {
			return "oif " + dev, "no such device"
		}
		return "oif " + dev, outcome(c, "is up", "is down or has no IP address family")
	case rpdb.CheckRouteLocalnet:
		return "route_localnet on " + dev, outcome(c, "on", "off")
	case rpdb.CheckMulticast:
		return fmt.Sprintf("group %s on %s", f.Dst, dev), outcome(c, "joined", "not joined")
	}
	return c.What.String(), outcome(c, "passed", "failed")
}

func outcome(c *rpdb.Check, passed, failed string) string {
	switch {
	case c.Passed:
		return passed
	case c.Drop != rpdb.NoDrop:
		return failed + ": DROP"
	}
	return failed
}

func sourceOf(f *rpdb.Flow) string {
	if f.Src.IsValid() {
		return f.Src.String()
	}
	return f.Family().Zero().String()
}

// rpModes are the modes of rp_filter.
var rpModes = map[int]string{0: "the check is off", 1: "strict", 2: "loose takes any way"}

// rpFilter tells the reverse-path check: the mode and where it comes from, the way
// back, and the outcome.
func (b *builder) rpFilter(c *rpdb.Check) (left, right string) {
	dev := b.w.dev(c.Dev)
	left = fmt.Sprintf("rp_filter %d = max(all %d, %s %d)", c.Value, c.All, dev, c.DevValue)
	back := b.wayBack()
	switch {
	case c.Passed && back == "":
		return left, "the way back is not looked at"
	case c.Passed && back == dev:
		return left, "reverse → " + back + ": passes"
	case c.Passed:
		return left, fmt.Sprintf("reverse → %s, and %s: passes", back, rpModes[c.Value])
	}
	switch c.Drop {
	case rpdb.DropReverseNoRoute:
		return left, fmt.Sprintf("no way back to %s: DROP", sourceOf(&b.walk.Flow))
	case rpdb.DropLocalSource:
		if back == "" {
			return left, "the source is this host's own: DROP"
		}
		return left, "reverse → " + back + ", not a unicast route: DROP"
	}
	return left, fmt.Sprintf("reverse → %s ≠ %s: DROP", back, dev)
}

// wayBack names the device of the route back to the source, empty if there was no
// such lookup or no route.
func (b *builder) wayBack() string {
	for i := range b.walk.Lookups {
		l := &b.walk.Lookups[i]
		if l.Purpose != rpdb.ForReverse {
			continue
		}
		r := chosen(l)
		if r == nil {
			return ""
		}
		name := b.w.dev(b.hopDev(r))
		if r.Route.Type != rpdb.Unicast {
			return r.Route.Type.String() + " " + name
		}
		return name
	}
	return ""
}
