package hostcmd

import (
	"context"
	"regexp"
	"strings"
	"testing"
)

// TestIperf sends a number of bytes, as the clock of the world stands still meanwhile.
func TestIperf(t *testing.T) {
	w := pair(t)
	for _, test := range []struct{ line, client, server string }{
		{
			"iperf3 -c 10.0.0.2 -n 1M -i 0", `Connecting to host 10.0.0.2, port 5201
[  5] local 10.0.0.1 port EPHEM connected to 10.0.0.2 port 5201
[ ID] Interval           Transfer     Bitrate         Retr  Cwnd
- - - - - - - - - - - - - - - - - - - - - - - - -
[ ID] Interval           Transfer     Bitrate         Retr
[  5]   0.00-0.00   sec  1.00 MBytes  0.00 bits/sec    0             sender
[  5]   0.00-0.00   sec  1.00 MBytes  0.00 bits/sec                  receiver

iperf Done.
status 0
`, `[  5]   0.00-0.00   sec  1.00 MBytes  0.00 bits/sec                  receiver`,
		},
		{
			"iperf3 -c fd00::2 -u -b 1M -t 2 -l 1200", `Connecting to host fd00::2, port 5201
[  5] local fd00::1 port EPHEM connected to fd00::2 port 5201
[ ID] Interval           Transfer     Bitrate         Total Datagrams
[  5]   0.00-1.00   sec   N KBytes   N Kbits/sec  N  
[  5]   1.00-2.00   sec   N KBytes   N Kbits/sec  N  
- - - - - - - - - - - - - - - - - - - - - - - - -
[ ID] Interval           Transfer     Bitrate         Jitter    Lost/Total Datagrams
[  5]   0.00-2.00   sec   N KBytes   N Kbits/sec  J ms  0/N (0%)  sender
[  5]   0.00-2.00   sec   N KBytes   N Kbits/sec  J ms  0/N (0%)  receiver

iperf Done.
status 0
`, `(0%)  receiver`,
		},
		{
			"iperf3 -c 10.0.0.2 -R -P 2 -b 8M -t 1 -l 10K", `Connecting to host 10.0.0.2, port 5201
Reverse mode, remote host 10.0.0.2 is sending
`, `sender`,
		},
	} {
		wait := w.start(context.Background(), "b", "iperf3 -s -1", strings.NewReader(""))
		w.bound("b", 1)
		got := regexp.MustCompile(`port [3-6]\d{4} `).ReplaceAllString(w.run("a", test.line).String(), "port EPHEM ")
		// How many datagrams are under way when the time is over, a slow machine decides.
		got = regexp.MustCompile(`sec +\d+ KBytes +[\d.]+ [KM]bits/sec  [\d.]+`).ReplaceAllString(got, "sec   N KBytes   N Kbits/sec  N")
		got = regexp.MustCompile(`N ms  0/20\d `).ReplaceAllString(got, "J ms  0/N ")
		if !strings.HasPrefix(got, test.client) || !strings.HasSuffix(got, "iperf Done.\nstatus 0\n") {
			t.Errorf("%s\n%s", test.line, got)
		}
		if r := wait(); r.status != 0 || !strings.Contains(r.out, test.server) || !strings.Contains(r.out, "Accepted connection from ") {
			t.Errorf("%s: %s", test.line, r)
		}
	}
	for _, test := range []struct{ line, want string }{
		{"iperf3 -c 10.0.0.2", "iperf3: error - unable to connect to server: Connection refused\nstatus 1\n"},
		{"iperf3 -c 192.0.2.1", "iperf3: error - unable to connect to server: Network is unreachable\nstatus 1\n"},
		{"iperf3", "iperf3: parameter error - must either be a client (-c) or server (-s)\n"},
	} {
		if got := w.run("a", test.line).String(); !strings.HasPrefix(got, test.want) {
			t.Errorf("%s: %s", test.line, got)
		}
	}
}

func TestIperfInterrupted(t *testing.T) {
	w := pair(t)
	ctx, cancel := context.WithCancel(context.Background())
	server := w.start(ctx, "b", "iperf3 -s", strings.NewReader(""))
	w.bound("b", 1)
	client := w.start(ctx, "a", "iperf3 -u -b 1M -c 10.0.0.2 -t 3000 -J", strings.NewReader(""))
	w.bound("a", 0)
	cancel()
	if r := client(); r.status != 1 {
		t.Error(r)
	}
	if r := server(); r.status != 1 || !strings.Contains(r.err, "interrupt - the server has terminated") {
		t.Error(r)
	}
}
