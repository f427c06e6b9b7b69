package cli_test

import (
	"os/exec"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/rulewalk/rulewalk/internal/testns"
)

func enterNamespace() error { return testns.Rerun() }

// host sets up the namespace that the scripts of testdata/live ask about.
var host = [][]string{
	{"link", "set", "lo", "up"},
	{"link", "add", "eth0", "type", "veth", "peer", "name", "peer0"},
	{"link", "add", "eth1", "type", "veth", "peer", "name", "peer1"},
	{"link", "set", "peer0", "up"},
	{"link", "set", "peer1", "up"},
	{"link", "set", "eth0", "up"},
	{"link", "set", "eth1", "up"},
	{"addr", "add", "10.0.2.15/24", "dev", "eth0"},
	{"addr", "add", "10.0.3.15/24", "dev", "eth1"},
	{"addr", "add", "10.0.3.16/24", "dev", "eth1"},
	{"addr", "add", "2001:db8:2::15/64", "dev", "eth0", "nodad"},
	{"route", "add", "default", "via", "10.0.2.2"},
	{"route", "add", "default", "via", "10.0.3.2", "table", "100"},
	{"route", "add", "unreachable", "192.0.2.0/24"},
	{"-6", "route", "add", "default", "via", "2001:db8:2::2"},
	{"rule", "add", "pref", "100", "from", "10.0.3.15", "lookup", "100"},
	{"rule", "add", "pref", "200", "fwmark", "0x1", "lookup", "100"},
	{"rule", "add", "pref", "300", "to", "198.51.100.0/24", "prohibit"},
	{"rule", "add", "pref", "400", "not", "fwmark", "0x2", "uidrange", "1000-2000", "lookup", "404"},
}

func TestLive(t *testing.T) {
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("this test needs the ip command: install iproute2")
	}
	ns := testns.New(t)
	for _, args := range host {
		if _, err := ns.Run("ip", args...); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range []string{"all", "eth1"} {
		if err := ns.Sysctl("net/ipv4/conf/"+s+"/rp_filter", "1"); err != nil {
			t.Fatal(err)
		}
	}
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/live",
		Cmds:          commands,
		UpdateScripts: *update,
		Setup: func(env *testscript.Env) error {
			env.Setenv("NETNS", ns.Path())
			return nil
		},
	})
}
