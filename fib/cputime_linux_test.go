package fib

import (
	"syscall"
	"time"
	"unsafe"
)

// cpuTime returns the time that this thread has run (CLOCK_THREAD_CPUTIME_ID).
func cpuTime() time.Duration { return clock(3) }

// processTime returns the time that all threads have run (CLOCK_PROCESS_CPUTIME_ID).
func processTime() time.Duration { return clock(2) }

func clock(id uintptr) time.Duration {
	var t syscall.Timespec
	if _, _, errno := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, id, uintptr(unsafe.Pointer(&t)), 0); errno != 0 {
		panic(errno)
	}
	return time.Duration(t.Nano())
}
