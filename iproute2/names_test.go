package iproute2

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rulewalk/rulewalk/rpdb"
)

func file(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }

func TestLoadNames(t *testing.T) {
	etc := fstest.MapFS{
		"rt_tables":          file("# reserved\n255\tlocal\n 0x64 corp # ours\n\n200 old\n"),
		"rt_tables.d/a.conf": file("200 new\n"),
		"rt_tables.d/README": file("300 no\n"),
		"rt_dsfield":         file("0x00 default\n0x20 CS1\n"),
		"rt_protos.d/z.conf": file("200 mine\n"),
		"group":              file("7 uplinks\nbroken line here\n8 never\n"),
		"rt_addrprotos":      file("9 nine\n"),
	}
	vendor := fstest.MapFS{
		"rt_tables":          file("201 hidden\n"),
		"rt_tables.d/a.conf": file("202 hidden\n"),
		"rt_tables.d/b.conf": file("203 shown\n"),
		"rt_protos":          file("99 openr\n"),
	}
	n, err := LoadNames(etc, vendor)
	if err == nil || !strings.Contains(err.Error(), `group:2: not "ID NAME": "broken line here"`) {
		t.Errorf("error %v", err)
	}
	for got, want := range map[string]string{
		n.Table(100): "corp", n.Table(200): "new", n.Table(201): "201", n.Table(202): "202", n.Table(203): "shown",
		n.Table(300): "300", n.Table(254): "main", n.Proto(99): "openr", n.Proto(200): "mine", n.Proto(4): "static",
		n.DSField(0x20): "CS1", n.DSField(0x10): "0x10", n.DSCP(8): "CS1", n.DSCP(9): "9", n.Group(7): "uplinks",
		n.Group(8): "8", n.AddrProto(9): "nine", n.AddrProto(200): "0xc8", n.Scope(253): "link", n.Scope(7): "7",
		n.Realms(3<<16 | 4): "3/4", n.Realms(5): "5", n.Type(rpdb.Blackhole): "blackhole", n.IPProto(6): "tcp", n.IPProto(200): "ipproto-200",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if id, ok := n.TableID("corp"); !ok || id != 100 {
		t.Errorf("corp is %d", id)
	}
	if _, ok := n.TableID("4294967296"); ok {
		t.Error("a table over 32 bits is accepted")
	}
	c := n.Clone()
	c.Numeric = true
	if got := c.Table(100) + c.Proto(4) + c.Scope(253) + c.Type(rpdb.Local) + c.DSField(0x20); got != "10042532"+"0x20" {
		t.Errorf("numeric: %s", got)
	}
	if n, err := LoadNames(nil, nil); err != nil || n.Table(253) != "default" {
		t.Errorf("without files: %v", err)
	}
}

func TestAddresses(t *testing.T) {
	for in, want := range map[string]string{
		"10.8": "10.8.0.0/32", "10.99/16": "10.99.0.0/16", "0x0a.1.2.3": "10.1.2.3/32", "010.1": "8.1.0.0/32",
		"10.0.0.0/255.255.0.0": "10.0.0.0/16", "2001:db8::/32": "2001:db8::/32", "::1.2.3.4": "::102:304/128",
		"1.2.3.4.5": "", "10.0.0.0/33": "", "10.0.0.0/255.0.255.0": "", "fe80::1%eth0": "", "": "", "x": "", "1..2": "", "default/8": "",
	} {
		p, _, ok := parsePrefix(in, rpdb.Unspec)
		if got := p.String(); ok && got != want || !ok && want != "" {
			t.Errorf("%q: %s %v, want %s", in, got, ok, want)
		}
	}
	for in, want := range map[string]string{"::1": "::1", "::102:304": "::1.2.3.4", "::ffff:1.2.3.4": "::ffff:1.2.3.4", "2001:db8::": "2001:db8::", "::": "::"} {
		if got := formatAddr(addr(in)); got != want {
			t.Errorf("%s prints as %s", in, got)
		}
	}
}
