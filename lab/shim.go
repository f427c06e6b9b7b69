package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// shims are the commands of a world that come first in PATH.
var shims = []string{"ip", "sysctl"}

// MakeShims fills a folder with the commands of a world: links to this program, which
// sees by its name what it is to be.
func MakeShims(dir, program string) error {
	for _, name := range shims {
		if err := os.Symlink(program, filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// RunShim runs the program as the command that it was called by, if that is one of a
// world and the environment names a world. ok is false if not.
func RunShim(ctx context.Context, args []string, getenv func(string) string, s Streams) (status int, ok bool) {
	name := filepath.Base(args[0])
	socket, id := FromEnv(getenv)
	if socket == "" || name != "sysctl" && !strings.HasPrefix(name, "ip") {
		return 0, false
	}
	c := NewClient(socket)
	defer func() { _ = c.Close() }()
	if name == "sysctl" {
		return RunSysctl(c, id, args[1:], s), true
	}
	return RunIP(ctx, c, id, name, args[1:], s), true
}

// Environ is the environment of a process in the root namespace of a world whose
// commands are in a folder.
func Environ(env []string, socket, shims string) []string {
	path := os.Getenv("PATH")
	return append(env,
		EnvSocket+"="+socket, fmt.Sprintf("%s=%d", EnvNetNS, Root),
		"PATH="+shims+string(os.PathListSeparator)+path)
}

// ErrNoWorld says that there is no world to speak to.
var ErrNoWorld = errors.New("no world is running: begin one with rulewalk lab start or rulewalk lab shell")
