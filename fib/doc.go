// Package fib holds routing tables compiled for speed: read-only arrays of
// integers that many goroutines search at once without a lock.
package fib
