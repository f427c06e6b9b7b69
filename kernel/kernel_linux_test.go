package kernel_test

import (
	"errors"
	"fmt"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rulewalk/rulewalk/kernel"
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// TestFactsLive checks what lookups reveal before and after rules change.
func TestFactsLive(t *testing.T) {
	l := newLab(t)
	rule := rpdb.Rule{Family: rpdb.IPv4, Pref: 5, Action: rpdb.ActTable, Table: 254, Protocol: rpdb.ProtoBoot}
	if f := l.state().Facts; f.CustomRules4 != rpdb.No {
		t.Errorf("new namespace: %+v", f)
	}
	l.exec(rtnl.NewRule(rule, rtnl.FlagsAdd))
	if f := l.state().Facts; f.CustomRules4 != rpdb.Yes {
		t.Errorf("with a rule: %+v", f)
	}
	l.exec(rtnl.DelRule(rule))
	if f := l.state().Facts; f.CustomRules4 != rpdb.Yes {
		t.Errorf("after a rule was deleted again: %+v", f)
	}
	local6 := rpdb.DefaultRules(rpdb.IPv6)[0]
	l.exec(rtnl.DelRule(local6))
	if f := l.state().Facts; f.CustomRules6 != rpdb.No {
		t.Errorf("without the IPv6 local rule: %+v", f)
	}
	rule.Family = rpdb.IPv6
	l.exec(rtnl.NewRule(rule, rtnl.FlagsAdd))
	l.exec(rtnl.DelRule(rule))
	if f := l.state().Facts; f.CustomRules6 != rpdb.Yes {
		t.Errorf("after an IPv6 rule came and went: %+v", f)
	}
}

// TestDialErrors checks that a namespace that cannot be entered is named.
func TestDialErrors(t *testing.T) {
	plain := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"no-such-name-of-a-namespace": "does not exist",
		"2147483647":                  "no process 2147483647",
		"/no/such/path":               "does not exist",
		plain:                         "is no namespace",
		"/proc/self/ns/uts":           "is no network namespace",
	} {
		c, err := kernel.Dial(kernel.Config{NetNS: name})
		if err == nil {
			_ = c.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSysctls checks that they are those of the namespace, also for a device whose
// name holds a dot.
func TestSysctls(t *testing.T) {
	l := newLab(t)
	l.exec(rtnl.NewVeth(rpdb.Link{Name: "e0.5"}, rpdb.Link{Name: "p0"}))
	l.sysctl("net/ipv4/conf/e0.5/rp_filter", "2")
	l.sysctl("net/ipv4/ip_forward", "1")
	s := l.state()
	for name, want := range map[string]int64{
		"net/ipv4/conf/e0.5/rp_filter": 2, "net/ipv4/ip_forward": 1, "net/ipv6/conf/all/forwarding": 0,
		"net/ipv4/conf/default/forwarding": 1, "net/ipv6/conf/lo/disable_ipv6": 0,
	} {
		if v, ok := s.Sysctls.Int(name); !ok || v != want {
			t.Errorf("%s is %d, %v; want %d", name, v, ok, want)
		}
	}
	if s.Missing != 0 || s.Kernel.Release == "" {
		t.Errorf("missing %b, kernel %q", s.Missing, s.Kernel.Release)
	}
}

// TestCapture checks that a capture holds the same state.
func TestCapture(t *testing.T) {
	l := busy(t)
	want := l.state()
	c, err := l.conn.Capture(nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.State()
	if err != nil {
		t.Fatal(err)
	}
	ages := cmp.Options{ // what runs on between the two readings
		cmpopts.IgnoreFields(rpdb.Route{}, "Expires"), cmpopts.IgnoreFields(rpdb.Neigh{}, "Extra", "State"),
		cmpopts.IgnoreFields(rpdb.Resilient{}, "UnbalancedTime"), cmpopts.IgnoreFields(rpdb.Link{}, "Extra"),
	}
	if d := cmp.Diff(want, got, equal, ages); d != "" {
		t.Errorf("(-state +capture):\n%s", d)
	}
	if c.Host == "" || c.Time.IsZero() {
		t.Errorf("host %q, time %v", c.Host, c.Time)
	}
}

// TestChangeWhileReading checks that a state that does not rest is noted as such.
func TestChangeWhileReading(t *testing.T) {
	l := newLab(t)
	other := &lab{t: t, ns: l.ns}
	other.dial()
	n := 0
	s, err := l.conn.State(func(p rtnl.Progress) {
		if p.Kind == rtnl.Routes6 && p.Done {
			n++
			other.exec(rtnl.NewRule(rpdb.Rule{Family: rpdb.IPv4, Pref: uint32(n), Action: rpdb.ActNop}, rtnl.FlagsAdd))
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if n != 3 || len(s.Notes) != 1 || !strings.Contains(s.Notes[0], "changed") {
		t.Errorf("%d readings, notes %q", n, s.Notes)
	}
	if s = l.state(); len(s.Notes) != 0 {
		t.Errorf("a state at rest has notes %q", s.Notes)
	}
}

// TestRefusal checks that the kernel's own words come through, and that the
// connection serves on.
func TestRefusal(t *testing.T) {
	l := newLab(t)
	m, err := rtnl.NewRule(rpdb.Rule{Family: rpdb.IPv4, Pref: 9, Action: rpdb.ActGoto, GotoRef: 3}, rtnl.FlagsAdd)
	if err != nil {
		t.Fatal(err)
	}
	var e *rtnl.Error
	if err = rtnl.Exec(l.conn, m); !errors.As(err, &e) || e.Errno != rpdb.EINVAL || e.Msg != "Backward goto not supported" {
		t.Errorf("got %v", err)
	}
	next, stop := iter.Pull2(l.conn.Do(rtnl.DumpRequest(rtnl.RulesIPv4)))
	if _, err, ok := next(); !ok || err != nil {
		t.Fatal(err, ok)
	}
	stop() // a dump left early
	count := 0
	for _, err := range l.conn.Do(rtnl.DumpRequest(rtnl.RulesIPv6)) {
		if err != nil {
			t.Fatal(err)
		}
		count++
	}
	if count != 2 {
		t.Errorf("%d IPv6 rules after a dump that was left early", count)
	}
	if _, err := l.conn.Ask(rpdb.Flow{Dst: adr("::1"), IIF: 77, UID: rpdb.InvalidUID}, rtnl.GetOptions{}); err != nil {
		t.Errorf("a refused lookup is an error: %v", err)
	}
}

// TestConcurrentUse shares one connection.
func TestConcurrentUse(t *testing.T) {
	l := newLab(t)
	errs := make(chan error)
	for i := range 8 {
		go func() {
			for range 50 {
				want := adr(fmt.Sprintf("127.0.0.%d", i+1))
				rep, err := l.conn.Ask(rpdb.Flow{Dst: want, UID: 0}, rtnl.GetOptions{})
				if err == nil && rep.Dst.Addr() != want {
					err = fmt.Errorf("asked for %s, got %+v", want, rep)
				}
				if err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		}()
	}
	for range 8 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

const asUserMark = "RULEWALK_TEST_AS_USER"

// TestOrdinaryUser reads the state of this process's own namespace without any
// privilege. As root it runs itself again as nobody.
func TestOrdinaryUser(t *testing.T) {
	if os.Getenv(asUserMark) == "" && os.Getuid() == 0 {
		runAsNobody(t)
		return
	}
	c, err := kernel.Dial(kernel.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	s, err := c.State(nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Rules) == 0 || len(s.Links) == 0 || len(s.Sysctls) == 0 || s.Missing != 0 {
		t.Errorf("%d rules, %d links, %d sysctls, missing %b", len(s.Rules), len(s.Links), len(s.Sysctls), s.Missing)
	}
	rep, err := c.Ask(rpdb.Flow{Dst: adr("127.0.0.2"), UID: uint32(os.Getuid())}, rtnl.GetOptions{})
	if err != nil || rep.Err != rpdb.OK || rep.OIF != rpdb.Loopback {
		t.Errorf("127.0.0.2: %+v, %v", rep, err)
	}
	if _, err := kernel.Dial(kernel.Config{NetNS: "1"}); err == nil || !strings.Contains(err.Error(), "no permission") {
		t.Errorf("entering the namespace of process 1: %v", err)
	}
	own := fmt.Sprint(os.Getpid())
	if c, err := kernel.Dial(kernel.Config{NetNS: own}); err != nil {
		t.Errorf("the own namespace by pid: %v", err)
	} else {
		_ = c.Close()
	}
}

// runAsNobody runs the calling test alone as another user.
func runAsNobody(t *testing.T) {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), asUserMark+"=1")
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, os.ErrPermission) {
		t.Skipf("cannot become another user here: %v", err)
	}
	if err != nil || strings.Contains(string(out), "no tests to run") {
		t.Errorf("as nobody: %v\n%s", err, out)
	}
}
