//go:build unix

package shim

import "syscall"

// become makes this process the program. It returns only if it cannot.
func become(path string, args, env []string) (int, error) {
	return 0, syscall.Exec(path, args, env)
}
