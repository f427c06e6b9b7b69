package lab_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rulewalk/rulewalk/lab"
	"github.com/rulewalk/rulewalk/netns"
)

// TestNothingStays starts and ends worlds whose hosts have cables, connections, commands
// that run and captures, and wants goroutines and memory back where they were.
func TestNothingStays(t *testing.T) {
	running := goleak.IgnoreCurrent()
	busyWorld(t) // what is made once for all
	before := heap()
	for range 5 {
		busyWorld(t)
	}
	goleak.VerifyNone(t, running)
	if grown := heap() - before; grown > 1<<20 {
		t.Errorf("%.0f KiB stay of five worlds", grown/1024)
	}
}

// TestNothingOfANamespaceStays adds and deletes namespaces of a world that lives on, with
// cables and sockets.
func TestNothingOfANamespaceStays(t *testing.T) {
	world, err := lab.NewServer("test", netns.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer world.Close()
	world.StandStill()
	root, err := world.Host("")
	if err != nil {
		t.Fatal(err)
	}
	command(t, root, "ip link set lo up")
	const cycles = 50
	cycle := func() {
		command(t, root, "ip netns add x", "ip link add v type veth peer name eth0 netns x", "ip link set v up", "ip addr add 10.0.0.1/24 dev v")
		x := idOf(t, world, "x")
		for _, line := range []string{"ip link set eth0 up", "ip addr add 10.0.0.2/24 dev eth0", "nc -z 10.0.0.1 9", "ping -c 1 10.0.0.1"} {
			world.Run(context.Background(), on(x, line, io.Discard))
		}
		command(t, root, "ip netns del x")
	}
	rest := func() { _ = world.Sleep(context.Background(), time.Hour) } // until no timer is left
	cycle()
	rest()
	running, before := goleak.IgnoreCurrent(), heap()
	rest()
	for range cycles {
		cycle()
	}
	rest()
	goleak.VerifyNone(t, running)
	if grown := heap() - before; grown > 1<<20 {
		t.Errorf("%.0f KiB stay of %d namespaces", grown/1024, cycles)
	}
}

func idOf(t *testing.T, world *lab.Server, name string) uint32 {
	t.Helper()
	ns, err := world.NetNS(name)
	if err != nil {
		t.Fatal(err)
	}
	return ns.FD()
}

// on is a command on the host of a namespace.
func on(id uint32, line string, out io.Writer) lab.Command {
	return lab.Command{Args: strings.Fields(line), Env: []string{fmt.Sprintf("%s=%d", lab.EnvNetNS, id)}, Out: out, Err: out}
}

// busyWorld is a world in which much goes on when it ends.
func busyWorld(t *testing.T) {
	t.Helper()
	world, row := openChain(t, 4)
	defer world.Close()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan int)
	lines := []string{
		"tcpdump -n -i any", "nc -l 10.0.2.2 99", "ping -i 0.01 10.0.2.2", "iperf3 -s", "httpd -p 8080 hello", "ip monitor",
	}
	for i, line := range lines {
		go func() { ended <- world.Run(ctx, on(row[i%4].Namespace().FD(), line, new(bytes.Buffer))) }()
	}
	_, err := row[3].Listen("tcp", "10.0.2.2:80")
	if err != nil {
		t.Fatal(err)
	}
	u, err := row[3].ListenPacket("udp", "10.0.2.2:80")
	if err != nil {
		t.Fatal(err)
	}
	c, err := row[0].Dial("tcp", "10.0.2.2:80")
	if err != nil {
		t.Fatal(err)
	}
	_ = c.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
	_, _ = c.Write(make([]byte, 1<<20)) // nobody reads it
	if err := row[1].Impair("right", lab.Impairment{Delay: time.Second}); err != nil {
		t.Fatal(err)
	}
	_, _ = c.Write(make([]byte, 1<<10))
	unanswered, stop := context.WithTimeout(ctx, 10*time.Millisecond)
	defer stop()
	if _, err := row[0].DialContext(unanswered, "tcp", "10.9.9.9:80"); err == nil || errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	_ = u.SetReadDeadline(time.Now().Add(time.Hour))
	cancel()
	for range lines {
		<-ended
	}
}
