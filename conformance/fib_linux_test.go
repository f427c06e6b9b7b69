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
	var live fib.Live
	var started atomic.Bool
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- conn.Watch(ctx, func(st *rpdb.State) error {
			defer started.Store(true)
			return live.Replace(st)
		})
	}()
	flow := rpdb.Flow{Dst: netip.MustParseAddr("198.51.100.7"), Mark: 7}
	reach := func(what string, want rpdb.Errno) {
		t.Helper()
		for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
			if started.Load() && live.Lookup(&flow).Err == want {
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
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Watch ended with %v", err)
	}
}
