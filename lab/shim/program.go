package shim

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"github.com/rulewalk/rulewalk/lab/internal/wire"
)

// run runs a program and returns its exit status, or becomes
// the program.
func run(p wire.Program) (status int, err error) {
	if len(p.Args) == 0 {
		return 0, syscall.EINVAL
	}
	path, err := look(p.Args[0])
	if err != nil {
		return 0, err
	}
	start := child
	if p.Replace {
		start = become
	}
	env := environ(p.Env)
	status, err = start(path, p.Args, env)
	if errors.Is(err, syscall.ENOEXEC) { // a script that does not name its shell (execvp)
		status, err = start("/bin/sh", append([]string{"sh", path}, p.Args[1:]...), env)
	}
	return status, err
}

// child runs a program as a child of this process.
func child(path string, args, env []string) (status int, err error) {
	c, err := os.StartProcess(path, args, &os.ProcAttr{Env: env, Files: []*os.File{os.Stdin, os.Stdout, os.Stderr}})
	if err != nil {
		return 0, err
	}
	st, err := c.Wait()
	if err != nil {
		return 0, err
	}
	if !st.Exited() {
		return 1, nil // by a signal (cmd_exec)
	}
	return st.ExitCode(), nil
}

// environ is the environment of this process with changes.
func environ(changes []string) (env []string) {
	changed := map[string]bool{}
	for _, c := range changes {
		changed[key(c)] = true
	}
	for _, v := range os.Environ() {
		if !changed[key(v)] {
			env = append(env, v)
		}
	}
	return append(env, changes...)
}

func key(v string) string {
	for i := range len(v) {
		if v[i] == '=' {
			return v[:i]
		}
	}
	return v
}

// look finds a program as execvp does: a name without a slash in the folders of PATH.
func look(name string) (path string, err error) {
	for i := range len(name) {
		if os.IsPathSeparator(name[i]) {
			return name, nil
		}
	}
	err = syscall.ENOENT
	dirs := os.Getenv("PATH")
	for start, i := 0, 0; i <= len(dirs); i++ {
		if i < len(dirs) && dirs[i] != os.PathListSeparator {
			continue
		}
		dir := dirs[start:i]
		if start = i + 1; dir == "" {
			dir = "."
		}
		path := dir + string(os.PathSeparator) + name
		switch e := runnable(path); {
		case e == nil:
			return path, nil
		case errors.Is(e, fs.ErrPermission):
			err = syscall.EACCES
		}
	}
	return "", err
}

// runnable tells whether a file can be run at all.
func runnable(path string) error {
	st, err := os.Stat(path)
	switch {
	case err != nil:
		return err
	case st.IsDir() || st.Mode().Perm()&0o111 == 0:
		return fs.ErrPermission
	}
	return nil
}
