package kernel

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/rulewalk/rulewalk/rpdb"
)

const sysctlDir = "/proc/sys"

// sysctls reads the sysctls of the namespace that a decision can depend on, per
// device for all, default and the given links. What the kernel does not have is
// absent.
func (c *Conn) sysctls(links []rpdb.Link) (rpdb.Sysctls, error) {
	out := make(rpdb.Sysctls)
	err := c.inside(func() error {
		for _, path := range rpdb.SysctlNames {
			if err := readSysctl(out, path); err != nil {
				return err
			}
		}
		devices := []string{"all", "default"}
		for i := range links {
			devices = append(devices, links[i].Name)
		}
		for _, dev := range devices {
			if err := readConf(out, "net/ipv4/conf", dev, rpdb.ConfNames4); err != nil {
				return err
			}
			if err := readConf(out, "net/ipv6/conf", dev, rpdb.ConfNames6); err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

func readConf(out rpdb.Sysctls, dir, dev string, names []string) error {
	for _, name := range names {
		if err := readSysctl(out, dir+"/"+dev+"/"+name); err != nil {
			return err
		}
	}
	return nil
}

// readSysctl reads one value. One that is not there or may not be read is left out.
func readSysctl(out rpdb.Sysctls, path string) error {
	b, err := os.ReadFile(filepath.Join(sysctlDir, path))
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return nil
	case err != nil:
		return fmt.Errorf("sysctl %s: %w", path, err)
	}
	out[path] = strings.TrimSpace(string(b))
	return nil
}

// inside runs f on a thread in the namespace of the connection. /proc/sys/net shows
// each thread its own.
func (c *Conn) inside(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		if sameNS(c.ns) {
			defer runtime.UnlockOSThread()
			done <- f()
			return
		}
		// The thread is left locked, so that it ends with the goroutine.
		if err := unix.Setns(int(c.ns.Fd()), unix.CLONE_NEWNET); err != nil {
			done <- fmt.Errorf("entering the network namespace: %w", err)
			return
		}
		done <- f()
	}()
	return <-done
}

// sameNS tells whether the calling thread is in the namespace.
func sameNS(ns *os.File) bool {
	var own, want unix.Stat_t
	return unix.Stat(threadNetNS, &own) == nil && unix.Fstat(int(ns.Fd()), &want) == nil &&
		own.Ino == want.Ino && own.Dev == want.Dev
}
