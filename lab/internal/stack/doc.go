// Package stack is the sockets of one emulated host: TCP, UDP, ping and raw.
package stack
