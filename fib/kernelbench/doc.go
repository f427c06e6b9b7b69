// Package kernelbench compares package fib with the running kernel's own lookups. It
// is a module of its own for the sake of what it needs: github.com/cilium/ebpf.
package kernelbench
