package hostcmd

import (
	"regexp"
	"testing"
	"time"
)

// masked runs a command line and puts T in place of times.
func (w *world) masked(host, line string) string {
	return regexp.MustCompile(`\d+\.\d+ ?ms`).ReplaceAllString(w.run(host, line).String(), "T")
}

// TestTraceroute has each kind of probe find the same way.
func TestTraceroute(t *testing.T) {
	for _, options := range []string{"", "-I ", "-T ", "-U ", "-N 1 ", "-i v0 ", "-s 10.0.1.1 "} {
		w := line(t)
		want := `traceroute to 10.0.2.3 (10.0.2.3), 30 hops max, 60 byte packets
 1  10.0.1.2  T  T  T
 2  10.0.2.3  T  T  T
status 0
`
		if got := w.masked("a", "traceroute -n "+options+"10.0.2.3"); got != want {
			t.Errorf("%s: %s", options, got)
		}
	}
	for _, options := range []string{"", "-I ", "-T "} {
		w := line(t)
		want := `traceroute to fd02::3 (fd02::3), 30 hops max, 80 byte packets
 1  fd01::2 (fd01::2)  T
 2  fd02::3 (fd02::3)  T
status 0
`
		if got := w.masked("a", "traceroute6 -q 1 "+options+"fd02::3"); got != want {
			t.Errorf("%s: %s", options, got)
		}
	}
}

func TestTracerouteMarks(t *testing.T) {
	w := line(t)
	w.ip("b", "route add unreachable 10.7.0.0/24", "route add prohibit 10.7.1.0/24", "route add blackhole 10.7.2.0/24")
	for _, test := range []struct{ line, want string }{
		{"traceroute -n -q 1 10.7.0.1", " 1  10.0.1.2  T !H\nstatus 0\n"},
		{"traceroute -n -q 1 10.7.1.1", " 1  10.0.1.2  T !X\nstatus 0\n"},
		{"traceroute -n -q 1 10.7.9.1", " 1  10.0.1.2  T !N\nstatus 0\n"},
		{"traceroute -n -q 2 -m 2 -w 1 10.7.2.1", " 1  * *\n 2  * *\nstatus 0\n"},
		{"traceroute -n -q 1 10.0.2.9", " 1  10.0.1.2  T\n 2  10.0.1.2  T !H\nstatus 0\n"},
		{"traceroute -n -F 10.0.2.3 2000 -q 1", " 1  *  T !F-1500\nstatus 0\n"},
		{"traceroute -x 10.0.2.3", "Bad option `-x' (argc 1)\nstatus 2\n"},
		{"traceroute -q 11 10.0.2.3", "no more than 10 probes per hop\nstatus 2\n"},
		{"traceroute -q x 10.0.2.3", "Cannot handle `-q' option with arg `x' (argc 2)\nstatus 2\n"},
	} {
		w.pass(time.Minute) // until errors are not limited any more
		got := regexp.MustCompile(`(?m)^traceroute to .*\n`).ReplaceAllString(w.masked("a", test.line), "")
		if got != test.want {
			t.Errorf("%s:\n%s", test.line, got)
		}
	}
	if got := w.masked("b", "traceroute 192.0.2.1"); got != "traceroute to 192.0.2.1 (192.0.2.1), 30 hops max, 60 byte packets\nconnect: Network is unreachable\nstatus 1\n" {
		t.Error(got)
	}
}

func TestTracepath(t *testing.T) {
	w := line(t)
	w.ip("b", "link set v1 mtu 1400")
	w.ip("c", "link set v0 mtu 1400")
	for _, test := range []struct{ line, want string }{
		{"tracepath -n 10.0.2.3", ` 1?: [LOCALHOST]                      pmtu 1500
 1:  10.0.1.2                                              T 
 1:  10.0.1.2                                              T 
 2:  10.0.1.2                                              T pmtu 1400
 2:  10.0.2.3                                              T reached
     Resume: pmtu 1400 hops 2 back 2 
status 0
`},
		{"tracepath6 -n fd02::3", ` 1?: [LOCALHOST]                        T pmtu 1500
 1:  fd01::2                                               T 
 1:  fd01::2                                               T 
 2:  fd01::2                                               T pmtu 1400
 2:  fd02::3                                               T reached
     Resume: pmtu 1400 hops 2 back 2 
status 0
`},
		{"tracepath -l 1000 -m 1 10.0.2.3", ` 1:  10.0.1.2                                              T 
     Too many hops: pmtu 1000
     Resume: pmtu 1000 
status 0
`},
		{"tracepath 127.0.0.1", ` 1:  localhost                                             T reached
     Resume: pmtu 65535 hops 1 back 1 
status 0
`},
	} {
		if got := w.masked("a", test.line); got != test.want {
			t.Errorf("%s:\n%s", test.line, got)
		}
	}
}
