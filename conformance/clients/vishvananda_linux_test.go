package clients

import (
	"testing"

	netlinkvv "github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rtnl"
)

// ask sends a request of the library and returns the answers. Its own sockets can only
// be those of the running kernel (it insists on AF_NETLINK addresses), so the messages
// that it writes and reads are what can be proved.
func ask(t *testing.T, s *netns.Socket, req *nl.NetlinkRequest) (bodies [][]byte) {
	t.Helper()
	must(t, s.Send(req.Serialize()))
	for s.Pending() > 0 {
		b, err := s.Receive()
		must(t, err)
		m, _, err := rtnl.SplitMessage(b)
		must(t, err)
		if m.Header.Type == unix.NLMSG_ERROR {
			must(t, rtnl.ParseError(m))
			continue
		}
		if m.Header.Type != unix.NLMSG_DONE {
			bodies = append(bodies, m.Data)
		}
	}
	return bodies
}

func TestVishvanandaMessages(t *testing.T) {
	s := netns.New().DialOptions(netns.SocketOptions{})
	defer func() { must(t, s.Close()) }()

	add := nl.NewNetlinkRequest(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ACK)
	add.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
	add.AddData(nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated("eth0")))
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(nl.IFLA_INFO_KIND, nl.NonZeroTerminated("veth"))
	add.AddData(info)
	ask(t, s, add)

	list := nl.NewNetlinkRequest(unix.RTM_GETLINK, unix.NLM_F_DUMP)
	list.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
	kinds := map[string]string{}
	var eth0 netlinkvv.Link
	for _, b := range ask(t, s, list) {
		l, err := netlinkvv.LinkDeserialize(nil, b)
		must(t, err)
		kinds[l.Attrs().Name] = l.Type()
		if l.Attrs().Name == "eth0" {
			eth0 = l
		}
	}
	if len(kinds) != 3 || kinds["lo"] != "device" || kinds["eth0"] != "veth" || kinds["veth0"] != "veth" {
		t.Fatalf("the library sees %v", kinds)
	}

	up := nl.NewNetlinkRequest(unix.RTM_NEWLINK, unix.NLM_F_ACK)
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Change, msg.Flags, msg.Index = unix.IFF_UP, unix.IFF_UP, int32(eth0.Attrs().Index)
	up.AddData(msg)
	ask(t, s, up)

	neigh := nl.NewNetlinkRequest(unix.RTM_NEWNEIGH, unix.NLM_F_CREATE|unix.NLM_F_ACK)
	neigh.AddData(&netlinkvv.Ndmsg{Family: unix.AF_INET, Index: uint32(eth0.Attrs().Index), State: netlinkvv.NUD_PERMANENT})
	neigh.AddData(nl.NewRtAttr(netlinkvv.NDA_DST, []byte{10, 0, 2, 2}))
	neigh.AddData(nl.NewRtAttr(netlinkvv.NDA_LLADDR, []byte{2, 0, 0, 0, 0, 9}))
	ask(t, s, neigh)
	neighs := nl.NewNetlinkRequest(unix.RTM_GETNEIGH, unix.NLM_F_DUMP)
	neighs.AddData(&netlinkvv.Ndmsg{Family: unix.AF_INET})
	var found bool
	for _, b := range ask(t, s, neighs) {
		n, err := netlinkvv.NeighDeserialize(b)
		must(t, err)
		found = found || n.IP.String() == "10.0.2.2" && n.HardwareAddr.String() == "02:00:00:00:00:09"
	}
	if !found {
		t.Error("the library does not find the neighbour")
	}
}
