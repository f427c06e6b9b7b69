package snapshot

import (
	"path"
	"strings"
)

// role is what a file in a report is good for.
type role struct {
	command string // the command that wrote it
	ns      string // network namespace, empty: the host's own
	names   string // path below etc/iproute2 or usr/share/iproute2, for name files
	vendor  bool   // of usr/share
	network bool   // network.txt of a supportconfig
	support bool   // another file of one, which tells of uname and sysctl
}

// reportRole tells from a path inside a sosreport or supportconfig, without its
// top directory, what the file holds (spec iproute2 15.1, 15.2).
func reportRole(p string) (role, bool) {
	if rest, ok := strings.CutPrefix(p, "etc/iproute2/"); ok {
		return role{names: rest}, isNameFile(rest)
	}
	if rest, ok := strings.CutPrefix(p, "usr/share/iproute2/"); ok {
		return role{names: rest, vendor: true}, isNameFile(rest)
	}
	dir, base := path.Split(p)
	switch dir {
	case "sos_commands/networking/":
		ns, cmd := splitNamespace(base, "")
		return role{command: cmd, ns: ns}, cmd != ""
	case "sos_commands/kernel/", "sos_commands/host/":
		cmd := commandOfFile(base)
		return role{command: cmd}, cmd == "sysctl -a" || strings.HasPrefix(cmd, "uname") || cmd == "hostname"
	case "proc/":
		return role{command: "cat /proc/version"}, base == "version"
	case "":
		switch base {
		case "network.txt":
			return role{network: true}, true
		case "basic-environment.txt", "env.txt":
			return role{support: true}, true
		}
		if ns, ok := strings.CutPrefix(base, "network-"); ok && strings.HasSuffix(ns, ".txt") {
			return role{network: true, ns: strings.TrimSuffix(ns, ".txt")}, true
		}
		return role{}, false
	}
	if rest, ok := strings.CutPrefix(dir, "sos_commands/networking/namespaces/"); ok {
		ns := strings.TrimSuffix(rest, "/")
		if ns == "" || strings.Contains(ns, "/") {
			return role{}, false
		}
		_, cmd := splitNamespace(base, ns)
		return role{command: cmd, ns: ns}, cmd != ""
	}
	return role{}, false
}

func isNameFile(p string) bool {
	name, conf, sub := strings.Cut(p, "/")
	name = strings.TrimSuffix(name, ".d")
	switch name {
	case "rt_tables", "rt_protos", "rt_addrprotos", "rt_scopes", "rt_realms", "rt_dsfield", "group":
		return !sub || strings.HasSuffix(conf, ".conf") && !strings.Contains(conf, "/")
	}
	return false
}

// splitNamespace reads a file name ip_netns_exec_NS_COMMAND; ns is the namespace
// if the directory tells it. The name of a command alone has namespace "".
func splitNamespace(base, ns string) (string, string) {
	rest, ok := strings.CutPrefix(base, "ip_netns_exec_")
	if !ok {
		return "", commandOfFile(base)
	}
	if ns != "" {
		if cmd, ok := strings.CutPrefix(rest, mangle(ns)+"_"); ok {
			return ns, commandOfFile(cmd)
		}
	}
	for _, sep := range []string{"_ip_", "_sysctl_"} {
		if i := strings.LastIndex(rest, sep); i > 0 {
			return rest[:i], commandOfFile(rest[i+1:])
		}
	}
	return "", ""
}

// mangle writes a word as sos does in a file name.
func mangle(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '-', r == '_':
			return r
		case r == '/':
			return '.'
		}
		return '_'
	}, s)
}

// commandOfFile turns a file name as sos makes it (ip_-6_route_show_table_all)
// into the command, or "" if it is not one whose output is read. The same names
// are understood for any file.
func commandOfFile(base string) string {
	base = strings.TrimSuffix(base, ".txt")
	words := strings.FieldsFunc(base, func(r rune) bool { return r == '_' || r == ' ' })
	if len(words) == 0 {
		return ""
	}
	cmd := strings.Join(words, " ")
	switch words[0] {
	case "sysctl":
		if cmd == "sysctl -a" {
			return cmd
		}
	case "uname", "hostname":
		return cmd
	case "ip":
		if wantedCommand(words) {
			return cmd
		}
	}
	return ""
}

// wantedCommand reports whether an ip command prints state that a decision can
// depend on.
func wantedCommand(words []string) bool {
	if len(words) == 0 || words[0] != "ip" {
		return false
	}
	for i := 1; i < len(words); i++ {
		w := words[i]
		if w == "-f" || w == "-family" {
			i++
			continue
		}
		if strings.HasPrefix(w, "-") {
			continue
		}
		if strings.Contains(" "+strings.Join(words[i:], " ")+" ", " cache ") {
			return false
		}
		return objectOf(w) != ""
	}
	return false
}

// objectOf returns the object that a word of the ip command line names, of those
// that are read. ip takes any abbreviation and its first match (spec iproute2 1.2).
func objectOf(w string) string {
	if w == "" {
		return ""
	}
	for _, o := range []string{"address", "addrlabel", "route", "rule", "link", "neighbor", "neighbour", "nexthop"} {
		if strings.HasPrefix(o, w) {
			return o
		}
	}
	return ""
}
