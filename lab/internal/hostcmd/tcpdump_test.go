package hostcmd

import (
	"context"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestTcpdump(t *testing.T) {
	w := pair(t)
	wait := w.start(context.Background(), "b", "tcpdump -n -t -c 4 -i any", strings.NewReader(""))
	w.pass(time.Second)
	if r := w.run("a", "ping -c 1 10.0.0.2"); r.status != 0 {
		t.Fatal(r)
	}
	r := wait()
	want := regexp.MustCompile(`^v0    B   ARP, Request who-has 10\.0\.0\.2 tell 10\.0\.0\.1, length 28
v0    Out ARP, Reply 10\.0\.0\.2 is-at [0-9a-f:]+, length 28
v0    In  IP 10\.0\.0\.1 > 10\.0\.0\.2: ICMP echo request, id \d+, seq 1, length 64
v0    Out IP 10\.0\.0\.2 > 10\.0\.0\.1: ICMP echo reply, id \d+, seq 1, length 64
$`)
	if !want.MatchString(r.out) || r.status != 0 || !strings.Contains(r.err, "4 packets captured\n4 packets received by filter\n") {
		t.Error(r)
	}
}

// TestTcpdumpFile captures on lo, where each packet is seen once, until it is
// interrupted, and reads the file.
func TestTcpdumpFile(t *testing.T) {
	w := newWorld(t, "a")
	ctx, cancel := context.WithCancel(context.Background())
	wait := w.start(ctx, "a", "tcpdump -i lo -w x.pcapng icmp", strings.NewReader(""))
	w.pass(time.Second)
	w.run("a", "ping -c 2 127.0.0.2")
	w.pass(time.Second)
	cancel()
	if r := wait(); r.status != 0 || !strings.Contains(r.err, "4 packets captured") {
		t.Error(r)
	}
	r := w.run("a", "tcpdump -n -t -r x.pcapng")
	if strings.Count(r.out, "\n") != 4 || !strings.Contains(r.out, "IP 127.0.0.1 > 127.0.0.2: ICMP echo request") {
		t.Error(r)
	}
	if r := w.run("a", "tcpdump -D"); r.out != "1.any (Pseudo-device that captures on all interfaces) [Up, Running]\n2.lo [Up, Running, Loopback]\n" {
		t.Error(r)
	}
}
