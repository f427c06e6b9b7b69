package kernel

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// netnsDir is where iproute2 keeps the names of namespaces.
const netnsDir = "/run/netns"

// NetNSNames lists the names of the network namespaces in the order of their
// directory; none where there is no such directory.
func NetNSNames() ([]string, error) {
	d, err := os.Open(netnsDir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = d.Close() }()
	return d.Readdirnames(-1)
}

// NetNSOf returns the name of the network namespace that a process is in, empty if it
// has none; 0 is this process.
func NetNSOf(pid int) (string, error) {
	who := "self"
	if pid != 0 {
		who = strconv.Itoa(pid)
	}
	ns, err := os.Stat(filepath.Join("/proc", who, "ns/net"))
	if err != nil {
		return "", err
	}
	names, err := NetNSNames()
	for _, name := range names {
		if fi, err := os.Stat(filepath.Join(netnsDir, name)); err == nil && os.SameFile(fi, ns) {
			return name, nil
		}
	}
	return "", err
}

// NetNSProcesses lists the processes that are in a network namespace.
func NetNSProcesses(name string) ([]int, error) {
	ns, err := os.Stat(filepath.Join(netnsDir, name))
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if fi, err := os.Stat(filepath.Join("/proc", e.Name(), "ns/net")); err == nil && os.SameFile(fi, ns) {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids, nil
}

// OpenNetNS returns the number of a file that is open on a named network namespace,
// by which requests name it (IFLA_NET_NS_FD), and what closes it. A name with a slash
// is a path.
func OpenNetNS(name string) (fd int, done func(), err error) {
	if filepath.Base(name) == name {
		name = filepath.Join(netnsDir, name)
	}
	f, err := os.Open(name)
	if err != nil {
		return 0, nil, err
	}
	return int(f.Fd()), func() { _ = f.Close() }, nil
}
