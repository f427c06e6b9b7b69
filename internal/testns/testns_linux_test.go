package testns_test

import (
	"os"
	"strings"
	"testing"

	"github.com/rulewalk/rulewalk/internal/testns"
)

func TestMain(m *testing.M) { testns.Main(m) }

func TestNamespaceIsItsOwn(t *testing.T) {
	const forward = "net/ipv4/ip_forward"
	ns := testns.New(t)
	var devices string
	err := ns.Do(func() error {
		b, err := os.ReadFile("/proc/thread-self/net/dev")
		devices = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(devices, ":"); n != 1 {
		t.Errorf("a new namespace has %d devices, want lo alone:\n%s", n, devices)
	}
	other := testns.New(t)
	if err := ns.Sysctl(forward, "1"); err != nil {
		t.Fatal(err)
	}
	for want, ns := range map[string]*testns.NS{"1": ns, "0": other} {
		got, err := ns.Run("cat", "/proc/sys/"+forward)
		if err != nil || strings.TrimSpace(got) != want {
			t.Errorf("ip_forward is %q, %v; want %s", got, err, want)
		}
	}
}

func TestCommandErrorHoldsItsText(t *testing.T) {
	ns := testns.New(t)
	if _, err := ns.Run("sh", "-c", "echo oh no >&2; exit 3"); err == nil || !strings.Contains(err.Error(), "oh no") {
		t.Errorf("got %v", err)
	}
}
