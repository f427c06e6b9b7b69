//go:build !linux

package fib

import "time"

var start = time.Now()

// cpuTime returns the time, for the lack of one of this thread alone.
func cpuTime() time.Duration { return time.Since(start) }

func processTime() time.Duration { return time.Since(start) }
