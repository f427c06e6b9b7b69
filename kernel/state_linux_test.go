package kernel_test

import (
	"net/netip"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/internal/testns"
	"github.com/rulewalk/rulewalk/kernel"
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

func TestMain(m *testing.M) {
	if os.Getenv(asUserMark) != "" {
		os.Exit(m.Run())
	}
	testns.Main(m)
}

// lab is a namespace with a connection.
type lab struct {
	t    testing.TB
	ns   *testns.NS
	conn *kernel.Conn
}

func newLab(t *testing.T) *lab {
	l := &lab{t: t, ns: testns.New(t)}
	l.dial()
	l.exec(rtnl.SetLink(rpdb.Loopback, rpdb.IFFUp, rpdb.IFFUp))
	return l
}

// dial connects to the namespace.
func (l *lab) dial() {
	l.t.Helper()
	c, err := kernel.Dial(kernel.Config{NetNS: l.ns.Path()})
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { _ = c.Close() })
	l.conn = c
}

// exec sends a request that must succeed.
func (l *lab) exec(m netlink.Message, err error) {
	l.t.Helper()
	if err == nil {
		err = rtnl.Exec(l.conn, m)
	}
	if err != nil {
		l.t.Fatal(err)
	}
}

func (l *lab) state() *rpdb.State {
	l.t.Helper()
	s, err := l.conn.State(nil)
	if err != nil {
		l.t.Fatal(err)
	}
	return s
}

var equal = cmp.Options{
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
	cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
	cmpopts.EquateEmpty(),
}

func TestFreshNamespace(t *testing.T) {
	l := newLab(t)
	s := l.state()
	var want []rpdb.Rule
	want = append(want, rpdb.DefaultRules(rpdb.IPv4)...)
	want = append(want, rpdb.DefaultRules(rpdb.IPv6)...)
	if d := cmp.Diff(want, s.Rules, equal); d != "" {
		t.Errorf("rules (-want +got):\n%s", d)
	}
	if s.Facts.CustomRules4 != rpdb.No {
		t.Errorf("custom rules: %v, want no", s.Facts.CustomRules4)
	}
}
