// Package deps holds the test that keeps the rooms of the house apart.
package deps

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/rulewalk/rulewalk"

// room is what the packages below one folder may import: other rooms of this
// module, and modules from outside. Their tests may import more.
type room struct {
	rooms   []string
	modules []string
}

// rooms is the table of docs/architecture.md. A folder that is not listed may not
// exist: a new room is a decision.
var rooms = map[string]room{
	"rpdb":           {nil, nil},
	"fib":            {[]string{"rpdb"}, []string{"github.com/gaissmai/bart"}},
	"rtnl":           {[]string{"rpdb"}, []string{"github.com/mdlayher/netlink"}},
	"kernel":         {[]string{"rpdb", "rtnl"}, []string{"github.com/mdlayher/netlink", "golang.org/x/sys"}},
	"netns":          {[]string{"rpdb", "rtnl"}, []string{"github.com/mdlayher/netlink"}},
	"iproute2":       {[]string{"rpdb", "rtnl"}, []string{"github.com/mdlayher/netlink"}},
	"iproute2/ipcmd": {[]string{"rpdb", "rtnl", "iproute2"}, []string{"github.com/mdlayher/netlink"}},
	"snapshot": {[]string{"rpdb", "rtnl", "iproute2"}, []string{
		"github.com/mdlayher/netlink", "github.com/klauspost/compress", "github.com/ulikunitz/xz",
	}},
	"explain":      {[]string{"rpdb", "iproute2"}, []string{"charm.land/lipgloss"}},
	"lab":          {[]string{"rpdb", "rtnl", "netns", "fib", "iproute2", "iproute2/ipcmd"}, []string{"*"}},
	"conformance":  {[]string{"rpdb", "rtnl", "netns", "kernel", "iproute2", "iproute2/ipcmd", "lab", "internal/testns"}, []string{"*"}},
	"internal/cli": {[]string{"*"}, []string{"*"}},
	"cmd":          {[]string{"internal/cli"}, nil},

	// Not a room of the product: the long comparisons with the kernel.
	"cmd/conformance": {[]string{"*"}, []string{"*"}},
	"internal/deps":   {nil, nil},
	"internal/testns": {nil, []string{"golang.org/x/sys"}}, // namespaces for tests
	// prefixes of a full table for tests
	"internal/fulltable": {nil, nil},
}

// only names the rooms that may import what would tie the others to an operating
// system.
var only = map[string][]string{
	"golang.org/x/sys": {"kernel", "internal/testns"},
	"syscall":          {"kernel", "lab", "internal/testns"}, // lab: who is at the other end of its socket
	"net":              {"kernel", "lab"},                    // lab: unix sockets
}

type pkg struct {
	ImportPath string
	Imports    []string
}

func list(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", module+"/...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %v\n%s", err, exit.Stderr)
		}
		t.Skipf("this test needs the go command: %v", err)
	}
	var pkgs []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
}

// roomOf returns the longest folder of the table that holds the package.
func roomOf(path string) (string, bool) {
	rel := strings.TrimPrefix(strings.TrimPrefix(path, module), "/")
	for dir := rel; dir != ""; {
		if _, ok := rooms[dir]; ok {
			return dir, true
		}
		i := strings.LastIndexByte(dir, '/')
		if i < 0 {
			break
		}
		dir = dir[:i]
	}
	return rel, false
}

func TestRoomsImportOnlyRoomsBelow(t *testing.T) {
	for _, p := range list(t) {
		name, ok := roomOf(p.ImportPath)
		if !ok {
			t.Errorf("%s: no room of this name; the rooms are listed in docs/architecture.md and here", name)
			continue
		}
		for _, imp := range p.Imports {
			if why := forbidden(name, imp); why != "" {
				t.Errorf("%s imports %s: %s", p.ImportPath, imp, why)
			}
		}
	}
}

// forbidden says why a room may not import a package; empty if it may.
func forbidden(name, imp string) string {
	r := rooms[name]
	if strings.HasPrefix(imp, module+"/") {
		to, _ := roomOf(imp)
		if to == name || slices.Contains(r.rooms, to) || slices.Contains(r.rooms, "*") {
			return ""
		}
		return "room " + name + " may import only " + strings.Join(r.rooms, ", ")
	}
	if slices.Contains(r.modules, "*") {
		return ""
	}
	for prefix, owners := range only {
		below := strings.Contains(prefix, ".") && strings.HasPrefix(imp, prefix+"/")
		if (imp == prefix || below) && !slices.Contains(owners, name) {
			return "only " + strings.Join(owners, " and ") + " may"
		}
	}
	if first, _, _ := strings.Cut(imp, "/"); !strings.Contains(first, ".") {
		return "" // the standard library
	}
	for _, m := range r.modules {
		if imp == m || strings.HasPrefix(imp, m+"/") {
			return ""
		}
	}
	return "room " + name + " may use only these modules: " + strings.Join(r.modules, ", ")
}

// early are all the packages that the start of a lab's command may import: see
// lab/shim/init.go.
var early = map[string][]string{
	"lab/shim":          {"errors", "io", "io/fs", "os", "sync", "syscall", module + "/lab/internal/wire"},
	"lab/internal/wire": {"errors", "io"},
}

func TestEarlyImportsLittle(t *testing.T) {
	if runtime.GOOS == "windows" || runtime.GOOS == "js" {
		t.Skip("lab/shim imports package net here")
	}
	found := 0
	for _, p := range list(t) {
		may, ok := early[strings.TrimPrefix(p.ImportPath, module+"/")]
		if !ok {
			continue
		}
		found++
		for _, imp := range p.Imports {
			if !slices.Contains(may, imp) {
				t.Errorf("%s imports %s: every command of a lab would wait until it is initialised", p.ImportPath, imp)
			}
		}
	}
	if found != len(early) {
		t.Errorf("%d packages of %d", found, len(early))
	}
}

func TestForbidden(t *testing.T) {
	for _, tt := range []struct {
		room, imp string
		ok        bool
	}{
		{"rpdb", "net/netip", true},
		{"rpdb", "net", false},
		{"fib", "github.com/gaissmai/bart", true},
		{"rpdb", module + "/rtnl", false},
		{"rtnl", module + "/rpdb", true},
		{"rtnl", "golang.org/x/sys/unix", false},
		{"kernel", "golang.org/x/sys/unix", true},
		{"explain", module + "/kernel", false},
		{"internal/cli", module + "/kernel", true},
		{"cmd", module + "/rpdb", false},
	} {
		if why := forbidden(tt.room, tt.imp); (why == "") != tt.ok {
			t.Errorf("%s imports %s: %q, want allowed=%v", tt.room, tt.imp, why, tt.ok)
		}
	}
}
