package iproute2

import (
	"strings"
	"testing"

	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// TestFormatReply compares with the answers of the transcript, by their numbers.
func TestFormatReply(t *testing.T) {
	got := func(f func(r *rtnl.Reply)) rtnl.Reply {
		r := rtnl.Reply{
			Family: rpdb.IPv4, Dst: prefix("8.8.8.8/32"), Type: rpdb.Unicast, Table: rpdb.TableMain,
			Flags: rpdb.FlagCloned, Gateway: addr("192.0.2.254"), OIF: 10, PrefSrc: addr("192.0.2.1"),
			UID: rpdb.Some(uint32(0)), Cache: rpdb.Some(rtnl.CacheInfo{}),
		}
		f(&r)
		return r
	}
	want := map[string]rtnl.Reply{
		"161": got(func(*rtnl.Reply) {}),
		"162": got(func(r *rtnl.Reply) { r.Src, r.PrefSrc = prefix("192.0.2.2/32"), noAddr }),
		"165": got(func(r *rtnl.Reply) {
			r.Type, r.Dst, r.Gateway = rpdb.Broadcast, prefix("192.0.2.255/32"), noAddr
			r.Flags |= rpdb.FlagLocal | rpdb.FlagBroadcast
		}),
		"166": got(func(r *rtnl.Reply) {
			r.Type, r.Dst, r.Gateway = rpdb.Multicast, prefix("224.0.0.1/32"), noAddr
			r.Flags |= rpdb.FlagLocal | rpdb.FlagMulticast
		}),
		"168": got(func(r *rtnl.Reply) { r.Dst, r.Realms = prefix("10.11.1.1/32"), 5 }),
		"169": got(func(r *rtnl.Reply) { r.Dst, r.Gateway = prefix("10.13.1.1/32"), addr("2001:db8:0:1::fe") }),
		"170": got(func(r *rtnl.Reply) { r.Mark = 0x20 }),
		"171": got(func(r *rtnl.Reply) { r.Mark = 5 }),
		"173": got(func(r *rtnl.Reply) {
			r.Src, r.PrefSrc, r.UID, r.IIF = prefix("192.0.2.77/32"), noAddr, rpdb.Opt[uint32]{}, 10
			r.Flags |= rpdb.FlagRedirect
		}),
		"175": got(func(r *rtnl.Reply) { r.Dst, r.TOS = prefix("10.7.1.1/32"), 0x10 }),
		"180": got(func(*rtnl.Reply) {}),
		"181": got(func(*rtnl.Reply) {}),
		"193": {
			Family: rpdb.IPv6, Dst: prefix("2001:db8:a::1/128"), Src: prefix("::/128"), Type: rpdb.Unicast,
			Table: rpdb.TableMain, Protocol: rpdb.ProtoBoot, Gateway: addr("2001:db8:0:1::fe"), OIF: 10,
			PrefSrc: addr("2001:db8:0:1::1"), Priority: rpdb.Some(uint32(512)), Pref: rpdb.Some(rpdb.PrefHigh),
		},
		"195": {
			Family: rpdb.IPv6, Dst: prefix("2001:db8:0:1::1/128"), Src: prefix("::/128"), Type: rpdb.Local,
			Table: rpdb.TableLocal, Protocol: rpdb.ProtoKernel, OIF: 1,
			PrefSrc: addr("2001:db8:0:1::1"), Priority: rpdb.Some(uint32(0)), Pref: rpdb.Some(rpdb.PrefMedium),
		},
	}
	for _, tr := range readTranscript(t) {
		r, ok := want[tr.id]
		if !ok {
			continue
		}
		delete(want, tr.id)
		o, _, _, ok := commandOptions(tr.cmd, DefaultNames())
		if got := FormatReply(&r, o); !ok || got != tr.out {
			t.Errorf("%s: %s\n got %q\nwant %q", tr.id, tr.cmd, got, tr.out)
		}
	}
	for id := range want {
		t.Errorf("%s is not in the transcript", id)
	}
}

func TestFormatReplyRefused(t *testing.T) {
	for want, r := range map[string]rtnl.Reply{
		"RTNETLINK answers: Network is unreachable": {Err: rpdb.ENETUNREACH},
		"Error: ipv4: FIB table does not exist.":    {Err: rpdb.ENOENT, Msg: "ipv4: FIB table does not exist"},
	} {
		if got := FormatReply(&r, nil); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	o := &Options{OneLine: true}
	r := rtnl.Reply{Family: rpdb.IPv4, Dst: prefix("1.2.3.4/32"), Type: rpdb.Unicast, Table: 254, Flags: rpdb.FlagCloned, Cache: rpdb.Some(rtnl.CacheInfo{Expires: 59900}), Metrics: []rpdb.Metric{{ID: 2, Val: 1300}}}
	if got := FormatReply(&r, o); !strings.HasSuffix(got, `\    cache expires 599sec mtu 1300 `) {
		t.Errorf("got %q", got)
	}
}
