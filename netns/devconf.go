package netns

import (
	"slices"

	"github.com/rulewalk/rulewalk/rpdb"
)

// conf4 are the IPv4 settings of a device, by IPV4_DEVCONF_* less one; conf6 the
// IPv6 ones, by DEVCONF_*, then those that no message tells. Times are in jiffies
// where the kernel keeps them so.
type (
	conf4 [33]int32
	conf6 [63]int32
)

// Settings that this package acts upon.
const (
	conf4Forwarding      = 0
	conf4MCForwarding    = 1
	conf4ProxyARP        = 2
	conf4AcceptRedirects = 3
	conf4RPFilter        = 7
	conf4NoXfrm          = 14
	conf4NoPolicy        = 15
	conf4PromoteSecs     = 19
	conf4SrcValidMark    = 23
	conf4RouteLocalnet   = 25
	conf4IgnoreLinkdown  = 28
	conf4DropUnicast     = 29
	conf4BCForwarding    = 31
	conf4EvictNoCarrier  = 32

	conf6Forwarding      = 0
	conf6HopLimit        = 1
	conf6MTU             = 2
	conf6AcceptRA        = 3
	conf6Autoconf        = 5
	conf6DADTransmits    = 6
	conf6Solicits        = 7
	conf6SolicitDelay    = 9
	conf6UseTempAddr     = 10
	conf6MaxAddresses    = 15
	conf6RADefaultRouter = 17
	conf6RAPrefixes      = 18
	conf6RARouterPref    = 19
	conf6RAMaxPlen       = 21
	conf6ProxyNDP        = 22
	conf6OptimisticDAD   = 23
	conf6MCForwarding    = 25
	conf6Disable         = 26
	conf6AcceptDAD       = 27
	conf6NotifyNeighs    = 29
	conf6RAFromLocal     = 33
	conf6UseOptimistic   = 34
	conf6RAMTU           = 35
	conf6StableSecret    = 36
	conf6RAMinHopLimit   = 38
	conf6IgnoreLinkdown  = 39
	conf6KeepAddrOnDown  = 42
	conf6EnhancedDAD     = 46
	conf6AddrGenMode     = 47
	conf6DisablePolicy   = 48
	conf6RAMinPlen       = 49
	conf6RAMetric        = 52
	conf6EvictNoCarrier  = 56
	conf6RAMinLifetime   = 58
	conf6ForceForwarding = 59
	conf6Told            = 60 // from here on no message tells of a setting
	conf6RegenAdvance    = 60
	conf6HonorPIOLife    = 61
	conf6HonorPIOFlag    = 62
)

// fresh4 and fresh6 are the settings of a new namespace for "default"; "all" differs
// as allConf says (ipv4_devconf_dflt, ipv6_devconf_dflt).
var (
	fresh4 = conf4{3: 1, 4: 1, 5: 1, 6: 1, 8: 1, 26: 10000, 27: 1000, 32: 1}
	fresh6 = conf6{
		1: 64, 2: 1280, 3: 1, 4: 1, 5: 1, 6: 1, 7: -1, 8: 4 * hz, 9: hz, 11: 604800, 12: 86400, 13: 3, 14: 600, 15: 16,
		17: 1, 18: 1, 19: 1, 20: 60 * hz, 27: 1, 30: 10 * hz, 31: hz, 32: 1, 35: 1, 38: 1, 43: 3600 * hz, 46: 1,
		52: 1024, 54: 65535, 55: -1, 56: 1, conf6RegenAdvance: 2,
	}
)

// conf6Times are the settings that messages tell in milliseconds.
var conf6Times = [...]int{8, 9, 20, 30, 31, 43}

// report are the first settings as messages have them (ipv6_store_devconf).
func (c *conf6) report(count int) []int32 {
	out := slices.Clone(c[:conf6Told])
	for _, i := range conf6Times {
		out[i] *= 1000 / hz // jiffies_to_msecs
	}
	return out[:count]
}

