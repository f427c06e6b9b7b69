package hostcmd

import "testing"

func TestNettest(t *testing.T) {
	w := pair(t)
	w.ip("a", "route add blackhole 192.0.2.0/24")
	for _, test := range []struct {
		line   string
		status int
	}{
		{"nettest -q -B -N a -O b -l 10.0.0.2 -r 10.0.0.2", 0},
		{"nettest -q -B -N a -O b -D -r 10.0.0.2 -0 10.0.0.1 -1 10.0.0.2 -2 v0 -3 v0", 0},
		{"nettest -q -B -N a -O b -D -U -6 -r fd00::2 -Q 0x10", 0},
		{"nettest -q -B -N a -O b -D -r 10.0.0.2 -0 10.0.0.3", 1},
		{"nettest -q -B -N a -O b -D -U -r 198.51.100.1", 1},
		{"nettest -q -r 10.0.0.2", 1},                        // refused
		{"nettest -q -D -U -r 10.0.0.2", 1},                  // refused
		{"nettest -q -B -O b -l 10.0.0.9 -r 10.0.0.2", 1},    // no such address
		{"nettest -q -B -N a -O b -d v1 -r 10.0.0.2", 1},     // no such device
		{"nettest -q -s -t 1", 2},                            // nobody comes
		{"nettest -q -s -b", 0},                              // binds only
		{"nettest -q -B -N a -O none -l 10.0.0.2 -r ::1", 1}, // no such namespace
		{"nettest -q", 1},
	} {
		if got := w.run("a", test.line); got.status != test.status {
			t.Errorf("%s: status %d, want %d: %s", test.line, got.status, test.status, got)
		}
	}
}
