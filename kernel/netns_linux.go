package kernel

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const threadNetNS = "/proc/thread-self/ns/net"

// openNetNS opens the namespace that a user names, or that of the calling thread.
func openNetNS(name string) (*os.File, error) {
	if name == "" {
		f, err := os.Open(threadNetNS)
		if err != nil {
			return nil, fmt.Errorf("the own network namespace: %w", err)
		}
		return f, nil
	}
	path := netnsPath(name)
	f, err := os.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && isPID(name):
		return nil, fmt.Errorf("network namespace: there is no process %s", name)
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("network namespace %q does not exist (looked for %s)", name, path)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("network namespace %q: no permission to open %s (root can)", name, path)
	case err != nil:
		return nil, fmt.Errorf("network namespace %q: %w", name, err)
	}
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &st); err != nil || st.Type != unix.NSFS_MAGIC {
		_ = f.Close()
		return nil, fmt.Errorf("network namespace %q: %s is no namespace", name, path)
	}
	return f, nil
}

// netnsPath returns the file that stands for a namespace. A number is a pid unless a
// namespace has that name.
func netnsPath(name string) string {
	if strings.Contains(name, "/") {
		return name
	}
	path := filepath.Join(netnsDir, name)
	if isPID(name) {
		if _, err := os.Stat(path); err != nil {
			return filepath.Join("/proc", name, "ns/net")
		}
	}
	return path
}

func isPID(s string) bool {
	_, err := strconv.ParseUint(s, 10, 31)
	return err == nil
}

// dialError explains why no connection could be made.
func dialError(name string, err error) error {
	switch {
	case name != "" && errors.Is(err, unix.EPERM):
		return fmt.Errorf("network namespace %q: no permission to enter it (root can)", name)
	case name != "" && errors.Is(err, unix.EINVAL):
		return fmt.Errorf("network namespace %q: %s is no network namespace", name, netnsPath(name))
	case errors.Is(err, unix.EAFNOSUPPORT), errors.Is(err, unix.EPROTONOSUPPORT):
		return errors.New("this kernel offers no rtnetlink (not Linux, or a sandbox hides it)")
	}
	return fmt.Errorf("rtnetlink: %w", err)
}
