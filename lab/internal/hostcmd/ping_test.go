package hostcmd

import (
	"context"
	"strings"
	"testing"
	"time"
)

func TestPing(t *testing.T) {
	w := pair(t)
	w.want("a", "ping -c 2 10.0.0.2", `PING 10.0.0.2 (10.0.0.2) 56(84) bytes of data.
64 bytes from 10.0.0.2: icmp_seq=1 ttl=64 time=0.000 ms
64 bytes from 10.0.0.2: icmp_seq=2 ttl=64 time=0.000 ms

--- 10.0.0.2 ping statistics ---
2 packets transmitted, 2 received, 0% packet loss, time 1000ms
rtt min/avg/max/mdev = 0.000/0.000/0.000/0.000 ms
status 0
`)
	w.want("a", "ping -c 1 -I v0 -D fd00::2", `PING fd00::2(fd00::2) from fd00::1 v0: 56 data bytes
[1700000001.000000] 64 bytes from fd00::2: icmp_seq=1 ttl=64 time=0.000 ms

--- fd00::2 ping statistics ---
1 packets transmitted, 1 received, 0% packet loss, time 0ms
rtt min/avg/max/mdev = 0.000/0.000/0.000/0.000 ms
status 0
`)
	w.want("a", "ping -c 3 -i .2 10.0.0.9", `PING 10.0.0.9 (10.0.0.9) 56(84) bytes of data.
From 10.0.0.1 icmp_seq=1 Destination Host Unreachable
From 10.0.0.1 icmp_seq=2 Destination Host Unreachable
From 10.0.0.1 icmp_seq=3 Destination Host Unreachable

--- 10.0.0.9 ping statistics ---
3 packets transmitted, 0 received, +3 errors, 100% packet loss, time 400ms
pipe 3
status 1
`)
	w.want("a", "ping -c 1 -q -I v0 10.0.0.1", `PING 10.0.0.1 (10.0.0.1) from 10.0.0.1 v0: 56(84) bytes of data.

--- 10.0.0.1 ping statistics ---
1 packets transmitted, 1 received, 0% packet loss, time 0ms
rtt min/avg/max/mdev = 0.000/0.000/0.000/0.000 ms
status 0
`)
	w.want("a", "ping -c 1 192.0.2.1", "ping: connect: Network is unreachable\nstatus 2\n")
	w.want("a", "ping", "ping: usage error: Destination address required\nstatus 1\n")
	w.want("a", "ping -c x ::1", "ping: invalid argument: 'x'\nstatus 1\n")
	w.want("a", "ping -c 1 -s 2000 -M do 10.0.0.2", `PING 10.0.0.2 (10.0.0.2) 2000(2028) bytes of data.

--- 10.0.0.2 ping statistics ---
1 packets transmitted, 0 received, +1 errors, 100% packet loss, time 0ms

ping: local error: message too long, mtu=1500
status 1
`)
}

func TestPingThroughRouter(t *testing.T) {
	w := line(t)
	w.want("a", "ping -c 1 -t 1 10.0.2.3", `PING 10.0.2.3 (10.0.2.3) 56(84) bytes of data.
From 10.0.1.2 icmp_seq=1 Time to live exceeded

--- 10.0.2.3 ping statistics ---
1 packets transmitted, 0 received, +1 errors, 100% packet loss, time 0ms

status 1
`)
	w.want("a", "ping6 -q -c 1 fd02::3", `PING fd02::3(fd02::3) 56 data bytes

--- fd02::3 ping statistics ---
1 packets transmitted, 1 received, 0% packet loss, time 0ms
rtt min/avg/max/mdev = 0.000/0.000/0.000/0.000 ms
status 0
`)
	w.ip("b", "route add blackhole 10.9.0.0/16")
	w.want("a", "ping -c 2 -W 3 10.9.1.1", `PING 10.9.1.1 (10.9.1.1) 56(84) bytes of data.

--- 10.9.1.1 ping statistics ---
2 packets transmitted, 0 received, 100% packet loss, time 1000ms

status 1
`)
}

func TestPingInterrupted(t *testing.T) {
	w := pair(t)
	ctx, cancel := context.WithCancel(context.Background())
	wait := w.start(ctx, "a", "ping 10.0.0.2", strings.NewReader(""))
	w.pass(2500 * time.Millisecond)
	cancel()
	if r := wait(); r.status != 0 || !strings.Contains(r.out, "packets transmitted") {
		t.Error(r)
	}
}
