package lab_test

import (
	"context"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/mdlayher/netlink"

	"github.com/rulewalk/rulewalk/internal/testns"
	"github.com/rulewalk/rulewalk/kernel"
	"github.com/rulewalk/rulewalk/lab"
	"github.com/rulewalk/rulewalk/netns"
	"github.com/rulewalk/rulewalk/rpdb"
	"github.com/rulewalk/rulewalk/rtnl"
)

// TestPlug has the running kernel connect to a server on an emulated host, through a tap
// device in a namespace of its own.
func TestPlug(t *testing.T) {
	ns := testns.New(t)
	var tap *os.File
	if err := ns.Do(func() (err error) { tap, err = kernel.OpenTap("tap0"); return err }); err != nil {
		t.Skip(err)
	}
	world, err := lab.NewServer("plug", netns.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer world.Close()
	if err := lab.SetUpExample(world.Root()); err != nil {
		t.Fatal(err)
	}
	host, err := world.Host("")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = host.Plug(ctx, "eth0", tap)
	}()
	defer func() { cancel(); <-ended }()
	if err := ns.Do(setUpTap); err != nil {
		t.Fatal(err)
	}
	l, err := host.Listen("tcp", "10.0.2.15:80")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = io.WriteString(c, "hello from memory")
		_ = c.Close()
	}()
	err = ns.Do(func() error {
		c, err := net.DialTimeout("tcp", "10.0.2.15:80", 10*time.Second)
		if err != nil {
			return err
		}
		defer func() { _ = c.Close() }()
		b, err := io.ReadAll(c)
		if string(b) != "hello from memory" {
			t.Errorf("the kernel reads %q", b)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	curl(ctx, t, world, ns)
}

// curl has the machine's curl get a page of the lab's web server.
func curl(ctx context.Context, t *testing.T, world *lab.Server, ns *testns.NS) {
	t.Helper()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("install curl to get a page of an emulated host with it")
	}
	serving, stop := context.WithCancel(ctx)
	ended := make(chan int, 1)
	go func() {
		ended <- world.Run(serving, lab.Command{Args: []string{"httpd", "-p", "8080", "a page from memory"}})
	}()
	defer func() { stop(); <-ended }()
	out, err := ns.Run("curl", "-sS", "--noproxy", "*", "--retry", "5", "--retry-connrefused", "--max-time", "10", "http://10.0.2.15:8080/")
	if err != nil || strings.TrimSpace(out) != "a page from memory" {
		t.Errorf("curl reads %q: %v", out, err)
	}
}

// setUpTap gives the kernel's end of the cable its address.
func setUpTap() error {
	conn, err := kernel.Dial(kernel.Config{})
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	i, err := net.InterfaceByName("tap0")
	if err != nil {
		return err
	}
	addr := rpdb.Addr{
		Family: rpdb.IPv4, Index: i.Index, Local: netip.MustParseAddr("10.0.2.2"), PrefixLen: 24,
		Valid: rpdb.Forever, Preferred: rpdb.Forever,
	}
	for _, f := range []func() (netlink.Message, error){
		func() (netlink.Message, error) { return rtnl.SetLink(i.Index, rpdb.IFFUp, rpdb.IFFUp) },
		func() (netlink.Message, error) { return rtnl.NewAddr(addr, rtnl.FlagsAdd) },
	} {
		m, err := f()
		if err == nil {
			err = rtnl.Exec(conn, m)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
