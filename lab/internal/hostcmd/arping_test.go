package hostcmd

import (
	"regexp"
	"testing"
)

func TestArping(t *testing.T) {
	w := pair(t)
	for _, test := range []struct{ line, want string }{
		{"arping -c 2 10.0.0.2", `ARPING 10.0.0.2 from 10.0.0.1 v0
Unicast reply from 10.0.0.2 [MAC]  0.000ms
Unicast reply from 10.0.0.2 [MAC]  0.000ms
Sent 2 probes (1 broadcast(s))
Received 2 response(s)
status 0
`},
		{"arping -w 1 -I v0 10.0.0.9", `ARPING 10.0.0.9 from 10.0.0.1 v0
Sent 2 probes (2 broadcast(s))
Received 0 response(s)
status 1
`},
		{"arping -D -c 1 -I v0 10.0.0.2", `ARPING 10.0.0.2 from 0.0.0.0 v0
Unicast reply from 10.0.0.2 [MAC]  0.000ms
Sent 1 probes (1 broadcast(s))
Received 1 response(s)
status 1
`},
		{"arping -q -D -c 2 -I v0 10.0.0.8", "status 0\n"},
		{"arping -U -c 2 -I v0 10.0.0.1", `ARPING 10.0.0.1 from 10.0.0.1 v0
Sent 2 probes (2 broadcast(s))
Received 0 response(s)
status 0
`},
		{"arping -I nodev 10.0.0.2", "arping: Device nodev not available.\nstatus 2\n"},
		{"arping -I lo 127.0.0.1", "Interface \"lo\" is not ARPable\nstatus 2\n"},
		{"arping -I v0 -s 10.0.0.7 10.0.0.2", "arping: bind: Cannot assign requested address\nstatus 2\n"},
		{"arping -c x 10.0.0.2", "arping: invalid argument: 'x'\nstatus 1\n"},
	} {
		got := regexp.MustCompile(`\[[0-9A-F:]{17}\]`).ReplaceAllString(w.run("a", test.line).String(), "[MAC]")
		if got != test.want {
			t.Errorf("%s\n%s", test.line, got)
		}
	}
}
