package ipcmd

import (
	"fmt"
	"os/user"
	"strconv"
	"strings"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/iproute2"
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
	"github.com/rulewalk/rulewalk/rtnl/nla"
)

const usageTuntap = `Usage: ip tuntap { add | del | show | list | lst | help } [ dev PHYS_DEV ]
       [ mode { tun | tap } ] [ user USER ] [ group GROUP ]
       [ one_queue ] [ pi ] [ vnet_hdr ] [ multi_queue ] [ name NAME ]

Where: USER  := { STRING | NUMBER }
       GROUP := { STRING | NUMBER }
`

// Tun is a tun or tap device as ip tuntap asks for it. Words that only concern
// packets (one_queue) are not told.
type Tun struct {
	Name         string
	Tap          bool
	PacketInfo   bool
	VNetHeader   bool
	MultiQueue   bool
	Owner, Group rpdb.Opt[uint32]
}

// TunHost is a Host on which tun and tap devices can be made, which is not done by
// requests.
type TunHost interface {
	// AddTun makes a device that lasts; a name that is taken is EBUSY.
	AddTun(Tun) error
	// DelTun removes one, or does nothing if there is none.
	DelTun(Tun) error
}

// tuntap is the object tuntap (do_iptuntap).
func (c *call) tuntap() int {
	return c.choose("tuntap", (*call).tuntapList, []verb{
		{"add", false, func(c *call) int { return c.tuntapChange(TunHost.AddTun) }},
		{"delete", false, func(c *call) int { return c.tuntapChange(TunHost.DelTun) }},
		{"show", false, (*call).tuntapList},
		{"lst", false, (*call).tuntapList},
		{"list", false, (*call).tuntapList},
		{"help", false, func(c *call) int { c.usage(usageTuntap); return 0 }},
	})
}

func (c *call) tuntapChange(change func(TunHost, Tun) error) int {
	t := c.tuntapArgs()
	if t.mode == "" {
		c.errorf("You failed to specify a tunnel mode\n")
		return 1
	}
	h, ok := c.host().(TunHost)
	if !ok {
		c.errorf("open: No such file or directory\n")
		return 1
	}
	if err := change(h, t.Tun); err != nil {
		c.errorf("ioctl(TUNSETIFF): %s\n", strerror(err))
		return 1
	}
	return 0
}

// tunArgs are the words of a command.
type tunArgs struct {
	Tun
	mode string
}

// tuntapArgs reads the words (parse_args).
func (c *call) tuntapArgs() (t tunArgs) {
	for ; c.more(); c.advance() {
		switch w := c.word(); {
		case w == "mode":
			t.mode = c.tunMode()
			t.Tap = t.mode == "tap"
		case is(w, "user"):
			t.Owner = rpdb.Some(c.tunID("user", func(s string) (string, error) {
				u, err := user.Lookup(s)
				if err != nil {
					return "", err
				}
				return u.Uid, nil
			}))
		case is(w, "group"):
			t.Group = rpdb.Some(c.tunID("group", func(s string) (string, error) {
				g, err := user.LookupGroup(s)
				if err != nil {
					return "", err
				}
				return g.Gid, nil
			}))
		case is(w, "pi"):
			t.PacketInfo = true
		case is(w, "one_queue"):
		case is(w, "vnet_hdr"):
			t.VNetHeader = true
		case is(w, "multi_queue"):
			t.MultiQueue = true
		case is(w, "dev"):
			t.Name = c.tunName("dev", c.value())
		default:
			name := w
			switch {
			case w == "name":
				name = c.value()
			case is(w, "help"):
				c.usage(usageTuntap)
			}
			if t.Name != "" {
				c.duparg2("name", name)
			}
			t.Name = c.tunName("name", name)
		}
	}
	return t
}

func (c *call) tunMode() string {
	switch w := c.value(); {
	case is(w, "tun"):
		return "tun"
	case is(w, "tap"):
		return "tap"
	default:
		c.errorf("Unknown tunnel mode \"%s\"\n", w)
		panic(exit(255))
	}
}

// tunID reads the number or the name of a user or a group.
func (c *call) tunID(what string, lookup func(string) (string, error)) uint32 {
	w := c.value()
	number := w
	if w == "" || w[0] < '0' || w[0] > '9' {
		var err error
		if number, err = lookup(w); err != nil {
			c.errorf("invalid %s \"%s\"\n", what, w)
			panic(exit(255))
		}
	}
	n, err := strconv.ParseUint(number, 10, 32)
	if err != nil {
		c.errorf("invalid %s \"%s\"\n", what, w)
		panic(exit(255))
	}
	return uint32(n)
}

// tunName checks the name of a device, which may have a place for a number.
func (c *call) tunName(what, w string) string {
	if !validName(strings.ReplaceAll(w, "%d", ""), false) || len(w) > 15 {
		c.invarg(fmt.Sprintf("%q not a valid ifname", what), w)
	}
	return w
}

// tuntapList lists the devices (print_tuntap). The tool reads files below /sys; here
// the same is asked for with requests.
func (c *call) tuntapList() int {
	t := c.tuntapArgs()
	links := request{typ: rtnl.RTMGetLink, body: make([]byte, linkHeaderLen)}
	list := []iproute2.Object{}
	status := c.dump(&links, nil, func(m netlink.Message) {
		as := iproute2.ParseAttrs(m.Data[linkHeaderLen:])
		info := as.Nest(nla.IFLALinkInfo)
		if info.Str(infoKind) != "tun" || t.Name != "" && t.Name != as.Str(nla.IFLAIfname) {
			return
		}
		data := info.Nest(infoData)
		if t.mode != "" && iproute2.IsTap(data) != t.Tap {
			return
		}
		r := c.record()
		iproute2.PrintTuntap(r, as.Str(nla.IFLAIfname), data)
		c.emit(r, &list)
	})
	if c.opt.json {
		c.list(list)
	}
	return status
}
