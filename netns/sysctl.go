package netns

import (
	"io/fs"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/rulewalk/rulewalk/rpdb"
)

// sysctlFile is a file under /proc/sys/net of a namespace. Its functions are called
// under the namespace's lock, of which write holds the one for writing.
type sysctlFile struct {
	mode  fs.FileMode
	read  func() (string, error) // without the newline at the end
	write func(text string) error
}

const (
	modeUsual   fs.FileMode = 0o644
	modeReads   fs.FileMode = 0o444
	modeWrites  fs.FileMode = 0o200
	modeSecret  fs.FileMode = 0o600
	mayRead     fs.FileMode = 0o400
	mayWrite    fs.FileMode = 0o200
	sysctlRoot              = "/proc/sys/"
	sysctlsHere             = "net/"
)

// Sysctl reads a setting of the namespace, such as net.ipv4.ip_forward, without the
// newline at its end. Names are those of sysctl(8): where a dot comes before any
// slash, dots part the name and slashes stand for dots in the names of devices;
// otherwise slashes part it, as in a path below /proc/sys.
//
// Errors are *fs.PathError with the rpdb.Errno that the file of the kernel gives.
func (n *Namespace) Sysctl(name string) (string, error) {
	path := sysctlPath(name)
	n.expire()
	n.world.rtnl.RLock()
	defer n.world.rtnl.RUnlock()
	n.mu.RLock()
	defer n.mu.RUnlock()
	f := n.sysctlFile(path)
	if err := f.may(mayRead); err != nil {
		return "", sysctlError("open", path, err)
	}
	text, err := f.read()
	if err != nil {
		return "", sysctlError("read", path, err)
	}
	return text, nil
}

// SetSysctl writes a setting of the namespace and does what follows from it. The
// value is what a program writes to the file; a newline at its end makes no
// difference. Names and errors are those of [Namespace.Sysctl].
func (n *Namespace) SetSysctl(name, value string) error {
	path := sysctlPath(name)
	n.expire()
	w := n.world
	w.rtnl.Lock()
	defer w.rtnl.Unlock()
	defer w.settle6()
	f := n.sysctlFile(path)
	if err := f.may(mayWrite); err != nil {
		return sysctlError("open", path, err)
	}
	w.record(Change{Kind: ChangeSysctl, Namespace: n.FD(), Data: []byte(name + "=" + value)})
	n.changes.Add(1)
	if err := f.write(value); err != nil {
		return sysctlError("write", path, err)
	}
	return nil
}

// Sysctls lists the settings of the namespace by their path below /proc/sys, sorted.
func (n *Namespace) Sysctls() []string {
	n.world.rtnl.RLock()
	defer n.world.rtnl.RUnlock()
	n.mu.RLock()
	defer n.mu.RUnlock()
	out := []string{sysctlsHere + "ipv4/ip_forward"}
	for name := range sysctlTable {
		out = append(out, sysctlsHere+name)
	}
	for _, t := range sysctlTexts {
		out = append(out, sysctlsHere+t.name)
	}
	for _, d := range [...]struct {
		path   string
		family rpdb.Family
	}{{"ipv4/", rpdb.IPv4}, {"ipv6/", rpdb.IPv6}} {
		for _, dev := range n.confNames(d.family) {
			out = append(out, namesBelow(d.path+"conf/"+dev, confFiles(d.family))...)
			if dev != "all" && dev != "default" {
				out = append(out, namesBelow(d.path+"neigh/"+dev, maps.Keys(neighFiles))...)
			}
		}
	}
	out = slices.DeleteFunc(out, func(path string) bool { return !n.world.hasSysctl(path[len(sysctlsHere):]) })
	slices.Sort(out)
	return out
}

func confFiles(f rpdb.Family) iter.Seq[string] {
	if f == rpdb.IPv4 {
		return maps.Keys(conf4Files)
	}
	return maps.Keys(conf6Files)
}

func namesBelow(dir string, names iter.Seq[string]) []string {
	var out []string
	for name := range names {
		out = append(out, sysctlsHere+dir+"/"+name)
	}
	return out
}

// SysctlMode returns the permission bits of a setting's file.
func (n *Namespace) SysctlMode(name string) (fs.FileMode, error) {
	path := sysctlPath(name)
	n.world.rtnl.RLock()
	defer n.world.rtnl.RUnlock()
	n.mu.RLock()
	defer n.mu.RUnlock()
	f := n.sysctlFile(path)
	if f == nil {
		return 0, sysctlError("stat", path, fail(rpdb.ENOENT, ""))
	}
	return f.mode, nil
}

// confNames are the names below conf of a family.
func (n *Namespace) confNames(f rpdb.Family) []string {
	names := []string{"all", "default"}
	for _, d := range n.devices.list {
		if f == rpdb.IPv4 && !d.NoInet || f == rpdb.IPv6 && !d.NoInet6 {
			names = append(names, d.Name)
		}
	}
	return names
}

