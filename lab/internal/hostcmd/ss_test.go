package hostcmd

import (
	"context"
	"net/netip"
	"regexp"
	"testing"

	"github.com/rulewalk/rulewalk/lab/internal/stack"
)

func TestSS(t *testing.T) {
	w := newWorld(t, "a")
	s := w.hosts["a"].Stack
	listen := func(network, at string, o stack.Options) *stack.TCPListener {
		l, err := s.ListenTCP(network, netip.MustParseAddrPort(at), o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		return l
	}
	listen("tcp", "0.0.0.0:8080", stack.Options{Command: "httpd", PID: 7})
	l := listen("tcp4", "127.0.0.1:80", stack.Options{Backlog: 5})
	listen("tcp", "[::]:443", stack.Options{Backlog: 5})
	u, err := s.ListenUDP("udp4", netip.MustParseAddrPort("0.0.0.0:68"), stack.Options{Device: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = u.Close() }()
	c, err := s.DialTCP(context.Background(), "tcp", netip.MustParseAddrPort("127.0.0.1:80"), stack.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	peer, err := l.AcceptTCP()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = peer.Close() }()

	for _, test := range []struct{ line, want string }{
		{"ss -tln", `State  Recv-Q Send-Q Local Address:Port Peer Address:PortProcess
LISTEN 0      4096         0.0.0.0:8080      0.0.0.0:*          
LISTEN 0      5          127.0.0.1:80        0.0.0.0:*          
LISTEN 0      5                  *:443             *:*          
status 0
`},
		{"ss -tlnp sport = :8080", `State  Recv-Q Send-Q Local Address:Port Peer Address:PortProcess                      
LISTEN 0      4096         0.0.0.0:8080      0.0.0.0:*    users:(("httpd",pid=7,fd=3))
status 0
`},
		{"ss -tn", `State Recv-Q Send-Q Local Address:Port  Peer Address:Port Process
ESTAB 0      0          127.0.0.1:80       127.0.0.1:EPHEM       
ESTAB 0      0          127.0.0.1:EPHEM    127.0.0.1:80          
status 0
`},
		{"ss -uan", `State  Recv-Q Send-Q Local Address:Port Peer Address:PortProcess
UNCONN 0      0         0.0.0.0%lo:68        0.0.0.0:*          
status 0
`},
		{"ss -tulnH", `udp UNCONN 0      0      0.0.0.0%lo:68   0.0.0.0:*
tcp LISTEN 0      4096      0.0.0.0:8080 0.0.0.0:*
tcp LISTEN 0      5       127.0.0.1:80   0.0.0.0:*
tcp LISTEN 0      5               *:443        *:*
status 0
`},
		{"ss -tan state established dst 127.0.0.0/8 and not ( dport gt :80 )", `Recv-Q Send-Q Local Address:Port  Peer Address:PortProcess
0      0          127.0.0.1:EPHEM    127.0.0.1:80         
status 0
`},
		{"ss -H -tan src 127.0.0.1:80 state foo", "Usage"},
		{"ss -tan state foo", "ss: wrong state name: foo\nstatus 255\n"},
		{"ss -tan sport foo", "Error: \"foo\" does not look like a port.\nCannot parse dst/src address.\nstatus 1\n"},
	} {
		got := regexp.MustCompile(`:[3-6]\d{4}\b`).ReplaceAllString(w.run("a", test.line).String(), ":EPHEM")
		if test.want == "Usage" {
			test.want = errSSFilter.Error() + "\nstatus 1\n"
		}
		if got != test.want {
			t.Errorf("%s\n%s\n%q", test.line, got, got)
		}
	}
}
