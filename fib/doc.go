// Package fib holds routing tables and policy databases compiled for speed:
// arrays of integers that many goroutines search at once without a lock and without
// allocating, while one may change them.
package fib
