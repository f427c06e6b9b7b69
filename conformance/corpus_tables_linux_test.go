package conformance

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/rulewalk/rulewalk/iproute2"
	"github.com/rulewalk/rulewalk/kernel"
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// The tables that the walks of the corpus search are those that the running kernel
// searches, in their order and with the same outcome.
func TestCorpusTables(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes some seconds; run without -short")
	}
	compared := 0
	for _, f := range []rpdb.Family{rpdb.IPv4, rpdb.IPv6} {
		// The trace belongs to one thread, which ends with its goroutine.
		result := make(chan error)
		go func() {
			runtime.LockOSThread()
			n, err := traceCorpus(t, f)
			compared += n
			result <- err
		}()
		if err := <-result; errors.Is(err, errNoTracefs) || errors.Is(err, ErrSkip) {
			t.Skip(err)
		} else if err != nil {
			t.Error(err)
		}
	}
	t.Logf("%d lookups compared", compared)
}

func traceCorpus(t *testing.T, f rpdb.Family) (compared int, err error) {
	tr, err := newTracer(100, f)
	if err != nil {
		return 0, err
	}
	defer tr.Close()
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return 0, err
	}
	for _, c := range loadCorpus(t) {
		if !strings.HasPrefix(string(release), majorMinor(c.Kernel)+".") {
			continue // recorded on a kernel that may decide otherwise
		}
		if c.Excerpt || c.KeepCache || slowCase(c) || (c.Family == 4) != (f == rpdb.IPv4) {
			continue
		}
		n, err := traceCase(t, c, f, tr)
		compared += n
		if err != nil {
			return compared, fmt.Errorf("%s: %w", c.Name, err)
		}
	}
	return compared, nil
}

func traceCase(t *testing.T, c *Case, f rpdb.Family, tr *tracer) (compared int, err error) {
	h, err := newKernelHost(c)
	if err != nil {
		return 0, err
	}
	defer h.Close()
	conn, err := kernel.Dial(kernel.Config{NetNS: fmt.Sprintf("/proc/%d/ns/net", h.cmd.Process.Pid)})
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	engine := &EngineDecider{}
	for i := range c.Steps {
		s := &c.Steps[i]
		if s.Kind != Command {
			continue
		}
		args, ok := QueryArgs(s.Text)
		if !ok {
			if _, err := h.Exec(s.Text); err != nil {
				return compared, err
			}
			continue
		}
		if s.State == 0 || s.Beyond != "" {
			continue
		}
		db, err := engine.database(c, s.State)
		if err != nil {
			return compared, err
		}
		get, err := iproute2.ParseGet(args, rpdb.Unspec, nil, iproute2.NewLinkTable(db.State().Links))
		if err != nil {
			return compared, err
		}
		fillFlow(&get.Flow, get.Given)
		empty := emptyTables(db.State(), f)
		walked := slices.DeleteFunc(walkedTables(db.Walk(&get.Flow), f), empty)
		var kernel []Visit
		// The kernel handles packets of other namespaces in this thread too when they come
		// while it asks; their lookups are in the trace. They do not come every time.
		for range 10 {
			if kernel, err = tracedTables(conn, tr, get); err != nil {
				return compared, err
			}
			if kernel = slices.DeleteFunc(kernel, empty); slices.Equal(kernel, walked) {
				break
			}
		}
		if !slices.Equal(kernel, walked) {
			t.Errorf("%s:%d: $ %s: the kernel searched %v, the walk %v", c.Name, s.Line, s.Text, kernel, walked)
		}
		compared++
	}
	return compared, nil
}

// tracedTables asks the kernel and returns the tables that it searched.
func tracedTables(conn *kernel.Conn, tr *tracer, get *iproute2.Get) (visits []Visit, err error) {
	if err := tr.mark(1); err != nil {
		return nil, err
	}
	if _, err := conn.Ask(get.Flow, rtnl.GetOptions{FibMatch: get.FibMatch}); err != nil {
		return nil, err
	}
	err = tr.read(func(_ int, v Visit) { visits = append(visits, v) })
	return visits, err
}
