package explain

import (
	"fmt"
	"strings"

	"github.com/rulewalk/rulewalk/rpdb"
)

// answer says a decision in one plain sentence.
func (b *builder) answer(d *rpdb.Decision, f *rpdb.Flow) string {
	subject := f.Dst.String()
	if f.IIF != 0 {
		subject = fmt.Sprintf("%s from %s on %s", f.Dst, sourceOf(f), b.w.dev(f.IIF))
	}
	if d.Err != rpdb.OK {
		return subject + " " + b.refusal(d, f)
	}
	s := subject + " " + b.way(d, f)
	if src := address(d.Src); src != "" && f.IIF == 0 && !d.Undetermined {
		s += ", source " + src
	}
	if d.Depends != 0 {
		s += " (depends on " + strings.Join(fieldNames(d.Depends), ", ") + ")"
	}
	return s
}

// way says where a packet goes that is not refused.
func (b *builder) way(d *rpdb.Decision, f *rpdb.Flow) string {
	dev := b.w.dev(d.OIF)
	verb := "goes"
	if f.IIF != 0 {
		verb = "is forwarded"
	}
	if d.Undetermined {
		return verb + " one of " + b.ways(d, f)
	}
	switch d.Type {
	case rpdb.Local:
		return "is delivered locally: dev " + dev
	case rpdb.Broadcast:
		if f.IIF != 0 && d.OIF == rpdb.Loopback {
			return "is delivered locally as a broadcast"
		}
		return verb + " out as a broadcast: dev " + dev
	case rpdb.Multicast:
		if f.IIF != 0 {
			return "is delivered locally as multicast"
		}
		return verb + " out as multicast: dev " + dev
	case rpdb.Anycast:
		return "is delivered locally (anycast): dev " + dev
	}
	if gw := address(d.Gateway); gw != "" {
		return verb + " via " + gw + ": dev " + dev
	}
	if d.Assumed {
		return verb + " directly, on-link by assumption: dev " + dev
	}
	if d.OIF == rpdb.Loopback {
		return verb + " to dev " + dev
	}
	return verb + " directly: dev " + dev
}

// ways lists the legs of an undetermined choice.
func (b *builder) ways(d *rpdb.Decision, f *rpdb.Flow) string {
	const most = 3
	var live []string
	for _, l := range b.r.DB.Legs(f, d) {
		if l.Share > 0 {
			live = append(live, fmt.Sprintf("%s (%.0f%%)", b.w.dev(l.Hop.Dev), l.Share*100))
		}
	}
	n := count(len(live), "way")
	if len(live) > most {
		live = append(live[:most], "...")
	}
	return fmt.Sprintf("%s: dev %s", n, strings.Join(live, ", "))
}

// refusal says why there is no way.
func (b *builder) refusal(d *rpdb.Decision, f *rpdb.Flow) string {
	errno := fmt.Sprintf(" (%s)", d.Err.Name())
	if text := dropTexts[d.Drop]; text != "" {
		verb := "is dropped: "
		if f.IIF == 0 {
			verb = "cannot be sent: "
		}
		return verb + b.dropText(d, f) + errno
	}
	by := ""
	switch {
	case d.Route != nil:
		by = "route " + d.Route.Type.String() + " " + prefix(d.Route.Dst)
	case d.Rule != nil:
		by = fmt.Sprintf("rule %d", d.Rule.Pref)
	}
	switch {
	case by == "" && d.Err == rpdb.ENETUNREACH:
		return "is unreachable: no rule leads to a route" + errno
	case by == "":
		return "is refused: " + d.Err.Error() + errno
	case d.Err == rpdb.EINVAL:
		return "is dropped by " + by + errno
	case d.Err == rpdb.EACCES:
		return "is prohibited by " + by + errno
	}
	return "is unreachable, by " + by + errno
}

func (b *builder) dropText(d *rpdb.Decision, f *rpdb.Flow) string {
	text := dropTexts[d.Drop]
	if d.Drop == rpdb.DropNoDevice || d.Drop == rpdb.DropDeviceDown {
		dev := f.OIF
		if f.IIF != 0 {
			dev = f.IIF
		}
		return b.w.dev(dev) + " " + text
	}
	return text
}

// dropTexts says each reason for a drop.
var dropTexts = map[rpdb.Drop]string{
	rpdb.DropNoIPDevice:     "the device has no IP address family",
	rpdb.DropMartianSource:  "martian source",
	rpdb.DropMartianDest:    "martian destination",
	rpdb.DropNotJoined:      "nobody joined the group",
	rpdb.DropForwardingOff:  "forwarding is off",
	rpdb.DropRPFilter:       "rp_filter, the way back leads elsewhere",
	rpdb.DropLocalSource:    "the source is an address of this host",
	rpdb.DropReverseNoRoute: "rp_filter, no way back to the source",
	rpdb.DropNotForwardable: "this type of route is not forwarded to",
	rpdb.DropSourceNotLocal: "the source is no address of this host",
	rpdb.DropInvalidSource:  "this cannot be a source",
	rpdb.DropNoDevice:       "does not exist",
	rpdb.DropDeviceDown:     "is down or has no IP address family",
	rpdb.DropLoopbackSource: "a loopback source may not leave by this device",
}
