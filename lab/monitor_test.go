package lab_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/rulewalk/rulewalk/lab"
	"github.com/rulewalk/rulewalk/lab/internal/packettest"
	"github.com/rulewalk/rulewalk/rpdb"
)

// until waits for an output that holds a text.
func until(t *testing.T, g *packettest.Output, text string) {
	t.Helper()
	for range 500 {
		if strings.Contains(g.String(), text) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("no %q in:\n%s", text, g.String())
}

// monitored returns what ip monitor prints while commands run.
func monitored(t *testing.T, c served, args string, commands ...string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var out packettest.Output
	ended := make(chan int)
	go func() {
		ended <- c.server.Run(ctx, lab.Command{Args: strings.Fields("ip monitor " + args), Out: &out, Err: &out})
	}()
	// It has joined when it tells of a rule that comes and goes.
	for range 500 {
		run(t, c, 0, "ip rule add pref 1 table 1")
		run(t, c, 0, "ip rule del pref 1")
		if time.Sleep(10 * time.Millisecond); out.String() != "" {
			break
		}
	}
	run(t, c, 0, "ip rule add pref 2 table 2")
	until(t, &out, "2:\tfrom all lookup 2\n")
	for _, line := range commands {
		if text, status := run(t, c, 0, line); status != 0 {
			t.Fatalf("%s: %d\n%s", line, status, text)
		}
	}
	run(t, c, 0, "ip rule del pref 2")
	until(t, &out, "Deleted 2:")
	cancel()
	if status := <-ended; status != 0 {
		t.Errorf("ip monitor ended with %d:\n%s", status, out.String())
	}
	_, text, _ := strings.Cut(out.String(), "2:\tfrom all lookup 2\n")
	text, _, _ = strings.Cut(text, "Deleted 2:")
	return text
}

func TestMonitor(t *testing.T) {
	c := world(t, rpdb.Kernel{})
	for _, line := range []string{"ip link add d0 type dummy", "ip link set d0 up", "ip addr add 198.51.100.1/24 dev d0"} {
		if text, status := run(t, c, 0, line); status != 0 {
			t.Fatalf("%s: %d\n%s", line, status, text)
		}
	}
	got := monitored(t, c, "route rule nexthop",
		"ip route add 10.220.0.0/16 via 198.51.100.2",
		"ip route change 10.220.0.0/16 via 198.51.100.3",
		"ip route del 10.220.0.0/16",
		"ip nexthop add id 77 via 198.51.100.2 dev d0",
		"ip nexthop del id 77")
	want := `10.220.0.0/16 via 198.51.100.2 dev d0 
10.220.0.0/16 via 198.51.100.3 dev d0 
Deleted 10.220.0.0/16 via 198.51.100.3 dev d0 
id 77 via 198.51.100.2 dev d0 scope link 
Deleted id 77 via 198.51.100.2 dev d0 scope link 
`
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	got = monitored(t, c, "all",
		"ip addr add 10.230.0.1/24 dev d0", "ip addr del 10.230.0.1/24 dev d0", "ip link set d0 mtu 1300")
	want = `[ADDR]3: d0    inet 10.230.0.1/24 scope global d0
       valid_lft forever preferred_lft forever
[ROUTE]local 10.230.0.1 dev d0 table local proto kernel scope host src 10.230.0.1 
[ROUTE]10.230.0.0/24 dev d0 proto kernel scope link src 10.230.0.1 
[ROUTE]broadcast 10.230.0.255 dev d0 table local proto kernel scope link src 10.230.0.1 
`
	if !strings.HasPrefix(got, want) {
		t.Errorf("got:\n%s\nwant first:\n%s", got, want)
	}
}