// devconf are the settings of a namespace for "all" and "default".
type devconf struct {
	all4, default4       conf4
	all6, default6       conf6
	allSet4, defaultSet4 conf4Set
	secret               *[16]byte // stable_secret of default, nil if never set
}

func freshConf() devconf {
	c := devconf{all4: fresh4, default4: fresh4, all6: fresh6, default6: fresh6}
	c.all4[8] = 0  // accept_source_route
	c.all6[27] = 0 // accept_dad
	return c
}

// in6State is the IPv6 state of a device beside its settings and addresses (struct
// inet6_dev).
type in6State struct {
	flags              uint32 // IF_READY and the like (IFLA_INET6_FLAGS)
	stamp              uint32 // when it changed last, in hundredths of a second
	reachable, retrans uint32 // milliseconds
	token              [16]byte
	raMTU              uint32
	secret             *[16]byte // stable_secret, nil if never set
}

const (
	minMTU4 = 68   // inetdev_valid_mtu
	minMTU6 = 1280 // IPV6_MIN_MTU
)

// inetBegin gives a device IPv4 state where it can have it (inetdev_init).
func inetBegin(n *Namespace, d *device, e event) {
	if e == eventChangeName && !d.NoInet {
		n.relabel4(d)
		n.renameNetconf4(d)
		return
	}
	if e != eventRegister && (e != eventChangeMTU || !d.NoInet) {
		return
	}
	if e == eventChangeMTU && d.MTU < minMTU4 {
		return
	}
	d.NoInet, d.conf4, d.conf4Set = false, n.conf.default4, n.conf.defaultSet4
	d.neigh4 = freshNeigh4
	n.notifyNetconf4(d, netconfAll)
	if e == eventRegister && d.IsLoopback() {
		d.conf4[conf4NoXfrm], d.conf4[conf4NoPolicy] = 1, 1
	}
}

// inetEnd takes IPv4 state away (inetdev_destroy).
func inetEnd(n *Namespace, d *device, e event) {
	if d.NoInet || e != eventUnregister && (e != eventChangeMTU || d.MTU >= minMTU4) {
		return
	}
	d.NoInet = true
	n.notifyNoNetconf(rpdb.IPv4, d.Index)
}

// inet6Begin gives a device IPv6 state where it can have it (ipv6_add_dev).
func inet6Begin(n *Namespace, d *device, e event) {
	switch {
	case e == eventChangeName && !d.NoInet6:
		n.renameNetconf6(d)
	case e == eventRegister, (e == eventChangeMTU || e == eventUp || e == eventChange) && d.NoInet6:
		d.beginInet6(n)
	}
}

func (d *device) beginInet6(n *Namespace) {
	if d.MTU < minMTU6 {
		d.NoInet6 = true
		return
	}
	d.NoInet6, d.conf6 = false, n.conf.default6
	d.conf6[conf6MTU], d.neigh6 = int32(d.MTU), freshNeigh6
	d.in6 = in6State{stamp: n.world.uptime(), reachable: 30000, retrans: 1000, secret: n.conf.secret}
	if d.in6.secret != nil {
		d.conf6[conf6AddrGenMode] = genModeStable
	}
	if d.flags&(rpdb.IFFNoARP|rpdb.IFFLoopback) != 0 {
		d.conf6[conf6AcceptDAD] = -1
	}
	switch {
	case d.IsLoopback(), d.flags&rpdb.IFFLoopback != 0,
		d.Type == arphrdTunnel, d.Type == arphrdTunnel6, d.Type == arphrdSIT, d.Type == arphrdNone:
		d.conf6[conf6UseTempAddr] = -1
	}
	n.notifyNetconf6(d, netconfAll)
}

// inet6End takes IPv6 state away (addrconf_ifdown with unregister).
func inet6End(n *Namespace, d *device, e event) {
	if d.NoInet6 || e != eventUnregister && (e != eventChangeMTU || d.MTU >= minMTU6 || d.IsLoopback()) {
		return
	}
	d.NoInet6 = true
	n.notifyNoNetconf(rpdb.IPv6, d.Index)
}
