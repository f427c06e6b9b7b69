package testns

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// NS is a network namespace of its own, empty but for a loopback device that is
// down. Its methods are safe for concurrent use.
type NS struct {
	f *os.File
}

// Create makes a network namespace.
func Create() (*NS, error) {
	ns := new(NS)
	err := onThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("making a network namespace: %w", err)
		}
		if err := unix.Access("/proc/sys/net/ipv4/ip_forward", unix.W_OK); err != nil {
			return fmt.Errorf("the sysctls of a network namespace (/proc/sys/net): %w", err)
		}
		f, err := os.Open("/proc/thread-self/ns/net")
		ns.f = f
		return err
	})
	if err != nil {
		return nil, err
	}
	return ns, nil
}

// New makes a network namespace for a test, which is skipped where that is not
// allowed.
func New(t testing.TB) *NS {
	t.Helper()
	ns, err := Create()
	switch {
	case errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.ENOSPC):
		t.Skipf("%v; run as root, or allow user namespaces to everybody "+
			"(sysctl kernel.unprivileged_userns_clone=1, user.max_net_namespaces, "+
			"kernel.apparmor_restrict_unprivileged_userns=0)", err)
	case errors.Is(err, unix.EROFS):
		t.Skipf("%v; mount /proc/sys writable, as in a privileged container", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ns.Close() })
	return ns
}

// Close lets the namespace go. It ends when nothing else uses it.
func (ns *NS) Close() error { return ns.f.Close() }

// Path returns a file that stands for the namespace while it is open, for
// kernel.Config.NetNS.
func (ns *NS) Path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), ns.f.Fd()) }

// FD returns the descriptor that stands for the namespace while it is open.
func (ns *NS) FD() uintptr { return ns.f.Fd() }

// Do runs f on a thread inside the namespace: files under /proc/sys/net, sockets and
// commands that f starts belong to it. Goroutines that f starts do not.
func (ns *NS) Do(f func() error) error {
	return onThread(func() error {
		if err := unix.Setns(int(ns.f.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("entering the network namespace: %w", err)
		}
		return f()
	})
}

// Run runs a command inside the namespace and returns its standard output. The error
// holds its standard error.
func (ns *NS) Run(name string, args ...string) (string, error) {
	var out, errs strings.Builder
	err := ns.Do(func() error {
		cmd := exec.Command(name, args...)
		cmd.Stdout, cmd.Stderr = &out, &errs
		return cmd.Run()
	})
	if err != nil {
		err = fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(errs.String()))
	}
	return out.String(), err
}

// Sysctl writes a value under /proc/sys of the namespace, such as
// net/ipv4/ip_forward.
func (ns *NS) Sysctl(path, value string) error {
	return ns.Do(func() error { return os.WriteFile("/proc/sys/"+path, []byte(value), 0) })
}

// onThread runs f on a thread that nothing else ever uses: it ends with f.
func onThread(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked
		done <- f()
	}()
	return <-done
}
