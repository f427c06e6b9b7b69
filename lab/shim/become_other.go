//go:build !unix

package shim

import "os"

// become runs the program as a child where a process cannot become another one.
func become(path string, args, env []string) (int, error) {
	status, err := child(path, args, env)
	if err == nil {
		os.Exit(status)
	}
	return 0, err
}
