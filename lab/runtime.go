package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// ErrNoWorld says that there is no world to speak to.
var ErrNoWorld = errors.New("no world is running: begin one with rulewalk lab start or rulewalk lab shell")

// Dir is the folder of the sockets of this user's worlds. It is made when needed, for
// the user alone.
func Dir() (string, error) {
	dir := filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "rulewalk")
	if os.Getenv("XDG_RUNTIME_DIR") == "" {
		dir = filepath.Join(os.TempDir(), "rulewalk-"+strconv.Itoa(os.Getuid()))
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	st, err := os.Lstat(dir)
	switch {
	case err != nil:
		return "", err
	case !st.IsDir() || st.Mode().Perm()&0o077 != 0:
		return "", fmt.Errorf("%s is not a folder of this user alone: remove it", dir)
	}
	return dir, nil
}

// SocketOf returns the path of the socket of a world.
func SocketOf(name string) (string, error) {
	if err := checkName(name); err != nil {
		return "", err
	}
	dir, err := Dir()
	return filepath.Join(dir, name+".sock"), err
}

// Listen opens the socket of a new world, for the user alone. A world of that name that
// lives is an error; what a dead one left is removed.
func Listen(name string) (net.Listener, error) {
	path, err := SocketOf(name)
	if err != nil {
		return nil, err
	}
	if _, err := NewClient(path).Info(); err == nil {
		return nil, fmt.Errorf("a world named %s is running: choose another name, or end it with rulewalk lab stop %[1]s", name)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		_ = l.Close()
		return nil, err
	}
	return l, nil
}

// Worlds tells the worlds of this user that answer, by name.
func Worlds() ([]Info, error) {
	dir, err := Dir()
	if err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.sock"))
	if err != nil {
		return nil, err
	}
	var out []Info
	for _, f := range files {
		c := NewClient(f)
		if i, err := c.Info(); err == nil {
			out = append(out, i)
		}
		_ = c.Close()
	}
	slices.SortFunc(out, func(a, b Info) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// NameOf returns the name of the world of a socket.
func NameOf(socket string) string { return strings.TrimSuffix(filepath.Base(socket), ".sock") }
