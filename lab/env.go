package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/rulewalk/rulewalk/lab/internal/shimfile"
	"github.com/rulewalk/rulewalk/lab/internal/wire"
)

// The environment of a process in a lab.
const (
	EnvSocket = wire.EnvSocket // the socket of its world
	EnvNetNS  = wire.EnvNetNS  // the ID of its namespace; unset: Root
)

// FromEnv reads what the environment says: the socket of the world, empty outside of
// one, and the namespace.
func FromEnv(getenv func(string) string) (socket string, id ID) {
	id = Root
	if n, err := strconv.ParseUint(getenv(EnvNetNS), 10, 64); err == nil && n > 0 {
		id = ID(n)
	}
	return getenv(EnvSocket), id
}

// Environ is the environment of a process in a namespace of a world whose commands are in
// a folder.
func Environ(env []string, socket string, id ID, shims string) []string {
	path := os.Getenv("PATH")
	return append(env,
		EnvSocket+"="+socket, fmt.Sprintf("%s=%d", EnvNetNS, id),
		"PATH="+shims+string(os.PathListSeparator)+path)
}

// MakeShims fills a folder with the commands of a world: links to a program, which sees by
// its name what it is to be. That is the small one that package lab carries or, where that
// does not run, the given one, which imports lab/shim and begins with interrupt.Main.
func MakeShims(dir, program string) error {
	small := filepath.Join(dir, ".command")
	ok, err := shimfile.Write(small)
	if err != nil {
		return err
	}
	if ok {
		program = small
	}
	for _, name := range wire.Commands {
		if err := os.Symlink(program, filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}
