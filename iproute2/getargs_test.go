package iproute2

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rulewalk/rulewalk/rpdb"
)

var cmpNet = cmp.Options{
	cmpopts.EquateEmpty(),
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
	cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
}

var noAddr netip.Addr

func addr(s string) netip.Addr     { return netip.MustParseAddr(s) }
func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

func TestParseGet(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want Get
	}{
		{"8.8.8.8", Get{Flow: rpdb.Flow{Dst: addr("8.8.8.8")}}},
		{"fibmatch to 8.8.8.8 from 10.1 oif veth0", Get{
			Flow:     rpdb.Flow{Dst: addr("8.8.8.8"), Src: addr("10.1.0.0"), OIF: 10},
			FibMatch: true,
		}},
		{"2001:db8::1 iif veth1 mark 0x20 uid 1000 flowlabel 0x12345", Get{
			Flow:  rpdb.Flow{Dst: addr("2001:db8::1"), IIF: 11, Mark: 32, UID: 1000, FlowLabel: 0x12345},
			Given: rpdb.FieldMark | rpdb.FieldUID | rpdb.FieldFlowLabel,
		}},
		{"1.1.1.1 ipproto tcp sport 0x50 dport 443 tos 10", Get{
			Flow:  rpdb.Flow{Dst: addr("1.1.1.1"), IPProto: 6, SPort: 80, DPort: 443, TOS: 0x10},
			Given: rpdb.FieldIPProto | rpdb.FieldSPort | rpdb.FieldDPort | rpdb.FieldTOS,
		}},
		{"1.1.1.1 dscp 46", Get{Flow: rpdb.Flow{Dst: addr("1.1.1.1"), TOS: 0xb8}, Given: rpdb.FieldTOS}},
		{"f 2.2.2.2 1.1.1.1 fi", Get{Flow: rpdb.Flow{Dst: addr("1.1.1.1"), Src: addr("2.2.2.2")}, FibMatch: true}},
		{"1.1.1.1/24", Get{
			Flow:     rpdb.Flow{Dst: addr("1.1.1.1")},
			Warnings: []string{"/24 as prefix is invalid, only /32 (or none) is supported."},
		}},
		{"vrf br0 1.1.1.1", Get{Flow: rpdb.Flow{Dst: addr("1.1.1.1"), OIF: 12}, VRF: "br0"}},
	} {
		got, err := ParseGet(strings.Fields(tt.in), rpdb.Unspec, nil, transcriptLinks)
		if err != nil {
			t.Errorf("%s: %v", tt.in, err)
		} else if d := cmp.Diff(tt.want, *got, cmpNet); d != "" {
			t.Errorf("%s: %s", tt.in, d)
		}
	}
}

func TestParseGetErrors(t *testing.T) {
	for in, want := range map[string]string{
		"":                     "a destination address is needed",
		"1.1.1.1 mark":         "mark: the value is missing; want a mark, decimal or 0x hex",
		"1.1.1.1 mark zz":      `mark: "zz" is not a mark, decimal or 0x hex`,
		"1.1.1.1 oif nosuch":   `oif: "nosuch" is not a device of this host`,
		"1.1.1.1 from ::1":     `from: "::1" is not an IPv4 prefix`,
		"1.1.1.1 frob":         `"frob": not a selector of route get, and the destination is given already`,
		"frob":                 `"frob": neither a selector of route get nor an IP address`,
		"1.1.1.1 dport 70000":  `dport: "70000" is not a port 0..65535`,
		"1.1.1.1 ipproto frob": `ipproto: "frob" is not an IP protocol, name or number`,
		"1.1.1.1 tos xyz":      `tos: "xyz" is not a tos byte in hex or a name of rt_dsfield`,
	} {
		if _, err := ParseGet(strings.Fields(in), rpdb.Unspec, nil, transcriptLinks); err == nil || err.Error() != want {
			t.Errorf("%q: error %v, want %s", in, err, want)
		}
	}
}

func TestFormatGet(t *testing.T) {
	o := &Options{Links: transcriptLinks}
	for _, in := range []string{
		"8.8.8.8",
		"8.8.8.8 from 10.0.0.1 iif veth0 mark 0x20 tos 0x10 uid 1000 ipproto tcp sport 80 dport 443",
		"2001:db8::1 oif veth1 flowlabel 0x12345",
		"8.8.8.8 mark 0 uid 0",
	} {
		g, err := ParseGet(strings.Fields(in), rpdb.Unspec, nil, transcriptLinks)
		if err != nil {
			t.Fatal(err)
		}
		if got := FormatGet(&g.Flow, g.Given, o); got != in {
			t.Errorf("got %q, want %q", got, in)
		}
	}
}
