// Package cli is the rulewalk command as a library: [Run] runs one command line with
// the streams of an [Env] and returns the exit status.
package cli
