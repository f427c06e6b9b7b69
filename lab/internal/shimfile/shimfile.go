// Package shimfile carries the program that a command of a world is called in
// (lab/shim/program), built for Linux without cgo. All of rulewalk could be that program, as it
// is elsewhere; but the kernel and the Go runtime need two milliseconds longer to start that
// than to start this one, and a script calls ip a thousand times.
//
// The files *.gz are made, and held against their source, by the test of this package.
package shimfile

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"os/exec"
)

//go:generate go test . -update

// Write writes the program to a file and tells whether that can be run: there is a
// program for this kind of machine, and the file system lets programs run. It takes
// some 20 ms.
func Write(path string) (bool, error) {
	if len(packed) == 0 {
		return false, nil
	}
	program, err := unpack(packed)
	if err != nil {
		return false, err
	}
	if err := os.WriteFile(path, program, 0o700); err != nil {
		return false, err
	}
	return exec.Command(path).Run() == nil, nil // by its own name it does nothing
}

func unpack(b []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("the packed program: %w", err)
	}
	program, err := io.ReadAll(z)
	if err != nil {
		return nil, fmt.Errorf("the packed program: %w", err)
	}
	return program, nil
}
