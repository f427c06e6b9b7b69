package testns

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
)

const rerunMark = "RULEWALK_IN_USER_NAMESPACE"

// Main runs the tests of a package, where needed inside a user namespace. Call it
// from TestMain; it does not return.
func Main(m *testing.M) {
	if err := Rerun(); err != nil {
		fmt.Fprintln(os.Stderr, "testns:", err)
	}
	os.Exit(m.Run())
}

// Rerun makes sure that the process may create network namespaces. If it may not, it
// runs the same program again as root of a new user namespace, with the same
// arguments, waits for it, and exits with its status. It returns if nothing was
// needed, or with an error if user namespaces are not allowed either; then [Create]
// fails too.
//
// In the user namespace only the caller's own user and group exist, as 0.
func Rerun() error {
	if os.Getenv(rerunMark) != "" {
		return nil
	}
	ns, err := Create()
	if err == nil {
		return ns.Close()
	}
	if !errors.Is(err, syscall.EPERM) {
		return err
	}
	runtime.LockOSThread() // Pdeathsig is bound to the thread
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(os.Environ(), rerunMark+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	}
	if err := cmd.Start(); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("making a user namespace: %w", err)
	}
	err = cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return err
	}
	code := cmd.ProcessState.ExitCode()
	if code < 0 { // killed by a signal
		code = 1
	}
	os.Exit(code)
	return nil
}
