// Package fib holds routing tables and policy databases compiled for speed:
// read-only arrays of integers that many goroutines search at once without a lock
// and without allocating.
package fib
