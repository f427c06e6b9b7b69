package netns

import (
	"encoding/binary"
	"slices"

	"github.com/rulewalk/rulewalk/rpdb"
)

// vxlanSock is a socket that vxlan devices of a namespace hear by (struct vxlan_sock).
// Devices that want the same share it.
type vxlanSock struct {
	ipv6  bool
	port  uint16
	flags vxlanFlags
	vrf   int // the index of the VRF whose packets it hears; 0: none
	users int
}

// open is vxlan_open.
func (v *vxlan) open() error {
	metadata := v.conf.flags&vxlanMetadata != 0
	ipv6 := metadata || v.conf.flags&vxlanIPv6 != 0
	for _, x := range []struct{ want, ipv6 bool }{{ipv6, true}, {metadata || !ipv6, false}} {
		if !x.want {
			continue
		}
		if err := v.hear(x.ipv6); err != nil {
			v.release()
			return err
		}
	}
	v.listen(true)
	v.scheduleAge(vxlanAgeInterval)
	return nil
}

// hear opens a socket of a family, or shares one (__vxlan_sock_add).
func (v *vxlan) hear(ipv6 bool) error {
	want := vxlanSock{ipv6: ipv6, port: v.conf.port, flags: v.conf.flags & vxlanReceiveFlags}
	for d := v.home.byIndex(int(int32(v.conf.link))); d != nil; d = d.master { // l3mdev_master_upper_ifindex_by_index
		if d.kind != nil && d.kind.name == "vrf" {
			want.vrf = d.Index
			break
		}
	}
	for _, s := range v.home.vxlanSocks {
		if s.ipv6 != want.ipv6 || s.port != want.port {
			continue
		}
		if s.flags == want.flags && s.vrf == want.vrf {
			s.users++
			v.socks = append(v.socks, s)
			return nil
		}
		if s.vrf == 0 || want.vrf == 0 || s.vrf == want.vrf { // inet_rcv_saddr_equal
			return fail(rpdb.EADDRINUSE, "")
		}
	}
	want.users = 1
	v.home.vxlanSocks = append(v.home.vxlanSocks, &want)
	v.socks = append(v.socks, &want)
	return nil
}

// release is vxlan_sock_release.
func (v *vxlan) release() {
	for _, s := range v.socks {
		s.users--
	}
	v.socks = nil
	v.home.vxlanSocks = slices.DeleteFunc(slices.Clone(v.home.vxlanSocks), func(s *vxlanSock) bool { return s.users == 0 })
}

// stop is vxlan_stop.
func (v *vxlan) stop() {
	v.listen(false)
	v.gc = 0
	v.flush(vxlanFlush{keepDefault: true, stateMask: rpdb.NUDPermanent | rpdb.NUDNoARP})
	v.release()
}

// listen joins or leaves the group that frames for many go to
// (vxlan_multicast_join, vxlan_multicast_leave).
func (v *vxlan) listen(join bool) {
	g := v.conf.remote
	d := v.home.byIndex(int(int32(v.remoteIndex)))
	if !g.IsMulticast() || d == nil {
		return
	}
	n := v.home
	switch {
	case g.Is4() && d.inet4 != nil:
		b := g.As4()
		if join {
			n.joinGroup4(d.inet4, binary.BigEndian.Uint32(b[:]))
		} else {
			n.leaveGroup4(d.inet4, binary.BigEndian.Uint32(b[:]))
		}
	case g.Is6() && d.inet6 != nil:
		if join {
			n.joinGroup6(d.inet6, g)
		} else {
			n.leaveGroup6(d.inet6, g)
		}
	}
}
