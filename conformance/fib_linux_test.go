package conformance

import (
	"context"
	"errors"
	"net/netip"
	"os/exec"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rulewalk/rulewalk/fib"
	"github.com/rulewalk/rulewalk/internal/testns"
	"github.com/rulewalk/rulewalk/kernel"
	"github.com/rulewalk/rulewalk/rpdb"
)

// countingLive counts how often the state is read.
type countingLive struct {
	fib.Live
	read atomic.Int32
}

func (l *countingLive) Replace(st *rpdb.State) error {
	defer l.read.Add(1)
	return l.Live.Replace(st)
}

// TestLiveFollowsKernel lets a fib.Live follow the running kernel while ip changes
// rules and routes.
func TestLiveFollowsKernel(t *testing.T) {
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("ip is missing: install iproute2")
	}
	ns := testns.New(t)
	conn, err := kernel.Dial(kernel.Config{NetNS: ns.Path()})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	follower := &countingLive{}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- conn.Follow(ctx, follower)
	}()
	flow := rpdb.Flow{Dst: netip.MustParseAddr("198.51.100.7"), Mark: 7}
	reach := func(what string, want rpdb.Errno) {
		t.Helper()
		for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
			if follower.read.Load() > 0 && follower.Lookup(&flow).Err == want {
				return
			}
		}
		t.Fatalf("%s: the answer never became %v", what, want)
	}
	ip := func(args ...string) {
		t.Helper()
		if out, err := ns.Run("ip", args...); err != nil {
			t.Fatal(out, err)
		}
	}
	reach("at first", rpdb.ENETUNREACH)
	ip("route", "add", "prohibit", "198.51.100.0/24", "table", "77")
	ip("rule", "add", "pref", "100", "fwmark", "7", "lookup", "77")
	reach("with a rule", rpdb.EACCES)
	ip("route", "replace", "blackhole", "198.51.100.0/24", "table", "77")
	reach("with another route", rpdb.EINVAL)
	ip("rule", "del", "pref", "100")
	reach("without the rule", rpdb.ENETUNREACH)
	if n := follower.read.Load(); n > 2 {
		t.Errorf("the state was read %d times for changes that tell all", n)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Follow ended with %v", err)
	}
}
