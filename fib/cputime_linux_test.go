package fib

import (
	"syscall"
	"time"
	"unsafe"
)

// cpuTime returns the time that this thread has run (CLOCK_THREAD_CPUTIME_ID).
func cpuTime() time.Duration {
	const threadCPUTime = 3
	var t syscall.Timespec
	if _, _, errno := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, threadCPUTime, uintptr(unsafe.Pointer(&t)), 0); errno != 0 {
		panic(errno)
	}
	return time.Duration(t.Nano())
}