// sysctlPath is the path below /proc/sys of a name.
func sysctlPath(name string) string {
	name = strings.TrimPrefix(name, sysctlRoot)
	if i := strings.IndexAny(name, "./"); i < 0 || name[i] == '/' {
		return name
	}
	return strings.Map(func(r rune) rune {
		switch r {
		case '.':
			return '/'
		case '/':
			return '.'
		}
		return r
	}, name)
}

func sysctlError(op, path string, err error) error {
	return &fs.PathError{Op: op, Path: sysctlRoot + path, Err: refusal(err).Errno}
}

// may refuses what the mode of the file does not allow, to root either (test_perm).
func (f *sysctlFile) may(what fs.FileMode) error {
	switch {
	case f == nil:
		return fail(rpdb.ENOENT, "")
	case f.mode&what == 0:
		return fail(rpdb.EACCES, "")
	}
	return nil
}

// sysctlFile finds a file by its path below /proc/sys, nil if there is none.
func (n *Namespace) sysctlFile(path string) *sysctlFile {
	name, ok := strings.CutPrefix(path, sysctlsHere)
	if !ok || !n.world.hasSysctl(name) {
		return nil
	}
	if name == "ipv4/ip_forward" {
		return n.conf4File("all", "forwarding")
	}
	if name == "ipv4/route/flush" { // ipv4_sysctl_rtcache_flush looks at nothing
		return &sysctlFile{mode: modeWrites, write: func(string) error {
			n.lookups.forgetInputs()
			n.flushExceptions(rpdb.IPv4)
			return nil
		}}
	}
	if s, ok := sysctlTable[name]; ok {
		f := n.tableFile(name, s)
		if name == "ipv6/route/flush" { // ipv6_sysctl_rtcache_flush
			write := f.write
			f.write = func(text string) error {
				n.flushExceptions(rpdb.IPv6)
				n.collect6()
				return write(text)
			}
		}
		return f
	}
	for _, t := range sysctlTexts {
		if t.name == name {
			return t.file(n)
		}
	}
	parts := strings.Split(name, "/")
	if len(parts) != 4 {
		return nil
	}
	switch parts[0] + "/" + parts[1] {
	case "ipv4/conf":
		return n.conf4File(parts[2], parts[3])
	case "ipv6/conf":
		return n.conf6File(parts[2], parts[3])
	case "ipv4/neigh":
		return n.neighFile(rpdb.IPv4, parts[2], parts[3])
	case "ipv6/neigh":
		return n.neighFile(rpdb.IPv6, parts[2], parts[3])
	}
	return nil
}

// sysctls are the settings of a namespace that have no other place, by name; one that
// is not there has its default.
type sysctls map[string][]int64

// numbersOf returns the numbers of a setting of sysctlTable.
func (n *Namespace) numbersOf(name string) []int64 {
	if v, ok := n.sysctls[name]; ok {
		return v
	}
	return sysctlTable[name].fresh
}

// tableFile is the file of a setting of sysctlTable.
func (n *Namespace) tableFile(name string, s sysctlNumbers) *sysctlFile {
	key := name
	if s.sameAs != "" {
		key = s.sameAs
	}
	f := &sysctlFile{mode: modeUsual}
	if s.mode != 0 {
		f.mode = s.mode
	}
	f.read = func() (string, error) {
		var out []string
		for _, v := range n.numbersOf(key) {
			out = append(out, s.number.text(v))
		}
		return strings.Join(out, "\t"), nil
	}
	f.write = func(text string) error {
		to := slices.Clone(n.numbersOf(key))
		stored, err := n.formatOf(name).parse(text, to)
		// Several numbers are stored one by one, but for those that are checked together.
		if len(to) > 1 && err != nil && name != "ipv4/tcp_rmem" && name != "ipv4/tcp_wmem" {
			return err
		}
		if stored == 0 {
			return err
		}
		if err := n.checkNumbers(name, to); err != nil {
			return err
		}
		if n.sysctls == nil {
			n.sysctls = sysctls{}
		}
		n.sysctls[key] = to
		return err
	}
	return f
}

// sysctlInt returns a setting of sysctlTable.
func (n *Namespace) sysctlInt(name string) int64 { return n.numbersOf(name)[0] }

// plainSysctls adds the settings that no device has, and that a decision can depend on, to a
// model of the namespace.
func (n *Namespace) plainSysctls(s rpdb.Sysctls) {
	for _, path := range rpdb.SysctlNames {
		name := strings.TrimPrefix(path, sysctlsHere)
		if t := sysctlTable[name]; len(t.fresh) == 1 && t.number.kind <= numUint && n.world.hasSysctl(name) {
			s[path] = strconv.FormatInt(n.sysctlInt(name), 10)
		}
	}
}
