package scenario_test

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rulewalk/rulewalk/lab/scenario"
	"github.com/rulewalk/rulewalk/lab/topology"
)

var update = flag.Bool("update", false, "write what the scenarios should say")

// start makes the world of a topology for a test.
func start(t testing.TB, topo *topology.Topology) *scenario.World {
	t.Helper()
	w, err := scenario.Start(context.Background(), "test", topo, scenario.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// TestShipped plays the scenarios that are built in.
func TestShipped(t *testing.T) {
	for _, name := range scenario.Shipped() {
		t.Run(name, func(t *testing.T) {
			topo, _, err := scenario.ReadShipped(name)
			if err != nil {
				t.Fatal(err)
			}
			w := start(t, topo)
			results, err := w.Run(context.Background(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if *update {
				path := filepath.Join("shipped", name+".txtar")
				if err := os.WriteFile(path, w.Updated(results), 0o666); err != nil {
					t.Fatal(err)
				}
				return
			}
			for _, r := range results {
				if !r.Same {
					t.Errorf("line %d: %s$ %s (exit %d)\n%s", r.Step.Pos.Line, r.Step.Host, r.Step.Command, r.Status, r.Diff)
				}
			}
		})
	}
}

// play runs a transcript on a topology with one host, h, and one more, r.
func play(t *testing.T, run string) []scenario.Result {
	t.Helper()
	const hosts = "x\n-- topology.yaml --\nhosts:\n  h:\n  r:\nlinks:\n  - [h:eth0, r:eth0]\n-- data.txt --\nb 2\na 10\nb 2\n-- run --\n"
	topo, err := topology.Read("x.txtar", []byte(hosts+run))
	if err != nil {
		t.Fatal(err)
	}
	results, err := start(t, topo).Run(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return results
}

// TestCommands plays what a transcript can do beside ip.
func TestCommands(t *testing.T) {
	results := play(t, `h$ cat data.txt
b 2
a 10
b 2
h$ sort -u data.txt | head -n 1
a 10
h$ sort -rn < data.txt | tail -1
a 10
h$ grep -c b data.txt; grep -o '[0-9]\+' data.txt | sort -n | head -1; grep -vq b data.txt
2
2
h$ grep -E 'x|y' data.txt
[exit 1]
h$ grep -Z b data.txt
grep: invalid option -- 'Z' (here it has -i -v -c -o -q -n -w -x -E -F -e)
[exit 2]
h$ wc -l data.txt
3
h$ cat /etc/passwd
cat: /etc/passwd: a scenario opens no files outside of its folder
[exit 1]
h$ echo x > ../y
open {/.*/}y: a scenario opens no files outside of its folder
[exit 1]
h$ ls
sh: ls: command not found ...
[exit 127]
h$ x=1
h$ echo $x $HOSTNAME
1 h
r$ echo "[$x] $HOSTNAME"
[] r
h$ ip netns exec r sh -c 'ip -br link show eth0 | grep -c eth0; sysctl net.ipv4.ip_forward'
1
net.ipv4.ip_forward = 0
h$ echo 'link set eth0 mtu 1400' > batch; ip -batch batch; ip link show eth0 | grep -o 'mtu [0-9]*'
mtu 1400
h$ echo net.ipv4.ip_forward=1 | sysctl -p -
net.ipv4.ip_forward = 1
h$ /usr/sbin/ip -br link show nosuch
Device "nosuch" does not exist.
[exit 1]
lab$ ip netns
r
h
`)
	for _, r := range results {
		if !r.Same {
			t.Errorf("%s$ %s: exit %d\n%s", r.Step.Host, r.Step.Command, r.Status, r.Diff)
		}
	}
}

// TestJobs plays commands in the background.
func TestJobs(t *testing.T) {
	results := play(t, `h$ (echo begun; read never; echo not this) &
h$ jobs
[1]  ... (echo begun; read never; echo not this)
h$ wait %1
begun
not this
h$ fg
fg: %%: no such job
[exit 127]
h$ false &
h$ wait %false
[exit 1]
h$ echo a & echo b & wait
a
b
r$ kill %1
kill: %1: no such job
[exit 1]
`)
	for _, r := range results {
		if !r.Same {
			t.Errorf("%s$ %s: exit %d\n%s%q", r.Step.Host, r.Step.Command, r.Status, r.Diff, r.Got)
		}
	}
}

// TestVirtualTime checks that a long sleep takes no time, and that the world has aged.
func TestVirtualTime(t *testing.T) {
	begin := time.Now()
	results := play(t, `h$ ip link set eth0 up; ip addr add 192.0.2.1/24 dev eth0 valid_lft 1000 preferred_lft 900
h$ sleep 899; ip -4 addr show eth0 | grep -o 'preferred_lft.*'
preferred_lft 1sec
h$ sleep 50; ip -4 addr show eth0 | grep -o deprecated
deprecated
h$ sleep 1h; ip -4 addr show eth0
`)
	for _, r := range results {
		if !r.Same {
			t.Errorf("%s$ %s: exit %d\n%s", r.Step.Host, r.Step.Command, r.Status, r.Diff)
		}
	}
	if d := time.Since(begin); d > 10*time.Second {
		t.Errorf("it took %v", d)
	}
}

// TestDiff checks what is said of outputs that differ, and what an update writes.
func TestDiff(t *testing.T) {
	results := play(t, `h$ echo one; echo two; echo 3; echo four; echo five; echo six; echo seven; echo eight; echo nine; echo ten
one
two
{number}
vier
five
six
seven
eight
nine
ten
h$ cat data.txt
...
a 10
h$ sh -c 'exit 3'
h$ echo a {port}
a {port}
`)
	want := []struct {
		diff string
		same bool
	}{
		{"@@ -1,7 +1,7 @@\n one\n two\n 3\n-vier\n+four\n five\n six\n seven\n", false},
		{"@@ -1,2 +1,3 @@\n b 2\n ...\n a 10\n+b 2\n", false},
		{"", false},
		{"@@ -1 +1 @@\n-a {port}\n+a {port}\n", false},
	}
	for i, r := range results {
		if diff := cmp.Diff(want[i].diff, r.Diff); diff != "" || r.Same != want[i].same {
			t.Errorf("%s: same %v, %s", r.Step.Command, r.Same, diff)
		}
	}
}

// TestUpdate checks that what an update writes is what then holds.
func TestUpdate(t *testing.T) {
	const text = `hosts: {h: }
run: |
  # What stands around it stays.
  h$ echo 4711; echo new; echo '# no remark'; echo 'h$ no prompt'; sh -c 'exit 2'
  {number:n}
  old

  h$ echo 4711
  {number:n}
`
	topo, err := topology.Read("x", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	w := start(t, topo)
	results, err := w.Run(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	got := string(w.Updated(results))
	want := strings.Replace(text, "  old\n", "  new\n  {/#/} no remark\n  h{/\\$/} no prompt\n  [exit 2]\n", 1)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
	if topo, err = topology.Read("x", []byte(got)); err != nil {
		t.Fatal(err)
	}
	if results, err = start(t, topo).Run(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		if !r.Same {
			t.Errorf("%s differs after the update:\n%s", r.Step.Command, r.Diff)
		}
	}
}

// TestSetupErrors checks that what a host refuses of its setup is told with its place.
func TestSetupErrors(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{
			"hosts:\n  h: |\n    ip link set lo up\n    ip link set eth9 up\n",
			"x:4:5: the setup of h ends with status 1\n   |\n 4 |     ip link set eth9 up\n   |     ^^^^^^^^^^^^^^^^^^^\n   = Cannot find device \"eth9\"",
		},
		{
			"hosts:\n  h: {sysctl: {net.ipv4.nonsense: 1}}\n",
			"x:2:16: net.ipv4.nonsense of h cannot be set to 1",
		},
		{
			"hosts:\n  h:\n  r:\nlinks:\n  - [h:lo, r:eth0]\n",
			"x:5:5: the link cannot be made: RTNETLINK answers: File exists",
		},
		{
			"hosts:\n  h: |\n    if true\n",
			"x:3:5: the setup of h: `if <cond>` must be followed by `then`",
		},
	} {
		topo, err := topology.Read("x", []byte(tt.text))
		if err != nil {
			t.Fatal(err)
		}
		_, err = scenario.Start(context.Background(), "test", topo, scenario.Options{})
		if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%q:\n%v\nwant\n%s", tt.text, err, tt.want)
		}
	}
}
